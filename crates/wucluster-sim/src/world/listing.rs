//! Listings: what a bulk look at the cloud shows, which may be late.

use std::time::Duration;

use wucluster_core::ids::ClusterName;
use wucluster_core::observation::{
    CloudView, InstanceSeen, SnapshotSeen, SnapshotState, VolumeSeen,
};
use wucluster_core::ports::{CloudError, ErrorClass};
use wucluster_core::tags::{KEY_CLUSTER, Tags};
use wucluster_core::time::Timestamp;

use super::published::Published;
use super::requests::no_answer;
use super::state::World;
use crate::digest::Digest;
use crate::error::{refuse, with_class};
use crate::faults::{Fault, Tear, server_error};

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
        let (requests, tear) = self.listing_request("DescribeInstances", self.instances.len())?;
        view.requests += requests;
        let first = view.instances.len();
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
        let offset = self.provider_offset();
        for seen in &mut view.instances[first..] {
            shift(&mut seen.launched_at, offset);
        }
        self.tear(tear, &mut view.instances);
        Ok(())
    }

    pub(crate) fn list_volumes(
        &mut self,
        cluster: &ClusterName,
        view: &mut CloudView,
    ) -> Result<(), CloudError> {
        let (requests, tear) = self.listing_request("DescribeVolumes", self.volumes.len())?;
        view.requests += requests;
        let first = view.volumes.len();
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
        let offset = self.provider_offset();
        for seen in &mut view.volumes[first..] {
            shift(&mut seen.created_at, offset);
            for attachment in &mut seen.attachments {
                shift(&mut attachment.since, offset);
            }
        }
        self.tear(tear, &mut view.volumes);
        Ok(())
    }

    pub(crate) fn list_snapshots(
        &mut self,
        cluster: &ClusterName,
        view: &mut CloudView,
    ) -> Result<(), CloudError> {
        let (requests, tear) = self.listing_request("DescribeSnapshots", self.snapshots.len())?;
        view.requests += requests;
        let first = view.snapshots.len();
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
        let offset = self.provider_offset();
        for seen in &mut view.snapshots[first..] {
            shift(&mut seen.started_at, offset);
        }
        self.tear(tear, &mut view.snapshots);
        Ok(())
    }

    /// Returns by how much the provider's timestamps are off, in milliseconds.
    fn provider_offset(&mut self) -> i64 {
        let Some((fault, (offset, is_ahead))) = self.faults.conditions.provider_clock(self.now)
        else {
            return 0;
        };
        self.fired(fault);
        let millis = i64::try_from(offset.as_millis()).unwrap_or(0);
        if is_ahead { millis } else { -millis }
    }

    /// Takes one thing out of a listing, or puts it in twice.
    fn tear<T: Clone>(&mut self, tear: Option<Tear>, listed: &mut Vec<T>) {
        let Some(tear) = tear.filter(|_| !listed.is_empty()) else { return };
        let index = self.luck("tear").below(listed.len() as u64);
        let index = usize::try_from(index).unwrap_or(0);
        match tear {
            Tear::Missing => drop(listed.remove(index)),
            Tear::Twice => listed.push(listed[index].clone()),
            Tear::Expired => return,
        }
        self.fired(Fault::TornPages { tear }.name());
    }

    /// Counts lateness once it showed something else than the truth.
    fn felt_stale(&mut self, is_stale: bool) {
        if is_stale {
            let wavers = self.faults.staleness(self.now).is_some_and(|(_, wavers)| wavers);
            let fault = Fault::StaleListings { lag: Duration::ZERO, span: None, wavers };
            self.fired(fault.name());
        }
    }

    /// Asks for a listing of so many things; says how many requests it took, and how it is torn.
    fn listing_request(
        &mut self,
        name: &'static str,
        things: usize,
    ) -> Result<(u32, Option<Tear>), CloudError> {
        let nth = self.count_asked(name);
        let upset = self.upset(name, nth);
        if let Some((fault, _)) = upset.hangs() {
            self.fired(fault);
            self.keep_waiting(self.durations.client_timeout);
            return Err(no_answer(name));
        }
        if let Some((fault, error)) = upset.refuses(name) {
            self.fired(fault);
            return Err(error);
        }
        if let Some((fault, error)) = self.faults.conditions.denial(name, self.now) {
            self.fired(fault);
            return Err(error);
        }
        // Listings of instances fail as a whole while any zone is out of order.
        if name == "DescribeInstances" && self.faults.conditions.outages(self.now).next().is_some()
        {
            self.fired(Fault::ZoneOutage { zone: None, span: None }.name());
            return Err(server_error(name));
        }
        let pages = u32::try_from(things.div_ceil(PAGE).max(1)).unwrap_or(u32::MAX);
        for _ in 0..pages {
            self.throttle(name)?;
        }
        if let Some((fault, span)) = upset.is_slow_after() {
            self.fired(fault);
            self.keep_waiting(span.min(self.durations.client_timeout));
            if span > self.durations.client_timeout {
                return Err(no_answer(name));
            }
        }
        let tear = upset.tears_pages();
        if let Some((fault, Tear::Expired)) = tear {
            self.fired(fault);
            let error = refuse("InvalidNextToken", "the token of the next page is not valid");
            return Err(with_class(error, ErrorClass::Retry));
        }
        self.count_done(name);
        Ok((pages, tear.map(|(_, tear)| tear)))
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

fn shift(at: &mut Option<Timestamp>, millis: i64) {
    if let Some(at) = at {
        *at = Timestamp::from_millis(at.as_millis().saturating_add(millis));
    }
}

fn is_of(tags: &Tags, cluster: &ClusterName) -> bool {
    tags.get(KEY_CLUSTER) == Some(cluster.as_str())
}
