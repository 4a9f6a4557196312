//! How many requests an account may make, and how much of that a run takes.

use std::collections::BTreeMap;

use serde::Serialize;
use wucluster_core::ports::RequestBudget;
use wucluster_core::time::Timestamp;
use wucluster_sim::Bucket;

use super::meter::Call;

/// What a run took of one request's budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Usage {
    /// The request, such as `CreateVolume`.
    pub request: &'static str,
    /// How often it was made, refused ones included.
    pub calls: u64,
    /// How often it was refused for being made too often.
    pub throttled: u64,
    /// How often it failed otherwise.
    pub failed: u64,
    /// What it may take.
    pub budget: RequestBudget,
    /// The most of its capacity that was taken at any moment. Unit: percent.
    pub fullest_percent: u32,
}

/// Adds up the calls of a run, by request, in the order of their names.
pub(crate) fn usage(calls: &[Call]) -> Vec<Usage> {
    let mut by_request: BTreeMap<&'static str, Vec<&Call>> = BTreeMap::new();
    for call in calls {
        by_request.entry(call.request).or_default().push(call);
    }
    let add_up = |(request, calls): (&'static str, Vec<&Call>)| {
        let budget = Bucket::budget_of(request);
        let times: Vec<Timestamp> = calls.iter().map(|call| call.at).collect();
        Usage {
            request,
            calls: calls.len() as u64,
            throttled: calls.iter().filter(|call| call.is_throttled).count() as u64,
            failed: calls.iter().filter(|call| call.is_failed && !call.is_throttled).count() as u64,
            budget,
            fullest_percent: fullest(budget, &times),
        }
    };
    by_request.into_iter().map(add_up).collect()
}

/// Returns the most of a budget that calls at these times take at any moment. Unit: percent.
fn fullest(budget: RequestBudget, times: &[Timestamp]) -> u32 {
    // Thousandths of a request, so that refills of milliseconds count.
    let capacity = u64::from(budget.capacity) * 1000;
    let mut taken: u64 = 0;
    let mut fullest: u64 = 0;
    let mut last = None;
    for &at in times {
        let since = last.map_or(0, |last| at.since(last).as_millis());
        let refilled = u64::try_from(since)
            .unwrap_or(u64::MAX)
            .saturating_mul(budget.refill_per_second.into());
        last = Some(at);
        // A request that finds nothing left is refused, and takes nothing.
        taken = (taken.saturating_sub(refilled) + 1000).min(capacity);
        fullest = fullest.max(taken);
    }
    u32::try_from((fullest * 100).div_ceil(capacity)).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_fills_with_requests_and_empties_with_time() {
        let budget = RequestBudget { capacity: 10, refill_per_second: 1 };
        let at = |millis: i64| Timestamp::from_millis(millis);
        assert_eq!(fullest(budget, &[]), 0);
        assert_eq!(fullest(budget, &[at(0); 3]), 30);
        assert_eq!(fullest(budget, &[at(0); 99]), 100);
        assert_eq!(fullest(budget, &[at(0), at(1000), at(2000)]), 10);
        assert_eq!(fullest(budget, &[at(0), at(500)]), 15);
    }
}
