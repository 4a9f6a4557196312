//! Making and starting instances.

use std::borrow::Cow;

use wucluster_core::action::CloudAction;
use wucluster_core::definition::MachineDefinition;
use wucluster_core::ids::{ClusterName, InstanceId, NodeName, VolumeId};
use wucluster_core::ports::{CloudError, Receipt};
use wucluster_core::tags::{KEY_CLUSTER, Tags};

use crate::accel::Accel;
use crate::admission;
use crate::arguments::{CREDENTIALS, MachineFiles, Start};
use crate::cloud::LocalCloud;
use crate::error::{LocalError, refuse};
use crate::files;
use crate::image::Image;
use crate::keys;
use crate::machine;
use crate::network::{self, Network};
use crate::program;
use crate::records::{InstanceRecord, RECORD_SCHEMA, VolumeRecord, Wanted};
use crate::store::{self, Held, now};

/// Longest time for making an overlay. Measured: 30 ms.
const OVERLAY_LIMIT: std::time::Duration = std::time::Duration::from_secs(30);

/// What is asked for in a new instance.
pub(crate) struct Wish<'a> {
    pub(crate) node: &'a NodeName,
    pub(crate) machine: &'a MachineDefinition,
    pub(crate) zone: Option<&'a String>,
    pub(crate) tags: &'a Tags,
    pub(crate) token: Cow<'a, str>,
}

impl<'a> Wish<'a> {
    /// Reads it from a request to run an instance.
    pub(crate) fn of(action: &'a CloudAction) -> Option<Self> {
        let CloudAction::RunInstance { node, machine, zone, tags, token, together } = action else {
            return None;
        };
        // No call is shared here: each makes its own, under a token of its own.
        let token = match together {
            None => Cow::Borrowed(token.as_str()),
            Some(_) => Cow::Owned(format!("{token} {node}")),
        };
        Some(Self { node, machine, zone: zone.as_ref(), tags, token })
    }
}

impl LocalCloud {
    /// Runs an instance, or finds the one that was run under the same token.
    pub(crate) async fn run_instance(
        &self,
        held: &Held,
        wish: Wish<'_>,
    ) -> Result<Receipt, CloudError> {
        let Wish { node, machine, zone, tags, token } = wish;
        let known = self.store.list::<InstanceRecord>(held)?;
        if let Some(same) = known.iter().find(|record| record.token == *token) {
            if &same.node != node || &same.machine != machine {
                let why = format!("token {token} was used for {} with other parameters", same.id);
                return Err(refuse("IdempotentParameterMismatch", why));
            }
            if same.terminated_at.is_some() || same.wanted == Wanted::Terminated {
                let why = format!("{} was run under token {token}, and terminated", same.id);
                return Err(refuse("IdempotentInstanceTerminated", why));
            }
            return Ok(Receipt::Instance(same.id.clone()));
        }
        let cluster = tags.get(KEY_CLUSTER).and_then(|name| ClusterName::new(name).ok());
        let Some(cluster) = cluster else {
            let why = format!("an instance needs the tag {KEY_CLUSTER}");
            return Err(refuse("MissingParameter", why));
        };
        let image = self.images.current()?;
        if let Some(wanted) = &machine.image
            && wanted != &image.recipe
        {
            let why = format!("there is no image {wanted}; the local cloud has {}", image.recipe);
            return Err(refuse("InvalidAMIID.NotFound", why));
        }
        admission::check_one(&self.store, machine)?;

        let id = InstanceId::new(store::new_id::<InstanceRecord>()?);
        let files = machine::files_of(&self.store, &id);
        files::create_private_dir(&files.dir)?;
        let address = Network::of(&self.store, &cluster).address_of(held, node)?;
        let mut record = InstanceRecord {
            schema: RECORD_SCHEMA,
            host_key: keys::make_host_key(&files.host_key(), id.as_str()).await?,
            id,
            node: node.clone(),
            cluster,
            machine: machine.clone(),
            zone: zone.cloned(),
            tags: tags.clone(),
            token: token.into_owned(),
            image: image.recipe.clone(),
            ssh_port: 0,
            address: address.to_string(),
            wanted: Wanted::Running,
            created_at: now(),
            started_at: now(),
            starts: 0,
            resets: None,
            ending: None,
            terminated_at: None,
            state_reason: None,
        };
        make_root_disk(&files, &image).await?;
        if let Err(error) = self.start_machine(held, &mut record).await {
            // Nobody has seen it: as if it had never been asked for.
            files::remove_all(&files.runtime)?;
            self.store.remove::<InstanceRecord>(held, record.id.as_str())?;
            return Err(error);
        }
        Ok(Receipt::Instance(record.id))
    }

