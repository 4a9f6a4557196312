//! Listings: what a bulk look at the cloud shows, which may be late.

use std::time::Duration;

use wucluster_core::ids::ClusterName;
use wucluster_core::observation::{
    CloudView, InstanceSeen, SnapshotSeen, SnapshotState, VolumeSeen,
};
use wucluster_core::ports::CloudError;
use wucluster_core::tags::{KEY_CLUSTER, Tags};

use super::published::Published;
use super::state::World;
use crate::digest::Digest;
use crate::faults::Fault;

/// How many things one page of a listing holds. Source: EC2 API reference, `MaxResults`.
const PAGE: usize = 500;

impl World {
    /// Looks at everything that carries the cluster's tag, by three listings at one instant.
    ///
    /// # Errors
    /// When any of the listings fails: throttled, or by a fault.
    pub fn observe(&mut self, cluster: &ClusterName) -> Result<CloudView, CloudError> {
        let mut view = CloudView { asked_at: self.now, ..CloudView::default() };
        self.list_instances(cluster, &mut view)?;
        self.list_volumes(cluster, &mut view)?;
        self.list_snapshots(cluster, &mut view)?;
        Ok(view)
    }

    pub(crate) fn list_instances(
        &mut self,
        cluster: &ClusterName,
        view: &mut CloudView,
    ) -> Result<(), CloudError> {
        view.requests += self.listing_request("DescribeInstances", self.instances.len())?;
        let mut ids: Vec<_> = self.instances.keys().cloned().collect();
        self.shuffle("DescribeInstances", &mut ids);
        let mut is_stale = false;
        for id in &ids {
            let late = self.lateness(id.as_str());
            let published = &self.instances[id].published;
            let seen = late.instance(published, self);
            is_stale |= seen.as_ref() != published.at(self.now, Duration::ZERO);
            view.instances.extend(seen.filter(|seen| is_of(&seen.tags, cluster)));
        }
        self.felt_stale(is_stale);
        Ok(())
    }

    pub(crate) fn list_volumes(
        &mut self,
        cluster: &ClusterName,
        view: &mut CloudView,
    ) -> Result<(), CloudError> {
        view.requests += self.listing_request("DescribeVolumes", self.volumes.len())?;
        let mut ids: Vec<_> = self.volumes.keys().cloned().collect();
        self.shuffle("DescribeVolumes", &mut ids);
        let mut is_stale = false;
        for id in &ids {
            let late = self.lateness(id.as_str());
            let published = &self.volumes[id].published;
            let seen = late.volume(published, self);
            is_stale |= seen.as_ref() != published.at(self.now, Duration::ZERO);
            view.volumes.extend(seen.filter(|seen| is_of(&seen.tags, cluster)));
        }
        self.felt_stale(is_stale);
        Ok(())
    }

    pub(crate) fn list_snapshots(
        &mut self,
        cluster: &ClusterName,
        view: &mut CloudView,
    ) -> Result<(), CloudError> {
        view.requests += self.listing_request("DescribeSnapshots", self.snapshots.len())?;
        let mut ids: Vec<_> = self.snapshots.keys().cloned().collect();
        self.shuffle("DescribeSnapshots", &mut ids);
        let mut is_stale = false;
        for id in &ids {
            let late = self.lateness(id.as_str());
            let snapshot = &self.snapshots[id];
            let seen = late.snapshot(&snapshot.published, self);
            is_stale |= seen.as_ref() != snapshot.published.at(self.now, Duration::ZERO);
            let progress = snapshot.progress_at(self.now);
            let seen = seen.map(|mut seen| {
                if seen.state == SnapshotState::Pending {
                    seen.progress_percent = Some(progress);
                }
                seen
            });
            view.snapshots.extend(seen.filter(|seen| is_of(&seen.tags, cluster)));
        }
        self.felt_stale(is_stale);
        Ok(())
    }

    /// Counts lateness once it showed something else than the truth.
    fn felt_stale(&mut self, is_stale: bool) {
        if is_stale {
            let wavers = self.faults.staleness(self.now).is_some_and(|(_, wavers)| wavers);
            let fault = Fault::StaleListings { lag: Duration::ZERO, span: None, wavers };
            self.fired(fault.name());
        }
    }

    fn listing_request(&mut self, name: &'static str, things: usize) -> Result<u32, CloudError> {
        let nth = self.count_asked(name);
        let upset = self.upset(name, nth);
        if let Some((fault, error)) = upset.refuses {
            self.fired(fault);
            return Err(error);
        }
        self.throttle(name)?;
        self.count_done(name);
        let pages = things.div_ceil(PAGE).max(1);
        Ok(u32::try_from(pages).unwrap_or(u32::MAX))
    }

    fn shuffle<T>(&mut self, listing: &str, ids: &mut [T]) {
        if self.limits.is_shuffled {
            self.luck(listing).shuffle(ids);
        }
    }

    /// Tells how late the listings show a thing, each of its attributes by itself.
    fn lateness(&mut self, id: &str) -> Lateness {
        let Some((lag, wavers)) = self.faults.staleness(self.now) else {
            return Lateness::default();
        };
        // What wavers is late by another time at each look.
        let look = if wavers { self.luck(&format!("look {id}")).number() } else { self.seed };
        let draw = |attribute: &str| {
            let number = Digest::new(look).with(id).with(attribute).value();
            let millis = u64::try_from(lag.as_millis()).unwrap_or(u64::MAX - 1);
            Duration::from_millis(number % (millis + 1))
        };
        Lateness { state: draw("state"), tags: draw("tags"), attachment: draw("attachment") }
    }
}

/// How late the listings show a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Lateness {
    state: Duration,
    tags: Duration,
    attachment: Duration,
}

impl Lateness {
    fn instance(self, published: &Published<InstanceSeen>, world: &World) -> Option<InstanceSeen> {
        let mut seen = published.at(world.now, self.state)?.clone();
        if let Some(other) = published.at(world.now, self.tags) {
            seen.tags = other.tags.clone();
        }
        Some(seen)
    }

    fn volume(self, published: &Published<VolumeSeen>, world: &World) -> Option<VolumeSeen> {
        let mut seen = published.at(world.now, self.state)?.clone();
        if let Some(other) = published.at(world.now, self.tags) {
            seen.tags = other.tags.clone();
        }
        if let Some(other) = published.at(world.now, self.attachment) {
            seen.attachments = other.attachments.clone();
        }
        Some(seen)
    }

    fn snapshot(self, published: &Published<SnapshotSeen>, world: &World) -> Option<SnapshotSeen> {
        let mut seen = published.at(world.now, self.state)?.clone();
        if let Some(other) = published.at(world.now, self.tags) {
            seen.tags = other.tags.clone();
        }
        Some(seen)
    }
}

fn is_of(tags: &Tags, cluster: &ClusterName) -> bool {
    tags.get(KEY_CLUSTER) == Some(cluster.as_str())
}
