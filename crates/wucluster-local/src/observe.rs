//! A look at the account: states derived from what is there, now, and what was asked for.
//!
//! There is no daemon. What follows mechanically from earlier requests is done by whoever looks:
//! closing a disk whose device is gone, telling a machine again, clearing up after a dead one.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use wucluster_core::ids::{ClusterName, InstanceId};
use wucluster_core::observation::{CloudView, InstanceSeen, InstanceState, SshEndpoint};
use wucluster_core::time::Timestamp;

use crate::cloud::LocalCloud;
use crate::devices::Inventory;
use crate::error::LocalError;
use crate::machine::{self, Boot, Life};
use crate::qmp::Qmp;
use crate::records::{InstanceRecord, Record, Resets, SnapshotRecord, VolumeRecord, Wanted};
use crate::store::{Held, now};
use crate::volumes;

/// How long a terminated instance stays listed. EC2: "usually less than one hour".
const LISTED_FOR: Duration = Duration::from_secs(600);
/// How long a node may take to say that its ssh is up. After that it is shown as running with its address
/// all the same: then the reason is for others to find.
///
/// Measured under TCG: 7 to 10 s, with four at once on two busy cores up to 40 s.
const SILENT_MAX: Duration = Duration::from_secs(240);
/// How long a boot may take before it counts as hung.
const HUNG_AFTER: Duration = Duration::from_secs(90);
/// How often a machine is told again to end: one that boots may not hear.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// One machine, as found in this look.
pub(crate) struct MachineLook {
    /// Whether it lives.
    pub(crate) life: Life,
    /// The connection to it, if it answers.
    pub(crate) qmp: Option<Qmp>,
    /// QEMU's word for its state, if it answers.
    status: Option<String>,
    /// What it has plugged in, if it answers.
    pub(crate) inventory: Option<Inventory>,
}

impl LocalCloud {
    /// Looks at all that carries the cluster's tag.
    pub(crate) async fn look(&self, cluster: &ClusterName) -> Result<CloudView, LocalError> {
        let held = self.store.hold().await?;
        let at = now();
        let mut instances = self.store.list::<InstanceRecord>(&held)?;
        instances.retain(|record| record.belongs_to(cluster));
        let mut view = CloudView { asked_at: at, requests: 1, ..CloudView::default() };

        let living = instances.iter().filter(|record| record.terminated_at.is_none());
        let looks = join_all(living.map(|record| self.look_at(record))).await;
        let mut machines = BTreeMap::new();
        for look in looks {
            let (id, look) = look?;
            machines.insert(id, look);
        }
        for record in &mut instances {
            let seen = self.see_instance(&held, record, machines.get_mut(&record.id), at).await?;
            let is_listed = record.terminated_at.is_none_or(|end| at < end.after(LISTED_FOR));
            view.instances.extend(is_listed.then_some(seen));
        }
        for mut record in self.store.list::<VolumeRecord>(&held)? {
            if !record.belongs_to(cluster) {
                continue;
            }
            if record.deleted_at.is_some() {
                self.finish_deletion(&record)?;
                continue;
            }
            let owner = volumes::owner(&record).cloned();
            if let Some(owner) = &owner
                && volumes::is_gone(self.store.get(&held, owner.as_str())?.as_ref())
            {
                record.attachment = None;
                self.store.put(&held, &record)?;
            }
            let machine = owner.and_then(|id| machines.get_mut(&id));
            view.volumes.push(self.see_volume(&held, &mut record, machine, at).await?);
        }
        for mut record in self.store.list::<SnapshotRecord>(&held)? {
            if record.belongs_to(cluster) {
                let machine = record.taken_by.as_ref().and_then(|id| machines.get_mut(id));
                view.snapshots.push(self.see_snapshot(&held, &mut record, machine).await?);
            }
        }
        Ok(view)
    }

