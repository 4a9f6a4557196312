//! How many requests may be made now: as many as the cloud takes, so that it refuses none.

use std::collections::BTreeMap;
use std::time::Duration;

use wucluster_core::ports::RequestBudget;
use wucluster_core::time::Timestamp;

/// The share of a budget that one drive takes for itself. Others use the same account, and requests
/// do not arrive as evenly as they are made. Unit: percent.
const SHARE: u64 = 80;

/// What is left of each request's budget.
#[derive(Debug, Default)]
pub(crate) struct Budgets(BTreeMap<&'static str, Left>);

#[derive(Debug)]
struct Left {
    /// Thousandths of a request.
    millis: u64,
    at: Timestamp,
}

impl Budgets {
    /// Takes one request from its budget; says no when there is none left, and when there will be.
    pub(crate) fn take(
        &mut self,
        request: &'static str,
        budget: RequestBudget,
        now: Timestamp,
    ) -> Result<(), Timestamp> {
        let most = (u64::from(budget.capacity) * 10 * SHARE).max(1000);
        // Thousandths a second are as many as requests a millisecond.
        let refill = u64::from(budget.refill_per_second).max(1) * SHARE;
        let left = self.0.entry(request).or_insert(Left { millis: most, at: now });
        let passed = u64::try_from(now.since(left.at).as_millis()).unwrap_or(u64::MAX);
        left.millis = left.millis.saturating_add(passed.saturating_mul(refill) / 100).min(most);
        left.at = now;
        if left.millis >= 1000 {
            left.millis -= 1000;
            return Ok(());
        }
        let missing = (1000 - left.millis) * 100;
        Err(now.after(Duration::from_millis(missing.div_ceil(refill).max(1))))
    }

    /// Takes the cloud's word that nothing is left.
    pub(crate) fn is_spent(&mut self, request: &'static str, now: Timestamp) {
        self.0.insert(request, Left { millis: 0, at: now });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_spent_at_once_and_then_as_it_refills() {
        let budget = RequestBudget { capacity: 5, refill_per_second: 2 };
        let start = Timestamp::from_millis(1000);
        let mut budgets = Budgets::default();
        let at_once = (0..9).filter(|_| budgets.take("a", budget, start).is_ok()).count();
        assert_eq!(at_once, 4, "four fifths of five");
        let next = budgets.take("a", budget, start).unwrap_err();
        assert_eq!(next.since(start), Duration::from_millis(625), "four fifths of two a second");
        assert!(budgets.take("a", budget, next).is_ok());
        assert!(budgets.take("a", budget, next).is_err());
        assert!(budgets.take("b", budget, start).is_ok(), "each request has its own");
    }

    #[test]
    fn a_refusal_of_the_cloud_counts_more_than_our_sums() {
        let budget = RequestBudget { capacity: 100, refill_per_second: 10 };
        let start = Timestamp::from_millis(0);
        let mut budgets = Budgets::default();
        budgets.is_spent("a", start);
        assert!(budgets.take("a", budget, start).is_err());
        assert!(budgets.take("a", budget, start.after(Duration::from_secs(1))).is_ok());
    }
}
