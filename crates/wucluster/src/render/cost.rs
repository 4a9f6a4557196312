//! What a cluster costs an hour, in a line; and as `--json` has it.

use serde::Serialize;
use wucluster_core::cost::{Cost, Costs};
use wucluster_core::demand::Demand;

/// What something costs an hour, in the document.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct PerHour {
    per_hour: f64,
    unpriced: Vec<String>,
}

impl From<&Cost> for PerHour {
    fn from(cost: &Cost) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a sum of money has fewer digits")]
        let per_hour = cost.per_hour.micros() as f64 / 1e6;
        Self { per_hour, unpriced: cost.unpriced.iter().cloned().collect() }
    }
}

/// What a cluster costs, in the document.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct CostDocument {
    currency: String,
    source: String,
    now: PerHour,
    launched: PerHour,
    parked: PerHour,
    away: PerHour,
}

impl From<&Costs> for CostDocument {
    fn from(costs: &Costs) -> Self {
        Self {
            currency: costs.currency.clone(),
            source: costs.source.clone(),
            now: (&costs.now).into(),
            launched: (&costs.launched).into(),
            parked: (&costs.parked).into(),
            away: (&costs.away).into(),
        }
    }
}

/// Writes it into a document.
pub(crate) fn document<S: serde::Serializer>(
    costs: &Option<Costs>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    costs.as_ref().map(CostDocument::from).serialize(serializer)
}

/// Says what is there costs, and what it would in each state that one pays otherwise for.
pub(crate) fn of_states(costs: &Costs) -> String {
    let all = [&costs.now, &costs.launched, &costs.parked, &costs.away];
    if all.iter().all(|cost| cost.per_hour.micros() == 0) {
        return nothing_known(costs);
    }
    format!(
        "about {} {}/h now; {} launched, {} parked, at most {} away{} ({}, not your bill)",
        costs.now.per_hour,
        costs.currency,
        costs.launched.per_hour,
        costs.parked.per_hour,
        costs.away.per_hour,
        without(&[&costs.launched, &costs.now, &costs.away]),
        costs.source
    )
}

/// Says what is there costs, and what will be once a demand holds.
pub(crate) fn of_demand(costs: &Costs, demand: Demand) -> Option<String> {
    let (after, at_most) = match demand {
        Demand::Instantiated | Demand::Attached | Demand::Mounted | Demand::Launched => {
            (&costs.launched, "")
        }
        Demand::Parked => (&costs.parked, ""),
        Demand::Away => (&costs.away, "at most "),
        // The same things are there.
        Demand::Unmounted | Demand::Separated | Demand::RecentlySnapshotted | Demand::Haltable => {
            return None;
        }
    };
    if [&costs.now, after].iter().all(|cost| cost.per_hour.micros() == 0) {
        return Some(format!("Costs: {}.", nothing_known(costs)));
    }
    Some(format!(
        "Costs about {} {}/h now, {at_most}{} when {demand}{} ({}, not your bill).",
        costs.now.per_hour,
        costs.currency,
        after.per_hour,
        without(&[&costs.now, after]),
        costs.source
    ))
}

fn nothing_known(costs: &Costs) -> String {
    match without(&[&costs.now, &costs.launched, &costs.away]) {
        none if none.is_empty() => format!("nothing ({}, not your bill)", costs.source),
        without => format!("not known{without} ({})", costs.source),
    }
}

/// Names what has no price.
fn without(costs: &[&Cost]) -> String {
    let mut names: Vec<&str> =
        costs.iter().flat_map(|cost| &cost.unpriced).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { String::new() } else { format!(", without {}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use wucluster_core::definition::Price;

    use super::*;

    fn costs(unpriced: &[&str]) -> Costs {
        let of = |micros| Cost {
            per_hour: Price::from_micros(micros),
            unpriced: unpriced.iter().map(|name| (*name).to_owned()).collect(),
        };
        Costs {
            currency: "USD".to_owned(),
            source: "list prices of us-east-1 as known in 2025-06".to_owned(),
            now: of(1_234_567),
            launched: of(1_234_567),
            parked: of(50_000),
            away: of(20_000),
        }
    }

    #[test]
    fn the_line_is_an_estimate_with_its_date_and_never_the_bill() {
        assert_eq!(
            of_states(&costs(&[])),
            "about 1.23 USD/h now; 1.23 launched, 0.05 parked, at most 0.02 away (list prices of \
             us-east-1 as known in 2025-06, not your bill)"
        );
        assert_eq!(
            of_demand(&costs(&["x9.metal"]), Demand::Parked).unwrap(),
            "Costs about 1.23 USD/h now, 0.05 when parked, without x9.metal (list prices of \
             us-east-1 as known in 2025-06, not your bill)."
        );
        assert_eq!(of_demand(&costs(&[]), Demand::Separated), None);
    }

    #[test]
    fn what_is_not_known_is_not_nothing() {
        let mut none = costs(&["m7i.large"]);
        for cost in [&mut none.now, &mut none.launched, &mut none.parked, &mut none.away] {
            cost.per_hour = Price::default();
        }
        none.source = "no prices are known for this region: set `[prices]`".to_owned();
        assert_eq!(
            of_states(&none),
            "not known, without m7i.large (no prices are known for this region: set `[prices]`)"
        );
    }
}
