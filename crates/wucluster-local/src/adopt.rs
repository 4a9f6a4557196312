//! What a person names by its id, and gives a name.

use wucluster_core::ids::ClusterName;
use wucluster_core::memory::AwaitedId;
use wucluster_core::observation::Found;
use wucluster_core::ports::{CloudError, Receipt};
use wucluster_core::tags::{KEY_CLUSTER, Tags};

use crate::cloud::LocalCloud;
use crate::error::{LocalError, refuse};
use crate::records::{InstanceRecord, Record, SnapshotRecord, VolumeRecord};
use crate::store::Held;

impl LocalCloud {
    /// Finds one thing by its id, whichever cluster it is of: everything here is of one.
    pub(crate) async fn found(&self, id: &str) -> Result<Option<Found>, LocalError> {
        let Some(cluster) = self.cluster_of(id).await? else { return Ok(None) };
        let view = self.look(&cluster).await?;
        let instance = view.instances.into_iter().find(|seen| seen.id.as_str() == id);
        let volume = view.volumes.into_iter().find(|seen| seen.id.as_str() == id);
        let snapshot = view.snapshots.into_iter().find(|seen| seen.id.as_str() == id);
        let found = instance.map(Found::Instance).or_else(|| volume.map(Found::Volume));
        Ok(found.or_else(|| snapshot.map(Found::Snapshot)))
    }

    async fn cluster_of(&self, id: &str) -> Result<Option<ClusterName>, LocalError> {
        let held = self.store.hold().await?;
        // The name of a file of records is the id: what is no id is not looked for among them.
        let is_id = id.bytes().all(|sign| sign.is_ascii_alphanumeric() || sign == b'-');
        let kind = id.split('-').next().filter(|_| is_id);
        let tags = match kind {
            Some("i") => self.store.get::<InstanceRecord>(&held, id)?.map(|found| found.tags),
            Some("vol") => self.store.get::<VolumeRecord>(&held, id)?.map(|found| found.tags),
            Some("snap") => self.store.get::<SnapshotRecord>(&held, id)?.map(|found| found.tags),
            _ => None,
        };
        Ok(tags.and_then(|tags| ClusterName::new(tags.get(KEY_CLUSTER)?).ok()))
    }

    /// Sets tags on anything.
    pub(crate) fn adopt(
        &self,
        held: &Held,
        id: &AwaitedId,
        tags: &Tags,
    ) -> Result<Receipt, CloudError> {
        match id {
            AwaitedId::Instance(id) => self.retag::<InstanceRecord>(held, id.as_str(), tags),
            AwaitedId::Volume(id) => self.retag::<VolumeRecord>(held, id.as_str(), tags),
            AwaitedId::Snapshot(id) => self.retag::<SnapshotRecord>(held, id.as_str(), tags),
        }
    }

    fn retag<R: Record>(&self, held: &Held, id: &str, tags: &Tags) -> Result<Receipt, CloudError> {
        let Some(mut record) = self.store.get::<R>(held, id)? else {
            let code = match R::PREFIX {
                "i-" => "InvalidInstanceID.NotFound",
                "vol-" => "InvalidVolume.NotFound",
                _ => "InvalidSnapshot.NotFound",
            };
            return Err(refuse(code, format!("{id} does not exist")));
        };
        if record.tags().contains(tags) {
            return Ok(Receipt::AlreadyDone);
        }
        let all = record.tags().clone().with(tags);
        record.set_tags(all);
        self.store.put(held, &record)?;
        Ok(Receipt::Accepted)
    }
}
