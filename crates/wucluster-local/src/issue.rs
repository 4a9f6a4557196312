//! Requests: translated, carried out as far as they go at once, answered. Nothing is waited for.

use wucluster_core::action::CloudAction;
use wucluster_core::ids::InstanceId;
use wucluster_core::memory::AwaitedId;
use wucluster_core::ports::{CloudError, Receipt};
use wucluster_core::time::Timestamp;

use crate::cloud::LocalCloud;
use crate::error::{LocalError, refuse};
use crate::files;
use crate::launch::Wish;
use crate::machine::{self, Life};
use crate::qmp::Qmp;
use crate::records::{Ending, InstanceRecord, SnapshotRecord, VolumeRecord, Wanted};
use crate::store::{Held, now};

/// How long a machine may take to power itself off before its plug is pulled.
///
/// Measured under TCG: 2 s alone, 6 s with four at once. The rest is for services of the user.
pub(crate) const ENDING_GRACE: std::time::Duration = std::time::Duration::from_secs(90);

impl LocalCloud {
    /// Carries out one request.
    pub(crate) async fn perform(
        &self,
        held: &Held,
        action: &CloudAction,
    ) -> Result<Receipt, CloudError> {
        match action {
            CloudAction::RunInstance { .. } => match Wish::of(action) {
                Some(wish) => self.run_instance(held, wish).await,
                None => Err(refuse("InvalidParameterValue", "it runs no instance")),
            },
            CloudAction::StartInstance { instance, .. } => {
                self.start_instance(held, instance).await
            }
            CloudAction::StopInstance { instance, .. } => {
                self.end_instance(held, instance, Wanted::Stopped).await
            }
            CloudAction::TerminateInstance { instance, .. } => {
                self.end_instance(held, instance, Wanted::Terminated).await
            }
            CloudAction::CreateVolume { size, from, zone, tags, token, .. } => {
                self.create_volume(held, *size, from.as_ref(), zone.as_ref(), tags, token)
            }
            CloudAction::AttachVolume { volume, instance, .. } => {
                self.attach_volume(held, volume, instance).await
            }
            CloudAction::DetachVolume { volume, instance, .. } => {
                self.detach_volume(held, volume, instance).await
            }
            CloudAction::TagVolume { volume, tags, .. } => self.tag_volume(held, volume, tags),
            CloudAction::GrowVolume { volume, size, .. } => self.grow_volume(held, volume, *size),
            CloudAction::Adopt { id, tags, .. } => self.adopt(held, id, tags),
            CloudAction::TagSnapshot { snapshot, tags, .. } => {
                self.adopt(held, &AwaitedId::Snapshot(snapshot.clone()), tags)
            }
            CloudAction::CreateSnapshot { volume, tags, .. } => {
                self.create_snapshot(held, volume, tags).await
            }
            CloudAction::DeleteVolume { volume, .. } => self.delete_volume(held, volume),
            CloudAction::DeleteSnapshot { snapshot, .. } => self.remove_snapshot(held, snapshot),
        }
    }

    /// Finds an instance.
    pub(crate) fn instance(
        &self,
        held: &Held,
        id: &InstanceId,
    ) -> Result<InstanceRecord, LocalError> {
        let found = self.store.get::<InstanceRecord>(held, id.as_str())?;
        found.ok_or_else(|| LocalError::NoSuchInstance { instance: id.to_string() })
    }

