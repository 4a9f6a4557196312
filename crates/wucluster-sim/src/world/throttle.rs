//! How many requests were made, and at which rate they may be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wucluster_core::ports::CloudError;

use super::state::World;
use crate::error::refuse;
use crate::limits::Bucket;

/// Counters of one request, such as `CreateVolume` or `umount`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ApiCalls {
    /// How often it was asked.
    pub asked: u64,
    /// How often it took effect, found its effect already there, or told what was asked.
    pub done: u64,
}

/// Requests so far, by name.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Traffic {
    #[serde(deserialize_with = "crate::persist::by_request")]
    pub(super) calls: BTreeMap<&'static str, ApiCalls>,
    #[serde(deserialize_with = "crate::persist::by_request")]
    pub(super) buckets: BTreeMap<&'static str, Bucket>,
    /// Buckets of a rate that a fault brought about.
    #[serde(deserialize_with = "crate::persist::by_request")]
    pub(super) tight: BTreeMap<&'static str, Bucket>,
}

/// Names of the requests that change something.
const MUTATING: [&str; 16] = [
    "RunInstances",
    "StartInstances",
    "StopInstances",
    "TerminateInstances",
    "CreateVolume",
    "AttachVolume",
    "DetachVolume",
    "CreateTags",
    "CreateSnapshot",
    "DeleteVolume",
    "DeleteSnapshot",
    "ModifyVolume",
    "growfs",
    "mkfs",
    "mount",
    "umount",
];

impl World {
    /// Returns the counters of all requests so far: EC2's names, and `probe`, `mkfs`, `mount`,
    /// `umount` of nodes.
    #[must_use]
    pub fn calls(&self) -> &BTreeMap<&'static str, ApiCalls> {
        &self.traffic.calls
    }

    /// Returns how many requests were made that could change something.
    #[must_use]
    pub fn mutating_calls(&self) -> u64 {
        MUTATING
            .iter()
            .filter_map(|name| self.traffic.calls.get(name))
            .map(|calls| calls.asked)
            .sum()
    }

    /// Sets all counters back to zero.
    pub fn reset_calls(&mut self) {
        self.traffic.calls.clear();
    }

    /// Counts a request, and returns its number among those of its name; the first is 1.
    pub(super) fn count_asked(&mut self, name: &'static str) -> u64 {
        let calls = self.traffic.calls.entry(name).or_default();
        calls.asked += 1;
        calls.asked
    }

    pub(super) fn count_done(&mut self, name: &'static str) {
        self.traffic.calls.entry(name).or_default().done += 1;
    }

    pub(super) fn throttle(&mut self, name: &'static str) -> Result<(), CloudError> {
        let now = self.now;
        if let Some((fault, per_second)) = self.faults.conditions.rate(now) {
            let bucket =
                self.traffic.tight.entry(name).or_insert_with(|| Bucket::tight(per_second, now));
            if !bucket.take(now) {
                self.fired(fault);
                return Err(limit_exceeded(name));
            }
        }
        if !self.limits.is_throttled {
            return Ok(());
        }
        let bucket =
            self.traffic.buckets.entry(name).or_insert_with(|| Bucket::for_request(name, now));
        if bucket.take(now) { Ok(()) } else { Err(limit_exceeded(name)) }
    }
}

fn limit_exceeded(name: &str) -> CloudError {
    refuse("RequestLimitExceeded", format!("request limit exceeded for {name}"))
}
