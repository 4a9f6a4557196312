//! What the simulated cloud permits: zones, limits and rates.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wucluster_core::ports::RequestBudget;
use wucluster_core::time::Timestamp;

/// How late a request may take effect: the longest that any fault of ours holds one back.
pub const LATE_EFFECT_MAX: Duration = Duration::from_secs(900);

/// Most instances of one call.
///
/// Source: EC2 API reference, `RunInstances`: many are to be asked for in smaller batches, such as five calls for 100 each in
/// place of one for 500.
pub const LAUNCHES_TOGETHER_MAX: usize = 100;

/// What the cloud permits.
///
/// Source of the defaults: EC2's and EBS's documented quotas and request rates (2025).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The zones; the first one is taken where a request names none.
    pub zones: Vec<String>,
    /// Most data volumes on one instance. Default 27: Nitro's 28 less the root disk.
    pub attachments_per_instance_max: usize,
    /// Most instances that are not terminated. Default 1000.
    pub instances_max: usize,
    /// Most volumes that are not deleted. Default 5000.
    pub volumes_max: usize,
    /// Most pending snapshots of one volume. Default 5 (gp3).
    pub snapshots_per_volume_pending_max: usize,
    /// Most pending snapshots of the account. Default 100.
    pub snapshots_pending_max: usize,
    /// Shortest time between two snapshots of one volume. Default 15 s.
    pub snapshot_interval_min: Duration,
    /// How long a client token is remembered. Default 24 h (EC2 developer guide).
    pub token_lifetime: Duration,
    /// How long a new thing may stay out of listings, as the cloud promises. Default 5 min (EC2
    /// developer guide, "Eventual consistency").
    pub visibility_lag_max: Duration,
    /// Whether requests are limited to EC2's rates.
    pub is_throttled: bool,
    /// Whether listings come in a different order each time, as EC2's may.
    pub is_shuffled: bool,
    /// Whether a file system that was made and never mounted already counts as data, whose loss is
    /// harm. Default: no, as nobody could write to it.
    pub counts_format_as_data: bool,
    /// Whether a node examines a device once more before it makes a file system on it. Default: yes, as
    /// what is sent to it does; no shows what is lost without that.
    #[serde(default = "yes")]
    pub examines_before_format: bool,
    /// Whether nodes refuse what an earlier run asks than one that has spoken to them; a test may switch it off.
    pub fences_runs: bool,
    /// Whether the history is kept as text, beside its digest. Default: no, it costs time.
    pub keeps_trace: bool,
}

const fn yes() -> bool {
    true
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            zones: vec!["sim-1a".to_owned(), "sim-1b".to_owned()],
            attachments_per_instance_max: 27,
            instances_max: 1000,
            volumes_max: 5000,
            snapshots_per_volume_pending_max: 5,
            snapshots_pending_max: 100,
            snapshot_interval_min: Duration::from_secs(15),
            token_lifetime: Duration::from_secs(24 * 3600),
            visibility_lag_max: Duration::from_secs(300),
            is_throttled: true,
            is_shuffled: true,
            counts_format_as_data: false,
            examines_before_format: true,
            fences_runs: true,
            keeps_trace: false,
        }
    }
}

impl Limits {
    /// Makes limits that stand in nobody's way, for instant worlds: no rates at all.
    #[must_use]
    pub fn generous() -> Self {
        Self {
            snapshots_per_volume_pending_max: usize::MAX,
            snapshots_pending_max: usize::MAX,
            snapshot_interval_min: Duration::ZERO,
            visibility_lag_max: Duration::from_secs(1),
            is_throttled: false,
            ..Self::default()
        }
    }
}

/// A token bucket that limits the rate of one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    capacity: u64,
    refill_per_second: u64,
    /// Thousandths of a token.
    level_millis: u64,
    filled_at: Timestamp,
}

impl Bucket {
    /// Returns what a request's bucket holds, and how it refills.
    ///
    /// Source: EC2 developer guide, "Request throttling": capacity and refill per second.
    #[must_use]
    pub fn budget_of(request: &str) -> RequestBudget {
        let (capacity, refill_per_second) = match request {
            "RunInstances" | "StartInstances" => (5, 2),
            "StopInstances" | "TerminateInstances" | "CreateVolume" | "DeleteVolume"
            | "CreateSnapshot" | "DeleteSnapshot" => (100, 5),
            "CreateTags" => (100, 10),
            "DescribeInstances" | "DescribeVolumes" | "DescribeSnapshots" => (100, 20),
            _ => (50, 5),
        };
        RequestBudget { capacity, refill_per_second }
    }

    /// Makes the full bucket of a request.
    #[must_use]
    pub fn for_request(name: &str, now: Timestamp) -> Self {
        let RequestBudget { capacity, refill_per_second } = Self::budget_of(name);
        let (capacity, refill_per_second) = (u64::from(capacity), u64::from(refill_per_second));
        Self { capacity, refill_per_second, level_millis: capacity * 1000, filled_at: now }
    }

    /// Makes the full bucket of a request that is limited to so many a second.
    #[must_use]
    pub fn tight(per_second: u64, now: Timestamp) -> Self {
        let capacity = per_second.max(1);
        let level_millis = capacity * 1000;
        Self { capacity, refill_per_second: per_second, level_millis, filled_at: now }
    }

    /// Takes a token; says no when there is none.
    pub fn take(&mut self, now: Timestamp) -> bool {
        let passed = u64::try_from(now.since(self.filled_at).as_millis()).unwrap_or(u64::MAX);
        self.filled_at = now;
        self.level_millis = self
            .level_millis
            .saturating_add(passed.saturating_mul(self.refill_per_second))
            .min(self.capacity * 1000);
        let is_enough = self.level_millis >= 1000;
        if is_enough {
            self.level_millis -= 1000;
        }
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_bucket_says_no_until_it_is_refilled() {
        let start = Timestamp::from_millis(0);
        let mut bucket = Bucket::for_request("RunInstances", start);
        assert_eq!((0..10).filter(|_| bucket.take(start)).count(), 5);
        assert!(!bucket.take(start.after(Duration::from_millis(400))));
        assert!(bucket.take(start.after(Duration::from_millis(500))));
    }
}
