//! Snapshots: copies of volumes that are complete and durable, or not yet, or never.
//!
//! ```text
//!                      volume at rest: a copier in the background
//! (create) -> pending -------------------------------------------------> completed
//!                |  \- volume in use: a job of its machine, then the copier -/
//!                v
//!              error    whoever made it ended before it was whole
//! ```
//!
//! A snapshot of a volume in use holds it as of one moment, as if the plug had been pulled then.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;

use serde_json::{Value, json};
use wucluster_core::ids::{InstanceId, SnapshotId, VolumeId};
use wucluster_core::observation::{SnapshotSeen, SnapshotState};
use wucluster_core::ports::{CloudError, ErrorClass, Receipt};
use wucluster_core::tags::Tags;

use crate::admission::check_copy;
use crate::cloud::LocalCloud;
use crate::copies::{self, Copy, Progress, Work};
use crate::devices::Inventory;
use crate::error::{LocalError, refuse};
use crate::files;
use crate::machine;
use crate::observe::MachineLook;
use crate::qmp::Qmp;
use crate::records::{RECORD_SCHEMA, SnapshotRecord, VolumeRecord};
use crate::store::{self, Held, now};

impl LocalCloud {
    /// Takes a snapshot of a volume. Each call makes another one.
    pub(crate) async fn create_snapshot(
        &self,
        held: &Held,
        volume: &VolumeId,
        tags: &Tags,
    ) -> Result<Receipt, CloudError> {
        let found = self.store.get::<VolumeRecord>(held, volume.as_str())?;
        let Some(source) = found.filter(|source| source.deleted_at.is_none()) else {
            let why = format!("there is no volume {volume}");
            return Err(refuse("InvalidVolume.NotFound", why));
        };
        let data = self.store.volume_data(volume);
        if source.is_creating || source.error.is_some() || !data.exists() {
            let why = format!("{volume} is still being made, or failed");
            return Err(refuse("IncorrectState", why));
        }
        check_copy(&self.store, files::allocated_bytes(&data))?;
        let mut record = SnapshotRecord {
            schema: RECORD_SCHEMA,
            id: SnapshotId::new(store::new_id::<SnapshotRecord>()?),
            volume: volume.clone(),
            size: source.size,
            tags: tags.clone(),
            started_at: now(),
            taken_by: None,
            message: None,
            is_failed: false,
            sha256: None,
        };
        let dir = self.store.snapshot_dir(&record.id);
        // First the record: a copy that nobody knows of would be lost space.
        self.store.put(held, &record)?;
        let started = match self.machine_using(&source).await {
            Ok(Some((instance, mut qmp))) => {
                record.taken_by = Some(instance);
                record.message =
                    Some("taken of a volume in use: as if the plug had been pulled".into());
                self.store.put(held, &record)?;
                begin_job(&mut qmp, &record, &dir).await
            }
            Ok(None) => self.copy_of(&record).start(),
            Err(error) => Err(error),
        };
        if let Err(error) = started {
            self.store.remove::<SnapshotRecord>(held, record.id.as_str())?;
            return Err(error.into());
        }
        Ok(Receipt::Snapshot(record.id))
    }

    /// Deletes a snapshot. A pending one is not deleted before it settles.
    ///
    /// Its disk is a file of its own, on which no volume and no other snapshot stands: they are whole copies. Only while a
    /// volume is being made from it is it read.
    pub(crate) fn remove_snapshot(
        &self,
        held: &Held,
        id: &SnapshotId,
    ) -> Result<Receipt, CloudError> {
        let Some(mut record) = self.store.get::<SnapshotRecord>(held, id.as_str())? else {
            let error = refuse("InvalidSnapshot.NotFound", format!("there is no snapshot {id}"));
            // Whether it is gone shows a look.
            return Err(CloudError { class: ErrorClass::Ambiguous, ..error });
        };
        self.settle_snapshot(held, &mut record)?;
        let is_read = self
            .store
            .list::<VolumeRecord>(held)?
            .iter()
            .any(|volume| volume.is_creating && volume.from_snapshot.as_ref() == Some(id));
        if self.is_being_copied(&record)? || is_read {
            let why = format!("{id} is being written or read");
            return Err(refuse("IncorrectState", why));
        }
        self.store.remove::<SnapshotRecord>(held, id.as_str())?;
        Ok(Receipt::Accepted)
    }

    /// Says whether a snapshot is on its way.
    pub(crate) fn is_being_copied(&self, record: &SnapshotRecord) -> Result<bool, LocalError> {
        if record.is_failed || record.sha256.is_some() {
            return Ok(false);
        }
        Ok(record.taken_by.is_some()
            || matches!(self.progress_of(record)?, Progress::Running { .. }))
    }

    fn progress_of(&self, record: &SnapshotRecord) -> Result<Progress, LocalError> {
        copies::progress(
            &self.store.snapshot_dir(&record.id),
            &self.store.volume_data(&record.volume),
        )
    }

    fn copy_of(&self, record: &SnapshotRecord) -> Copy {
        let disk = self.store.volume_data(&record.volume);
        Copy { work: Work::Save { disk }, dir: self.store.snapshot_dir(&record.id) }
    }

    /// Finds the running machine that has the volume's file open.
    async fn machine_using(
        &self,
        volume: &VolumeRecord,
    ) -> Result<Option<(InstanceId, Qmp)>, LocalError> {
        let Some(attachment) = &volume.attachment else { return Ok(None) };
        let files = machine::files_of(&self.store, &attachment.instance);
        if !machine::life(&files)?.is_alive() {
            return Ok(None);
        }
        let mut qmp = Qmp::connect(attachment.instance.as_str(), &files.qmp()).await?;
        let uses = Inventory::of(&mut qmp).await?.has_disk(&volume.id);
        Ok(uses.then(|| (attachment.instance.clone(), qmp)))
    }

