//! Volumes: made, attached, let go, deleted, and how each is seen.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use wucluster_core::definition::Size;
use wucluster_core::ids::{InstanceId, SnapshotId, VolumeId};
use wucluster_core::observation::{AttachmentSeen, AttachmentState, VolumeSeen, VolumeState};
use wucluster_core::ports::{CloudError, ErrorClass, Receipt};
use wucluster_core::tags::Tags;
use wucluster_core::time::Timestamp;

use crate::admission::check_copy;
use crate::arguments::SLOTS;
use crate::cloud::LocalCloud;
use crate::copies::{self, Copy, Progress, Work};
use crate::devices::{self, Inventory};
use crate::error::{LocalError, refuse};
use crate::files;
use crate::machine::{self, Life};
use crate::observe::MachineLook;
use crate::qmp::Qmp;
use crate::records::{
    AttachmentRecord, DetachRecord, InstanceRecord, RECORD_SCHEMA, SnapshotRecord, VolumeRecord,
    Wanted,
};
use crate::store::{self, Held, now};

/// How long a guest may take to let a device go before it is said to hold it.
///
/// Measured under TCG: below 1 s on a booted node. EC2 says `busy` after 6 to 40 s.
const BUSY_AFTER: Duration = Duration::from_secs(6);
/// How often a guest is told again: one that boots does not hear.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(5);

impl LocalCloud {
    pub(crate) fn volume(&self, held: &Held, id: &VolumeId) -> Result<VolumeRecord, CloudError> {
        let found = self.store.get::<VolumeRecord>(held, id.as_str())?;
        found
            .filter(|record| record.deleted_at.is_none())
            .ok_or_else(|| refuse("InvalidVolume.NotFound", format!("there is no volume {id}")))
    }

