//! How often each request may be made: EC2's own figures, for the whole run.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use wucluster_core::ports::RequestBudget;

/// Returns how many calls of a request EC2 takes at once and a second, for an account in a region.
///
/// Source: EC2 developer guide, "Request throttling": request token bucket sizes and refill rates.
pub(crate) const fn calls(request: Request) -> RequestBudget {
    let (capacity, refill_per_second) = match request {
        Request::RunInstances | Request::StartInstances => (5, 2),
        Request::StopInstances
        | Request::TerminateInstances
        | Request::CreateVolume
        | Request::DeleteVolume
        | Request::CreateSnapshot
        | Request::DeleteSnapshot => (100, 5),
        Request::CreateTags => (100, 10),
        Request::AttachVolume | Request::DetachVolume | Request::ModifyVolume => (50, 5),
    };
    RequestBudget { capacity, refill_per_second }
}

/// A request that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Request {
    RunInstances,
    StartInstances,
    StopInstances,
    TerminateInstances,
    CreateVolume,
    DeleteVolume,
    CreateSnapshot,
    DeleteSnapshot,
    CreateTags,
    AttachVolume,
    DetachVolume,
    ModifyVolume,
}

impl Request {
    const ALL: [Self; 12] = [
        Self::RunInstances,
        Self::StartInstances,
        Self::StopInstances,
        Self::TerminateInstances,
        Self::CreateVolume,
        Self::DeleteVolume,
        Self::CreateSnapshot,
        Self::DeleteSnapshot,
        Self::CreateTags,
        Self::AttachVolume,
        Self::DetachVolume,
        Self::ModifyVolume,
    ];

    /// Returns EC2's name of it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RunInstances => "RunInstances",
            Self::StartInstances => "StartInstances",
            Self::StopInstances => "StopInstances",
            Self::TerminateInstances => "TerminateInstances",
            Self::CreateVolume => "CreateVolume",
            Self::DeleteVolume => "DeleteVolume",
            Self::CreateSnapshot => "CreateSnapshot",
            Self::DeleteSnapshot => "DeleteSnapshot",
            Self::CreateTags => "CreateTags",
            Self::AttachVolume => "AttachVolume",
            Self::DetachVolume => "DetachVolume",
            Self::ModifyVolume => "ModifyVolume",
        }
    }
}

/// Returns how many nodes or mounts may be asked for at once and a second by that name. `None`: as many as there are.
///
/// What goes out several in one call is limited by the resources it is about: source as [`calls`], "Resource rate
/// limiting". For tags there is no such limit.
pub(crate) fn actions(name: &str) -> Option<RequestBudget> {
    let request = Request::ALL.into_iter().find(|request| request.name() == name)?;
    match request {
        Request::CreateTags => None,
        Request::StopInstances | Request::TerminateInstances => {
            Some(RequestBudget { capacity: 1000, refill_per_second: 20 })
        }
        Request::StartInstances => Some(RequestBudget { capacity: 1000, refill_per_second: 2 }),
        Request::RunInstances
        | Request::CreateVolume
        | Request::DeleteVolume
        | Request::CreateSnapshot
        | Request::DeleteSnapshot
        | Request::AttachVolume
        | Request::DetachVolume
        | Request::ModifyVolume => Some(calls(request)),
    }
}

/// Returns how soon after its answer a request can have brought about what it is for.
///
/// Source: the shortest times in recorded sessions, and of volumes the EBS CSI driver's measurements. Snapshots took 45 s and
/// more, but small ones may take less. Tags are there at once; and that a volume is being deleted must be seen before it is gone.
pub(crate) fn soonest(name: &str) -> Duration {
    match Request::ALL.into_iter().find(|request| request.name() == name) {
        Some(Request::RunInstances | Request::StartInstances) => Duration::from_secs(6),
        Some(Request::StopInstances | Request::TerminateInstances | Request::CreateSnapshot) => {
            Duration::from_secs(5)
        }
        Some(
            Request::CreateVolume
            | Request::AttachVolume
            | Request::DetachVolume
            | Request::ModifyVolume,
        ) => Duration::from_secs(1),
        Some(Request::DeleteVolume | Request::DeleteSnapshot | Request::CreateTags) | None => {
            Duration::ZERO
        }
    }
}

/// What is left of each request's budget of calls.
#[derive(Debug)]
pub(crate) struct Rates {
    left: Mutex<BTreeMap<Request, Left>>,
    /// Whether anybody has to wait.
    are_kept: bool,
}

#[derive(Debug, Clone, Copy)]
struct Left {
    made: u64,
    calls: f64,
    at: Instant,
}

impl Rates {
    /// Makes full budgets; where they are not kept, calls are only counted.
    pub(crate) fn new(are_kept: bool) -> Self {
        Self { left: Mutex::default(), are_kept }
    }

    /// Comes back when a call may be made, and counts it.
    ///
    /// Calls that are asked for together come to their turns in the order of asking.
    pub(crate) async fn turn(&self, request: Request) {
        let wait = self.take(request, Instant::now());
        if self.are_kept && !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes EC2's word that nothing is left.
    pub(crate) fn is_spent(&self, request: Request) {
        if let Some(left) = self.all().get_mut(&request) {
            *left = Left { calls: 0.0, at: Instant::now(), ..*left };
        }
    }

    /// Tells how many calls of each request were made.
    pub(crate) fn made(&self) -> BTreeMap<&'static str, u64> {
        self.all().iter().map(|(request, left)| (request.name(), left.made)).collect()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<Request, Left>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one call, if need be of what is refilled later; returns in how long that is.
    fn take(&self, request: Request, now: Instant) -> Duration {
        let budget = calls(request);
        let (most, refill) = (f64::from(budget.capacity), f64::from(budget.refill_per_second));
        let mut all = self.all();
        let left = all.entry(request).or_insert(Left { made: 0, calls: most, at: now });
        left.made += 1;
        let passed = now.saturating_duration_since(left.at).as_secs_f64();
        left.calls = (left.calls + passed * refill).min(most) - 1.0;
        left.at = now;
        Duration::from_secs_f64((-left.calls / refill).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_beyond_the_budget_wait_for_their_turn() {
        let (rates, now) = (Rates::new(true), Instant::now());
        for _ in 0..5 {
            assert_eq!(rates.take(Request::RunInstances, now), Duration::ZERO);
        }
        assert_eq!(rates.take(Request::RunInstances, now), Duration::from_millis(500));
        assert_eq!(rates.take(Request::RunInstances, now), Duration::from_secs(1));
        assert_eq!(rates.take(Request::CreateTags, now), Duration::ZERO, "each has its own");
        let later = now + Duration::from_secs(60);
        assert_eq!(rates.take(Request::RunInstances, later), Duration::ZERO);
    }

    #[test]
    fn every_request_of_ours_is_known_by_its_name() {
        assert_eq!(
            actions("AttachVolume"),
            Some(RequestBudget { capacity: 50, refill_per_second: 5 })
        );
        assert_eq!(actions("DescribeVolumes"), None);
        assert!(Request::ALL.iter().all(|one| one.name() == format!("{one:?}")));
    }
}