    /// Brings up to date what is known of a snapshot that a copier makes.
    pub(crate) fn settle_snapshot(
        &self,
        held: &Held,
        record: &mut SnapshotRecord,
    ) -> Result<(), LocalError> {
        if record.is_failed || record.sha256.is_some() || record.taken_by.is_some() {
            return Ok(());
        }
        match self.progress_of(record)? {
            Progress::Running { .. } => Ok(()),
            Progress::Done { sum } => {
                record.sha256 = Some(sum);
                self.store.put(held, record)
            }
            Progress::Failed { why } => self.fail(held, record, why),
        }
    }

    fn fail(
        &self,
        held: &Held,
        record: &mut SnapshotRecord,
        why: String,
    ) -> Result<(), LocalError> {
        copies::discard(&self.store.snapshot_dir(&record.id))?;
        record.is_failed = true;
        record.taken_by = None;
        record.message = Some(why);
        self.store.put(held, record)
    }

    /// Brings a snapshot up to date and tells how it is seen.
    pub(crate) async fn see_snapshot(
        &self,
        held: &Held,
        record: &mut SnapshotRecord,
        machine: Option<&mut MachineLook>,
    ) -> Result<SnapshotSeen, LocalError> {
        let mut percent = None;
        if record.taken_by.is_some() {
            match job_of(record, machine).await {
                Job::Running(done) => percent = Some(done),
                Job::Unseen => {}
                Job::Done => {
                    record.taken_by = None;
                    self.store.put(held, record)?;
                    let dir = self.store.snapshot_dir(&record.id);
                    Copy { work: Work::Save { disk: dir.join(copies::TAKEN) }, dir }.start()?;
                }
                Job::Failed(why) => self.fail(held, record, why)?,
            }
        }
        self.settle_snapshot(held, record)?;
        let state = if record.is_failed {
            SnapshotState::Error
        } else if record.sha256.is_some() {
            percent = Some(100);
            SnapshotState::Completed
        } else {
            if let Progress::Running { percent: done } = self.progress_of(record)? {
                percent = Some(done);
            }
            SnapshotState::Pending
        };
        Ok(SnapshotSeen {
            id: record.id.clone(),
            state,
            volume: record.volume.clone(),
            size: record.size,
            tags: record.tags.clone(),
            started_at: Some(record.started_at),
            progress_percent: percent,
            message: record.message.clone(),
        })
    }
}

/// What a machine says about the snapshot that it takes.
enum Job {
    /// It is at it. Unit: percent.
    Running(u8),
    /// It does not answer.
    Unseen,
    /// All is written.
    Done,
    /// It could not.
    Failed(String),
}

/// Has the machine write the volume, as of now, into a file of the snapshot.
async fn begin_job(
    qmp: &mut Qmp,
    record: &SnapshotRecord,
    dir: &std::path::Path,
) -> Result<(), LocalError> {
    let part = dir.join(copies::TAKEN);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&part)
        .and_then(|file| file.set_len(record.size.bytes()))
        .map_err(LocalError::file("make", &part))?;
    let name = record.id.as_str();
    let target = json!({
        "driver": "raw", "node-name": name, "discard": "unmap", "detect-zeroes": "unmap",
        "file": { "driver": "file", "filename": part },
    });
    qmp.execute("blockdev-add", target).await?;
    let job = json!({
        "job-id": name, "device": record.volume.serial(), "target": name, "sync": "full",
        "auto-dismiss": false,
    });
    if let Err(error) = qmp.execute("blockdev-backup", job).await {
        // The first error is the one to tell.
        let _ = qmp.execute("blockdev-del", json!({ "node-name": name })).await;
        return Err(error);
    }
    Ok(())
}

/// Asks how the machine is getting on, and lets it close the file when it is done.
async fn job_of(record: &SnapshotRecord, machine: Option<&mut MachineLook>) -> Job {
    let look = machine.filter(|look| look.life.is_alive());
    let Some(look) = look else {
        return Job::Failed("the machine that took it ended before it was whole".to_owned());
    };
    let Some(qmp) = &mut look.qmp else { return Job::Unseen };
    let Ok(jobs) = qmp.execute("query-jobs", json!({})).await else { return Job::Unseen };
    let name = record.id.as_str();
    let jobs = jobs.as_array().cloned().unwrap_or_default();
    let Some(job) =
        jobs.into_iter().find(|job| job.get("id").and_then(Value::as_str) == Some(name))
    else {
        return Job::Failed(
            "its machine knows nothing of it: it was started again in between".to_owned(),
        );
    };
    let number = |key: &str| job.get(key).and_then(Value::as_u64).unwrap_or_default();
    if job.get("status").and_then(Value::as_str) != Some("concluded") {
        let percent = (number("current-progress") * 90).checked_div(number("total-progress"));
        return Job::Running(u8::try_from(percent.unwrap_or(0).min(99)).unwrap_or(99));
    }
    let error = job.get("error").and_then(Value::as_str).map(str::to_owned);
    let closing = async {
        qmp.execute("blockdev-del", json!({ "node-name": name })).await?;
        qmp.execute("job-dismiss", json!({ "id": name })).await
    };
    match (closing.await, error) {
        (Err(_), _) => Job::Unseen,
        (Ok(_), Some(error)) => Job::Failed(error),
        (Ok(_), None) => Job::Done,
    }
}