    /// Starts the machine of an instance with the volumes that are attached to it, and records it.
    pub(crate) async fn start_machine(
        &self,
        held: &Held,
        record: &mut InstanceRecord,
    ) -> Result<(), CloudError> {
        let files = machine::files_of(&self.store, &record.id);
        let image = self.images.get(&record.image)?;
        let network = Network::of(&self.store, &record.cluster);
        let volumes = self.volumes_of(held, &record.id)?;
        let accel = Accel::of_host(self.store.root()).await?;
        self.write_credentials(held, &files, record, &network).await?;

        let others = self.store.list::<InstanceRecord>(held)?;
        let mut taken: Vec<u16> = others
            .iter()
            .filter(|other| other.id != record.id && other.terminated_at.is_none())
            .map(|other| other.ssh_port)
            .collect();
        let mut failed = None;
        record.starts += 1;
        record.resets = None;
        for _ in machine::port_tries() {
            record.ssh_port =
                network::free_port(Some(record.ssh_port).filter(|p| *p != 0), &taken)?;
            record.wanted = Wanted::Running;
            record.ending = None;
            record.state_reason = None;
            record.started_at = now();
            // Before the machine: one that runs unknown to us would hold its disks for ever.
            self.store.put(held, record)?;
            let start = Start {
                record,
                files: &files,
                image: &image,
                network: &network,
                accel,
                volumes: &volumes,
            };
            match machine::start(&self.store, &start).await {
                Ok(()) => return Ok(()),
                Err(error) if machine::is_port_taken(&error) => {
                    taken.push(record.ssh_port);
                    failed = Some(error);
                }
                Err(error) => return Err(error.into()),
            }
        }
        let why = failed.map_or_else(String::new, |error| error.to_string());
        Err(refuse("InternalError", format!("no port for its ssh: {why}")))
    }

    /// Lists the volumes attached to an instance, with their slots.
    pub(crate) fn volumes_of(
        &self,
        held: &Held,
        id: &InstanceId,
    ) -> Result<Vec<(VolumeId, u8)>, LocalError> {
        let volumes = self.store.list::<VolumeRecord>(held)?;
        Ok(volumes
            .into_iter()
            .filter_map(|volume| {
                let attachment = volume.attachment.filter(|at| &at.instance == id)?;
                Some((volume.id, attachment.slot))
            })
            .collect())
    }

    async fn write_credentials(
        &self,
        _held: &Held,
        files: &MachineFiles,
        record: &InstanceRecord,
        network: &Network,
    ) -> Result<(), LocalError> {
        let read = |path: std::path::PathBuf| {
            std::fs::read(&path).map_err(LocalError::file("read", &path))
        };
        let client = keys::client_key(self.store.root()).await?;
        for name in CREDENTIALS {
            let content = match name {
                "host-key" => read(files.host_key())?,
                "authorized-keys" => read(keys::public_of(&client))?,
                "address" => format!("{}/{}\n", record.address, network::PREFIX).into_bytes(),
                _ => read(network.names_file())?,
            };
            files::write_whole(&files.credential(name), &content)?;
        }
        Ok(())
    }
}

/// Makes a root disk: an overlay on the image, which stays as it is.
async fn make_root_disk(files: &MachineFiles, image: &Image) -> Result<(), LocalError> {
    let mut command =
        program::command("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "raw", "-b"]);
    command.arg(&image.disk).arg(files.root_disk());
    program::run(command, OVERLAY_LIMIT).await.map(drop)
}