    async fn look_at(
        &self,
        record: &InstanceRecord,
    ) -> Result<(InstanceId, MachineLook), LocalError> {
        let files = machine::files_of(&self.store, &record.id);
        let life = machine::life(&files)?;
        let mut look = MachineLook { life, qmp: None, status: None, inventory: None };
        if life.is_alive()
            && let Ok(mut qmp) = Qmp::connect(record.id.as_str(), &files.qmp()).await
        {
            let asked = async {
                let status = qmp.execute("query-status", json!({})).await?;
                Ok::<_, LocalError>((status, Inventory::of(&mut qmp).await?))
            };
            // It may be ending right now. What does not answer is known by its life alone.
            if let Ok((status, inventory)) = asked.await {
                look.status = status.get("status").and_then(Value::as_str).map(str::to_owned);
                look.inventory = Some(inventory);
                look.qmp = Some(qmp);
            }
        }
        Ok((record.id.clone(), look))
    }

    async fn see_instance(
        &self,
        held: &Held,
        record: &mut InstanceRecord,
        look: Option<&mut MachineLook>,
        at: Timestamp,
    ) -> Result<InstanceSeen, LocalError> {
        let mut reason = record.state_reason.clone();
        let mut boot = Boot::Firmware;
        let state = match look {
            None => InstanceState::Terminated,
            Some(look) if look.life.is_alive() => {
                self.carry_on_ending(held, record, look, at).await?;
                match record.wanted {
                    Wanted::Terminated => InstanceState::ShuttingDown,
                    Wanted::Stopped => InstanceState::Stopping,
                    Wanted::Running => {
                        reason = trouble(look);
                        let files = machine::files_of(&self.store, &record.id);
                        boot = machine::boot(&files);
                        if is_hung(record, boot, at) {
                            self.begin_anew(held, record, look, at).await?;
                        }
                        if let Some(Resets { count, .. }) = record.resets {
                            let told = format!("its boot hung and was begun anew {count} times");
                            reason.get_or_insert(told);
                        }
                        if at >= record.started_at.after(SILENT_MAX) {
                            boot = Boot::SshIsUp;
                        }
                        match boot {
                            Boot::Firmware => InstanceState::Pending,
                            Boot::System | Boot::SshIsUp => InstanceState::Running,
                        }
                    }
                }
            }
            Some(_) => match record.wanted {
                Wanted::Terminated => {
                    self.finish_termination(held, record, at)?;
                    InstanceState::Terminated
                }
                Wanted::Stopped => InstanceState::Stopped,
                Wanted::Running => {
                    let files = machine::files_of(&self.store, &record.id);
                    reason.get_or_insert_with(|| machine::reason_of_death(&files).to_owned());
                    InstanceState::Stopped
                }
            },
        };
        let is_up = state == InstanceState::Running;
        let ssh = SshEndpoint {
            host: "127.0.0.1".to_owned(),
            port: record.ssh_port,
            user: "root".to_owned(),
            host_key: Some(record.host_key.clone()),
            identity_file: Some(self.client_key().to_string_lossy().into_owned()),
        };
        Ok(InstanceSeen {
            id: record.id.clone(),
            state,
            tags: record.tags.clone(),
            ssh: (boot == Boot::SshIsUp).then_some(ssh),
            address: is_up.then(|| record.address.clone()),
            zone: record.zone.clone(),
            instance_type: None,
            launched_at: Some(record.started_at),
            state_reason: reason,
        })
    }

    /// Pushes the reset button of a machine.
    async fn begin_anew(
        &self,
        held: &Held,
        record: &mut InstanceRecord,
        look: &mut MachineLook,
        at: Timestamp,
    ) -> Result<(), LocalError> {
        let count = record.resets.map_or(0, |before| before.count) + 1;
        record.resets = Some(Resets { count, last_at: at });
        self.store.put(held, record)?;
        if let Some(qmp) = &mut look.qmp {
            // It may just be gone; the next look tells.
            let _ = qmp.execute("system_reset", json!({})).await;
        }
        Ok(())
    }

