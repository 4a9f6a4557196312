//! How many requests may be made now: as many as the cloud takes, so that it refuses none.

use std::collections::BTreeMap;
use std::time::Duration;

use wucluster_core::ports::RequestBudget;
use wucluster_core::time::Timestamp;

/// How much later than others of its kind a request may arrive. What refills in that time is kept back: requests do not
/// arrive as evenly as they are made.
const UNEVEN: Duration = Duration::from_millis(400);

/// The share of what refills that is still taken after each refusal of the cloud: others use the same account. One that came
/// of bad luck costs little, and many in a row leave most to others. Unit: percent.
const AFTER_REFUSAL: u64 = 90;

/// The least that is taken, and how much more of it is each second without a refusal. Unit: percent.
const SHARE_MIN: u64 = 25;
const SHARE_REGAINED: u64 = 2;

/// What is left of each request's budget.
///
/// All of a budget is taken, until the cloud refuses a request: then others take of it too, and are left a part of it.
#[derive(Debug, Default)]
pub(crate) struct Budgets(BTreeMap<&'static str, Left>);

#[derive(Debug)]
struct Left {
    /// Thousandths of a request.
    millis: u64,
    at: Timestamp,
    /// When the cloud refused one last, and which share of the budget was taken from then on.
    refused: Option<(Timestamp, u64)>,
}

impl Left {
    fn share(&self, now: Timestamp) -> u64 {
        let share =
            |(at, share): (Timestamp, u64)| share + now.since(at).as_secs() * SHARE_REGAINED;
        self.refused.map_or(100, |refused| share(refused).min(100))
    }
}

impl Budgets {
    /// Takes one request from its budget; says no when there is none left, and when there will be.
    pub(crate) fn take(
        &mut self,
        request: &'static str,
        budget: RequestBudget,
        now: Timestamp,
    ) -> Result<(), Timestamp> {
        // Thousandths a second are as many as requests a millisecond.
        let refill = u64::from(budget.refill_per_second).max(1);
        let uneven = refill * u64::try_from(UNEVEN.as_millis()).unwrap_or(u64::MAX);
        // Whole requests: a part of one lets none pass at once.
        let most =
            (u64::from(budget.capacity) * 1000).saturating_sub(uneven.next_multiple_of(1000));
        let most = most.max(1000);
        let left = self.0.entry(request).or_insert(Left { millis: most, at: now, refused: None });
        let percent = refill * left.share(now);
        let passed = u64::try_from(now.since(left.at).as_millis()).unwrap_or(u64::MAX);
        left.millis = left.millis.saturating_add(passed.saturating_mul(percent) / 100).min(most);
        left.at = now;
        if left.millis >= 1000 {
            left.millis -= 1000;
            return Ok(());
        }
        let missing = (1000 - left.millis) * 100;
        Err(now.after(Duration::from_millis(missing.div_ceil(percent).max(1))))
    }

    /// Takes the cloud's word that nothing is left.
    pub(crate) fn is_spent(&mut self, request: &'static str, now: Timestamp) {
        let left = self.0.get(request).map_or(100, |left| left.share(now));
        let share = (left * AFTER_REFUSAL / 100).max(SHARE_MIN);
        self.0.insert(request, Left { millis: 0, at: now, refused: Some((now, share)) });
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
        assert_eq!(at_once, 4, "one is kept back for those that arrive late");
        let next = budgets.take("a", budget, start).unwrap_err();
        assert_eq!(next.since(start), Duration::from_millis(500), "two a second");
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

    /// Takes as many as there are, every 10 ms from one second to another; returns how many.
    fn taken(budgets: &mut Budgets, from: u64, to: u64) -> usize {
        let budget = RequestBudget { capacity: 100, refill_per_second: 10 };
        let times = (from * 100..to * 100)
            .map(|step| Timestamp::default().after(Duration::from_millis(10 * step)));
        times.filter(|now| budgets.take("a", budget, *now).is_ok()).count()
    }

    #[test]
    fn each_refusal_leaves_more_to_others_and_each_second_without_one_less() {
        let mut once = Budgets::default();
        once.is_spent("a", Timestamp::default());
        let first = taken(&mut once, 0, 10);
        assert!((90..100).contains(&first), "{first}: one costs little");
        assert_eq!(taken(&mut once, 10, 20), 100, "all of it is taken again");
        let mut often = Budgets::default();
        (0..50).for_each(|_| often.is_spent("a", Timestamp::default()));
        let first = taken(&mut often, 0, 10);
        assert!((25..40).contains(&first), "{first}: a third is taken, and never nothing");
        assert!(taken(&mut often, 10, 60) > 350, "and more and more");
    }
}