    /// Makes a volume, or finds the one that was made under the same token.
    pub(crate) fn create_volume(
        &self,
        held: &Held,
        size: Size,
        from: Option<&SnapshotId>,
        zone: Option<&String>,
        tags: &Tags,
        token: &str,
    ) -> Result<Receipt, CloudError> {
        let known = self.store.list::<VolumeRecord>(held)?;
        if let Some(same) = known.into_iter().find(|record| record.token == token) {
            if same.size != size || same.from_snapshot.as_ref() != from || same.deleted_at.is_some()
            {
                let why =
                    format!("token {token} was used for {}, which is another or gone", same.id);
                return Err(refuse("IdempotentParameterMismatch", why));
            }
            return Ok(Receipt::Volume(same.id));
        }
        let source = from.map(|id| self.source_snapshot(held, id, size)).transpose()?;
        let mut record = VolumeRecord {
            schema: RECORD_SCHEMA,
            id: VolumeId::new(store::new_id::<VolumeRecord>()?),
            size,
            zone: zone.cloned(),
            tags: tags.clone(),
            token: token.to_owned(),
            from_snapshot: from.cloned(),
            created_at: now(),
            is_creating: source.is_some(),
            deleted_at: None,
            error: None,
            attachment: None,
        };
        let dir = self.store.dir::<VolumeRecord>(record.id.as_str());
        files::create_private_dir(&dir)?;
        if let Some(snapshot) = source {
            // First the record: a copy that nobody knows of would be lost space.
            self.store.put(held, &record)?;
            let work = Work::Restore {
                kept: copies::kept_in(&self.store.snapshot_dir(&snapshot.id)),
                // A snapshot that is whole has one; an empty one fits nothing.
                sum: snapshot.sha256.unwrap_or_default(),
                bytes: size.bytes(),
            };
            let copy = Copy { work, dir };
            if let Err(error) = copy.start() {
                record.error = Some(error.to_string());
                self.store.put(held, &record)?;
                return Err(error.into());
            }
        } else {
            let data = dir.join(copies::DISK);
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&data)
                .and_then(|file| {
                    file.set_len(size.bytes())?;
                    file.sync_all()
                })
                .map_err(LocalError::file("make", &data))?;
            self.store.put(held, &record)?;
        }
        Ok(Receipt::Volume(record.id))
    }

    /// Finds the snapshot that a volume of `size` may be made from.
    fn source_snapshot(
        &self,
        held: &Held,
        id: &SnapshotId,
        size: Size,
    ) -> Result<SnapshotRecord, CloudError> {
        let Some(mut snapshot) = self.store.get::<SnapshotRecord>(held, id.as_str())? else {
            let why = format!("there is no snapshot {id}");
            return Err(refuse("InvalidSnapshot.NotFound", why));
        };
        self.settle_snapshot(held, &mut snapshot)?;
        if snapshot.sha256.is_none() {
            let why = format!("{id} is not completed");
            return Err(refuse("IncorrectState", why));
        }
        if size < snapshot.size {
            let why = format!("a volume of {size} cannot hold {id}, which is of {}", snapshot.size);
            return Err(refuse("InvalidParameterValue", why));
        }
        check_copy(
            &self.store,
            files::allocated_bytes(&copies::kept_in(&self.store.snapshot_dir(id))),
        )?;
        Ok(snapshot)
    }

    /// Attaches a volume. To an instance that is off, it is plugged in when that starts.
    pub(crate) async fn attach_volume(
        &self,
        held: &Held,
        id: &VolumeId,
        instance: &InstanceId,
    ) -> Result<Receipt, CloudError> {
        let mut record = self.volume(held, id)?;
        if let Some(attachment) = &record.attachment {
            if &attachment.instance == instance && attachment.detach.is_none() {
                return Ok(Receipt::AlreadyDone);
            }
            let why = format!("{id} is attached to {}", attachment.instance);
            return Err(refuse("VolumeInUse", why));
        }
        self.settle_content(held, &mut record)?;
        if record.is_creating || record.error.is_some() {
            let why = format!("{id} is not available");
            return Err(refuse("IncorrectState", why));
        }
        self.refuse_while_copied(held, id)?;
        let owner = self.instance(held, instance)?;
        let files = machine::files_of(&self.store, instance);
        let is_alive = machine::life(&files)?.is_alive();
        let is_fit = match owner.wanted {
            Wanted::Running => true,
            Wanted::Stopped => !is_alive,
            Wanted::Terminated => false,
        };
        if !is_fit {
            let why = format!("{instance} is on its way down, or gone");
            return Err(refuse("IncorrectState", why));
        }
        let taken: Vec<u8> =
            self.volumes_of(held, instance)?.into_iter().map(|(_, slot)| slot).collect();
        let Some(slot) = (0..SLOTS).find(|slot| !taken.contains(slot)) else {
            let why = format!("{instance} has {SLOTS} volumes, which is the most");
            return Err(refuse("AttachmentLimitExceeded", why));
        };
        let attachment = AttachmentRecord {
            instance: instance.clone(),
            slot,
            asked_at: now(),
            attached_at: None,
            detach: None,
        };
        record.attachment = Some(attachment);
        // Before the machine: what is plugged in unknown to us could be plugged in twice.
        self.store.put(held, &record)?;
        if is_alive {
            let mut qmp = Qmp::connect(instance.as_str(), &files.qmp()).await?;
            let inventory = Inventory::of(&mut qmp).await?;
            let data = self.store.volume_data(id);
            if let Err(error) = devices::plug(&mut qmp, &inventory, id, &data, slot).await {
                record.attachment = None;
                self.store.put(held, &record)?;
                return Err(error.into());
            }
        }
        Ok(Receipt::Accepted)
    }

    /// Detaches a volume: at once from a machine that is off, else when the guest lets it go.
    pub(crate) async fn detach_volume(
        &self,
        held: &Held,
        id: &VolumeId,
        instance: &InstanceId,
    ) -> Result<Receipt, CloudError> {
        let mut record = self.volume(held, id)?;
        let Some(attachment) = &mut record.attachment else {
            return Err(refuse("IncorrectState", format!("{id} is attached to nothing")));
        };
        if &attachment.instance != instance {
            let why = format!("{id} is attached to {}, not to {instance}", attachment.instance);
            return Err(refuse("InvalidAttachment.NotFound", why));
        }
        let at = now();
        let is_asked = attachment.detach.is_some();
        attachment.detach.get_or_insert(DetachRecord { asked_at: at, told_at: at });
        let files = machine::files_of(&self.store, instance);
        if machine::life(&files)? == Life::Dead {
            record.attachment = None;
            self.store.put(held, &record)?;
            return Ok(Receipt::Accepted);
        }
        if is_asked {
            return Ok(Receipt::AlreadyDone);
        }
        self.store.put(held, &record)?;
        // A machine that cannot hear now is told again at the next look.
        if let Ok(mut qmp) = Qmp::connect(instance.as_str(), &files.qmp()).await {
            let _ = devices::unplug(&mut qmp, id).await;
        }
        Ok(Receipt::Accepted)
    }

    /// Sets tags on a volume; its others stay.
    pub(crate) fn tag_volume(
        &self,
        held: &Held,
        id: &VolumeId,
        tags: &Tags,
    ) -> Result<Receipt, CloudError> {
        let mut record = self.volume(held, id)?;
        if record.tags.contains(tags) {
            return Ok(Receipt::AlreadyDone);
        }
        record.tags = record.tags.with(tags);
        self.store.put(held, &record)?;
        Ok(Receipt::Accepted)
    }

    /// Deletes a volume that nothing uses.
    pub(crate) fn delete_volume(&self, held: &Held, id: &VolumeId) -> Result<Receipt, CloudError> {
        let mut record = self.volume(held, id)?;
        if let Some(attachment) = &record.attachment {
            let why = format!("{id} is attached to {}", attachment.instance);
            return Err(CloudError { class: ErrorClass::Retry, ..refuse("VolumeInUse", why) });
        }
        self.settle_content(held, &mut record)?;
        if record.is_creating {
            let why = format!("{id} is still being made");
            return Err(refuse("IncorrectState", why));
        }
        self.refuse_while_copied(held, id)?;
        // The record first: what is left is no volume. It stays for its token, see `gc`.
        record.deleted_at = Some(now());
        self.store.put(held, &record)?;
        self.finish_deletion(&record)?;
        Ok(Receipt::Accepted)
    }

    /// Gives back the space of a volume that is deleted. Every look does it for those whose deletion somebody died
    /// in: nothing would show them, and nobody else would.
    pub(crate) fn finish_deletion(&self, record: &VolumeRecord) -> Result<(), LocalError> {
        if record.deleted_at.is_some() && self.has_content(record) {
            copies::discard(&self.store.dir::<VolumeRecord>(record.id.as_str()))?;
        }
        Ok(())
    }

    /// Brings up to date what is known of a volume's content.
    pub(crate) fn settle_content(
        &self,
        held: &Held,
        record: &mut VolumeRecord,
    ) -> Result<(), LocalError> {
        if !record.is_creating || record.error.is_some() {
            return Ok(());
        }
        let dir = self.store.dir::<VolumeRecord>(record.id.as_str());
        let source = record.from_snapshot.as_ref().map(|id| self.store.snapshot_dir(id));
        match copies::progress(&dir, &copies::kept_in(&source.unwrap_or_default()))? {
            Progress::Running { .. } => return Ok(()),
            Progress::Done { .. } => {}
            Progress::Failed { why } => {
                copies::discard(&dir)?;
                record.error = Some(why);
            }
        }
        record.is_creating = false;
        self.store.put(held, record)
    }

    /// Brings a volume up to date and tells how it is seen.
    pub(crate) async fn see_volume(
        &self,
        held: &Held,
        record: &mut VolumeRecord,
        machine: Option<&mut MachineLook>,
        at: Timestamp,
    ) -> Result<VolumeSeen, LocalError> {
        self.settle_content(held, record)?;
        let before = record.attachment.clone();
        let state = self.settle_attachment(record, machine, at).await;
        if record.attachment != before {
            self.store.put(held, record)?;
        }
        let attachments: Vec<AttachmentSeen> = record
            .attachment
            .iter()
            .zip(state)
            .map(|(attachment, state)| AttachmentSeen {
                instance: attachment.instance.clone(),
                state,
                since: attachment.attached_at.or(Some(attachment.asked_at)),
                delete_on_termination: Some(false),
            })
            .collect();
        let state = if record.error.is_some() || !(record.is_creating || self.has_content(record)) {
            VolumeState::Error
        } else if record.is_creating {
            VolumeState::Creating
        } else if attachments.is_empty() {
            VolumeState::Available
        } else {
            VolumeState::InUse
        };
        Ok(VolumeSeen {
            id: record.id.clone(),
            state,
            size: record.size,
            tags: record.tags.clone(),
            attachments,
            from_snapshot: record.from_snapshot.clone(),
            zone: record.zone.clone(),
            created_at: Some(record.created_at),
        })
    }

    fn has_content(&self, record: &VolumeRecord) -> bool {
        self.store.volume_data(&record.id).exists()
    }

    /// Follows an attachment: what was asked for is carried on, what is over is forgotten.
    async fn settle_attachment(
        &self,
        record: &mut VolumeRecord,
        machine: Option<&mut MachineLook>,
        at: Timestamp,
    ) -> Option<AttachmentState> {
        let id = record.id.clone();
        let attachment = record.attachment.as_mut()?;
        let look = machine.filter(|look| look.life.is_alive());
        let Some(look) = look else {
            // Off, or gone: what is asked to be let go is let go. The rest stays, as in EC2.
            if attachment.detach.is_some() {
                record.attachment = None;
                return None;
            }
            return Some(AttachmentState::Attached);
        };
        let (Some(qmp), Some(inventory)) = (&mut look.qmp, &look.inventory) else {
            // It lives and does not answer: what was last known.
            return Some(match (&attachment.detach, attachment.attached_at) {
                (Some(_), _) => AttachmentState::Detaching,
                (None, Some(_)) => AttachmentState::Attached,
                (None, None) => AttachmentState::Attaching,
            });
        };
        let Some(detach) = &mut attachment.detach else {
            if inventory.is_found(&id) {
                attachment.attached_at.get_or_insert(at);
                return Some(AttachmentState::Attached);
            }
            // Asked for by somebody who died before plugging it in. A failure shows as `attaching`.
            let data = self.store.volume_data(&id);
            let _ = devices::plug(qmp, inventory, &id, &data, attachment.slot).await;
            return Some(AttachmentState::Attaching);
        };
        if inventory.has_device(&id) {
            if at >= detach.told_at.after(TELL_AGAIN_AFTER) {
                detach.told_at = at;
                let _ = devices::unplug(qmp, &id).await;
            }
            let is_late = at >= detach.asked_at.after(BUSY_AFTER);
            return Some(if is_late { AttachmentState::Busy } else { AttachmentState::Detaching });
        }
        if inventory.has_disk(&id) && devices::close(qmp, &id).await.is_err() {
            // A snapshot is being taken through it.
            return Some(AttachmentState::Detaching);
        }
        record.attachment = None;
        None
    }
}

/// Says which instance's machine must be asked about a volume.
pub(crate) fn owner(record: &VolumeRecord) -> Option<&InstanceId> {
    record.attachment.as_ref().map(|attachment| &attachment.instance)
}

/// Says whether an instance still is one that volumes can be attached to.
pub(crate) fn is_gone(record: Option<&InstanceRecord>) -> bool {
    record.is_none_or(|record| record.terminated_at.is_some())
}
