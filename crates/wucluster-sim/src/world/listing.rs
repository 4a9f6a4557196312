//! Listings: what a bulk look at the cloud shows, which may be late.

use std::time::Duration;

use wucluster_core::ids::{ClusterName, Subject};
use wucluster_core::observation::{
    CloudView, InstanceSeen, SnapshotSeen, SnapshotState, VolumeSeen,
};
use wucluster_core::ports::{CloudError, ErrorClass};
use wucluster_core::tags::{KEY_CLUSTER, Tags};
use wucluster_core::time::Timestamp;

use super::owner::Owner;
use super::published::Published;
use super::requests::no_answer;
use super::state::World;
use crate::digest::Digest;
use crate::error::{refuse, with_class};
use crate::faults::{Fault, Tear, server_error};
use crate::rng::Rng;

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
        let name = "DescribeInstances";
        let (requests, tear) = self.listing_request(name, self.instances.len())?;
        view.requests += requests;
        let mut look = self.begin_look(name);
        let mut ids: Vec<_> = self.instances.keys().cloned().collect();
        look.shuffle(&mut ids);
        let mut listed = Vec::with_capacity(ids.len());
        for id in &ids {
            if let Some(instance) = self.instances.get_mut(id) {
                listed.extend(look.at(id.as_str(), &mut instance.published, cluster));
                look.note_late(instance.owner.as_ref());
            }
        }
        for seen in &mut listed {
            shift(&mut seen.launched_at, look.offset);
        }
        self.end_look(&look, tear, &mut listed);
        view.instances.append(&mut listed);
        Ok(())
    }

    pub(crate) fn list_volumes(
        &mut self,
        cluster: &ClusterName,
        view: &mut CloudView,
    ) -> Result<(), CloudError> {
        let name = "DescribeVolumes";
        let (requests, tear) = self.listing_request(name, self.volumes.len())?;
        view.requests += requests;
        let mut look = self.begin_look(name);
        let mut ids: Vec<_> = self.volumes.keys().cloned().collect();
        look.shuffle(&mut ids);
        let mut listed = Vec::with_capacity(ids.len());
        for id in &ids {
            if let Some(volume) = self.volumes.get_mut(id) {
                listed.extend(look.at(id.as_str(), &mut volume.published, cluster));
                look.note_late(volume.owner.as_ref());
            }
        }
        for seen in &mut listed {
            shift(&mut seen.created_at, look.offset);
            for attachment in &mut seen.attachments {
                shift(&mut attachment.since, look.offset);
            }
        }
        self.end_look(&look, tear, &mut listed);
        view.volumes.append(&mut listed);
        Ok(())
    }

    pub(crate) fn list_snapshots(
        &mut self,
        cluster: &ClusterName,
        view: &mut CloudView,
    ) -> Result<(), CloudError> {
        let name = "DescribeSnapshots";
        let (requests, tear) = self.listing_request(name, self.snapshots.len())?;
        view.requests += requests;
        let mut look = self.begin_look(name);
        let mut ids: Vec<_> = self.snapshots.keys().cloned().collect();
        look.shuffle(&mut ids);
        let mut listed = Vec::with_capacity(ids.len());
        for id in &ids {
            let Some(snapshot) = self.snapshots.get_mut(id) else { continue };
            let seen = look.at(id.as_str(), &mut snapshot.published, cluster);
            look.note_late(snapshot.owner.as_ref());
            let Some(mut seen) = seen else { continue };
            if seen.state == SnapshotState::Pending {
                seen.progress_percent = Some(snapshot.progress_at(self.now));
            }
            shift(&mut seen.started_at, look.offset);
            listed.push(seen);
        }
        self.end_look(&look, tear, &mut listed);
        view.snapshots.append(&mut listed);
        Ok(())
    }

    /// Begins one listing: how late and in which order it shows what.
    fn begin_look(&mut self, name: &str) -> Look {
        let staleness = self.faults.staleness(self.now);
        let is_luck_needed = self.limits.is_shuffled || staleness.is_some();
        let order = if is_luck_needed { self.luck(name) } else { Rng::new(0, name) };
        let mut waver = order.clone();
        Look {
            now: self.now,
            seed: self.seed,
            waver: waver.number(),
            order: self.limits.is_shuffled.then_some(order),
            staleness,
            offset: self.provider_offset(),
            is_stale: false,
            went_back: false,
            last: (false, false),
            late: Vec::new(),
        }
    }

    /// Counts what was wrong with a listing, and tears it.
    fn end_look<T: Attributes>(&mut self, look: &Look, tear: Option<Tear>, listed: &mut Vec<T>) {
        for (subject, went_back) in &look.late {
            self.faults.note_late(self.now, subject.clone(), *went_back);
        }
        if look.is_stale {
            self.fired(STALE.name());
        }
        if look.went_back {
            self.fired(WAVERS.name());
        }
        self.tear(tear, listed);
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
    fn tear<T: Attributes>(&mut self, tear: Option<Tear>, listed: &mut Vec<T>) {
        let Some(tear) = tear.filter(|_| !listed.is_empty()) else { return };
        let index = self.luck("tear").below(listed.len() as u64);
        let index = usize::try_from(index).unwrap_or(0);
        match tear {
            Tear::Missing => {
                let missing = listed.remove(index);
                if let Some(owner) = Owner::of(missing.tags()) {
                    self.faults.note_late(self.now, owner.subject(), true);
                }
            }
            Tear::Twice => listed.push(listed[index].clone()),
            Tear::Expired => return,
        }
        self.fired(Fault::TornPages { tear }.name());
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
}

/// The fault that is felt when a listing shows something late.
const STALE: Fault = Fault::StaleListings { lag: Duration::ZERO, span: None, wavers: false };

/// The fault that is felt when a listing shows something older than what was shown before.
const WAVERS: Fault = Fault::StaleListings { lag: Duration::ZERO, span: None, wavers: true };

/// One listing under way.
struct Look {
    now: Timestamp,
    seed: u64,
    /// The luck of this listing alone.
    waver: u64,
    order: Option<Rng>,
    staleness: Option<(Duration, bool)>,
    /// By how much the provider's timestamps are off. Unit: milliseconds.
    offset: i64,
    is_stale: bool,
    went_back: bool,
    /// Whether the last thing was shown other than it is, and older than it was shown before.
    last: (bool, bool),
    /// Whose things were shown other than they are, and whether older than before.
    late: Vec<(Subject, bool)>,
}

impl Look {
    fn shuffle<T>(&mut self, ids: &mut [T]) {
        if let Some(order) = &mut self.order {
            order.shuffle(ids);
        }
    }

    /// Returns what it shows of a thing, if that carries the cluster's tag.
    fn at<T: Attributes>(
        &mut self,
        id: &str,
        published: &mut Published<T>,
        cluster: &ClusterName,
    ) -> Option<T> {
        let is_of = |seen: &T| seen.tags().get(KEY_CLUSTER) == Some(cluster.as_str());
        let newest = published.newest().filter(|seen| is_of(seen)).cloned();
        if self.staleness.is_none() {
            published.show(self.now, Duration::ZERO);
            let shown = published.at(self.now, Duration::ZERO).filter(|seen| is_of(seen)).cloned();
            self.last = (shown != newest, false);
            return shown;
        }
        let [state, tags, attachment] =
            ["state", "tags", "attachment"].map(|attribute| self.lateness(id, attribute));
        let went_back = published.show(self.now, state);
        self.went_back |= went_back;
        let mut shown = published.at(self.now, state).cloned();
        if let Some(seen) = &mut shown {
            if let Some(other) = published.at(self.now, tags) {
                seen.take_tags(other);
            }
            if let Some(other) = published.at(self.now, attachment) {
                seen.take_attachments(other);
            }
        }
        self.is_stale |= shown.as_ref() != published.at(self.now, Duration::ZERO);
        let shown = shown.filter(is_of);
        self.last = (shown != newest, went_back);
        shown
    }

    /// Notes whose the last thing was, if it was shown other than it is.
    fn note_late(&mut self, owner: Option<&Owner>) {
        let (is_late, went_back) = std::mem::take(&mut self.last);
        if let Some(owner) = owner.filter(|_| is_late) {
            self.late.push((owner.subject(), went_back));
        }
    }

    /// Tells how late it shows one attribute of a thing. What wavers is late by another time at each
    /// listing.
    fn lateness(&self, id: &str, attribute: &str) -> Duration {
        let Some((lag, wavers)) = self.staleness else { return Duration::ZERO };
        let luck = if wavers { self.seed ^ self.waver } else { self.seed };
        let number = Digest::new(luck).with(id).with(attribute).value();
        let millis = u64::try_from(lag.as_millis()).unwrap_or(u64::MAX - 1);
        Duration::from_millis(number % (millis + 1))
    }
}

/// What listings may show late, each by itself.
trait Attributes: Clone + PartialEq {
    fn tags(&self) -> &Tags;
    fn take_tags(&mut self, from: &Self);
    fn take_attachments(&mut self, _from: &Self) {}
}

impl Attributes for InstanceSeen {
    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn take_tags(&mut self, from: &Self) {
        self.tags.clone_from(&from.tags);
    }
}

impl Attributes for VolumeSeen {
    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn take_tags(&mut self, from: &Self) {
        self.tags.clone_from(&from.tags);
    }

    fn take_attachments(&mut self, from: &Self) {
        self.attachments.clone_from(&from.attachments);
    }
}

impl Attributes for SnapshotSeen {
    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn take_tags(&mut self, from: &Self) {
        self.tags.clone_from(&from.tags);
    }
}

fn shift(at: &mut Option<Timestamp>, millis: i64) {
    if let Some(at) = at {
        *at = Timestamp::from_millis(at.as_millis().saturating_add(millis));
    }
}