    /// Tells a machine again that it is to end, or pulls its plug when its grace is over.
    async fn carry_on_ending(
        &self,
        held: &Held,
        record: &mut InstanceRecord,
        look: &mut MachineLook,
        at: Timestamp,
    ) -> Result<(), LocalError> {
        let Some(ending) = &mut record.ending else { return Ok(()) };
        if at >= ending.force_after {
            return machine::kill(&machine::files_of(&self.store, &record.id), &record.id);
        }
        if at >= ending.told_at.after(TELL_AGAIN_AFTER) {
            ending.told_at = at;
            if let Some(qmp) = &mut look.qmp {
                // It may just be gone; the next look tells.
                let _ = machine::ask_to_end(qmp).await;
            }
            self.store.put(held, record)?;
        }
        Ok(())
    }
}

/// Says whether a boot hangs, and may be begun anew as nothing of a volume can be in use: its system has
/// not begun, or it is the first boot of a fresh root disk, which names no volume, and ssh was never up.
///
/// Seen under TCG about once in 40 boots on a busy host: the kernel idles and never gets on.
fn is_hung(record: &InstanceRecord, boot: Boot, at: Timestamp) -> bool {
    let is_untouched = match boot {
        Boot::Firmware => true,
        Boot::System => record.starts == 1,
        Boot::SshIsUp => false,
    };
    let (count, since) =
        record.resets.map_or((0, record.started_at), |before| (before.count, before.last_at));
    // Longer each time: on a host that is only slow, the next boot must get further.
    is_untouched && at >= since.after(HUNG_AFTER.saturating_mul(1 << count.min(5)))
}

/// Says what is wrong with a machine that lives.
fn trouble(look: &MachineLook) -> Option<String> {
    match look.status.as_deref() {
        None => Some(
            "Server.InternalError: the machine runs and does not answer its control".to_owned(),
        ),
        Some("running" | "prelaunch" | "inmigrate") => None,
        Some("io-error") => {
            Some("Server.InternalError: paused, a disk of this host failed or is full".to_owned())
        }
        Some(word) => Some(format!("Server.InternalError: the machine is `{word}`")),
    }
}

#[cfg(test)]
mod tests {
    use wucluster_core::definition::MachineDefinition;
    use wucluster_core::ids::NodeName;
    use wucluster_core::tags::Tags;

    use super::*;

    fn record(starts: u32, resets: Option<Resets>) -> InstanceRecord {
        let start = Timestamp::from_millis(1_000_000);
        InstanceRecord {
            schema: crate::records::RECORD_SCHEMA,
            id: InstanceId::new("i-0"),
            node: NodeName::new("a").unwrap(),
            cluster: ClusterName::new("demo").unwrap(),
            machine: MachineDefinition::default(),
            zone: None,
            tags: Tags::default(),
            token: String::new(),
            image: String::new(),
            ssh_port: 1,
            host_key: String::new(),
            address: String::new(),
            wanted: Wanted::Running,
            created_at: start,
            started_at: start,
            starts,
            resets,
            ending: None,
            terminated_at: None,
            state_reason: None,
        }
    }

    #[test]
    fn a_boot_that_hangs_is_begun_anew_only_while_nothing_can_be_mounted() {
        let after = |seconds: u64| record(1, None).started_at.after(Duration::from_secs(seconds));
        let first = record(1, None);
        assert!(!is_hung(&first, Boot::Firmware, after(89)));
        assert!(is_hung(&first, Boot::Firmware, after(90)));
        assert!(is_hung(&first, Boot::System, after(90)));
        assert!(
            !is_hung(&first, Boot::SshIsUp, after(9000)),
            "somebody may have mounted something"
        );
        let later = record(2, None);
        assert!(is_hung(&later, Boot::Firmware, after(90)));
        assert!(!is_hung(&later, Boot::System, after(9000)), "its own files may mount volumes");
        let again = record(1, Some(Resets { count: 1, last_at: after(90) }));
        assert!(!is_hung(&again, Boot::Firmware, after(90 + 179)));
        assert!(is_hung(&again, Boot::Firmware, after(90 + 180)));
    }
}