    async fn start_instance(&self, held: &Held, id: &InstanceId) -> Result<Receipt, CloudError> {
        let mut record = self.instance(held, id)?;
        if record.terminated_at.is_some() || record.wanted == Wanted::Terminated {
            let why = format!("{id} is terminated, or about to be; run another one");
            return Err(refuse("IncorrectInstanceState", why));
        }
        if machine::life(&machine::files_of(&self.store, id))?.is_alive() {
            return match record.wanted {
                Wanted::Running => Ok(Receipt::AlreadyDone),
                Wanted::Stopped | Wanted::Terminated => {
                    let why = format!("{id} is still stopping");
                    Err(refuse("IncorrectInstanceState", why))
                }
            };
        }
        for (volume, _) in self.volumes_of(held, id)? {
            self.refuse_while_copied(held, &volume)?;
        }
        crate::admission::check_one(&self.store, &record.machine)?;
        match self.start_machine(held, &mut record).await {
            Ok(()) => Ok(Receipt::Accepted),
            Err(error) => {
                record.state_reason = Some(format!("Server.InternalError: {error}"));
                self.store.put(held, &record)?;
                Err(error)
            }
        }
    }

    /// Asks an instance to end in order; its plug is pulled at a look after the grace.
    pub(crate) async fn end_instance(
        &self,
        held: &Held,
        id: &InstanceId,
        wanted: Wanted,
    ) -> Result<Receipt, CloudError> {
        let mut record = self.instance(held, id)?;
        if record.terminated_at.is_some() || record.wanted == wanted {
            return Ok(Receipt::AlreadyDone);
        }
        if record.wanted == Wanted::Terminated {
            let why = format!("{id} is being terminated");
            return Err(refuse("IncorrectInstanceState", why));
        }
        let files = machine::files_of(&self.store, id);
        let at = now();
        record.wanted = wanted;
        record.state_reason = Some(match wanted {
            Wanted::Running => return Ok(Receipt::AlreadyDone),
            Wanted::Stopped => "Client.UserInitiatedShutdown: asked to stop".to_owned(),
            Wanted::Terminated => "Client.InstanceTerminated: asked to terminate".to_owned(),
        });
        record.ending =
            Some(Ending { asked_at: at, told_at: at, force_after: at.after(ENDING_GRACE) });
        self.store.put(held, &record)?;
        match machine::life(&files)? {
            Life::Dead if wanted == Wanted::Terminated => {
                self.finish_termination(held, &mut record, at)?;
            }
            Life::Dead => {}
            // A machine that cannot hear now is told again at the next look.
            Life::Alive(_) => {
                if let Ok(mut qmp) = Qmp::connect(id.as_str(), &files.qmp()).await {
                    let _ = machine::ask_to_end(&mut qmp).await;
                }
            }
        }
        Ok(Receipt::Accepted)
    }

    /// Clears up after a terminated machine: its root disk goes, its volumes are free, it stays listed.
    pub(crate) fn finish_termination(
        &self,
        held: &Held,
        record: &mut InstanceRecord,
        at: Timestamp,
    ) -> Result<(), LocalError> {
        for mut volume in self.store.list::<VolumeRecord>(held)? {
            if volume.attachment.as_ref().is_some_and(|now| now.instance == record.id) {
                volume.attachment = None;
                self.store.put(held, &volume)?;
            }
        }
        let files = machine::files_of(&self.store, &record.id);
        files::remove_all(&files.root_disk())?;
        files::remove_all(&files.host_key())?;
        for name in crate::arguments::CREDENTIALS {
            files::remove_all(&files.credential(name))?;
        }
        files::remove_all(&files.runtime)?;
        record.terminated_at = Some(at);
        self.store.put(held, record)
    }

    /// Refuses to let anything write to a volume, or remove it, while a snapshot is copied from it.
    ///
    /// EC2 permits this, since it fixes the content at the moment of the call. Without block sharing
    /// of the file system only waiting does.
    pub(crate) fn refuse_while_copied(
        &self,
        held: &Held,
        volume: &wucluster_core::ids::VolumeId,
    ) -> Result<(), CloudError> {
        for snapshot in self.store.list::<SnapshotRecord>(held)? {
            if &snapshot.volume == volume && self.is_being_copied(&snapshot)? {
                let why = format!("{} of {volume} is still being copied", snapshot.id);
                return Err(refuse("IncorrectState", why));
            }
        }
        Ok(())
    }
}
