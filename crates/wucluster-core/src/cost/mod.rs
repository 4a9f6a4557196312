//! What a cluster costs an hour: now, and in the states that one pays differently for.
//!
//! An estimate from prices that somebody wrote down, never the bill: no taxes, discounts, traffic, public addresses or
//! requests are in it, and what has no price is named and not guessed.

use std::collections::{BTreeMap, BTreeSet};

use crate::definition::prices::{Price, PricesByType};
use crate::definition::{ClusterDefinition, EbsVolume, NodeDefinition, Provider};
use crate::observation::{InstanceState, Observation, VolumeState};

/// Hours of a month, by which AWS tells monthly prices of volumes apart. Source: EBS pricing (730 hours a month).
const HOURS_A_MONTH: u64 = 730;
/// The type of a volume where nobody says another one. Source: `docs/definition.md`.
const VOLUME_TYPE: &str = "gp3";
/// The program's own list.
const LIST: &str = include_str!("list-prices.txt");

/// What something costs an hour.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cost {
    /// The sum of what has a price. Unit: the currency, an hour.
    pub per_hour: Price,
    /// What has none, in words.
    pub unpriced: BTreeSet<String>,
}

impl Cost {
    fn add(&mut self, micros: u64) {
        self.per_hour = Price::from_micros(self.per_hour.micros().saturating_add(micros));
    }

    /// Adds something that is paid for by the GiB and month.
    fn add_monthly(&mut self, price: Price, gib: u64) {
        self.add((price.micros().saturating_mul(gib) + HOURS_A_MONTH / 2) / HOURS_A_MONTH);
    }
}

/// What a cluster costs now, and as a whole in other states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Costs {
    /// The currency.
    pub currency: String,
    /// Whose prices they are, and of when, in words.
    pub source: String,
    /// What is there now.
    pub now: Cost,
    /// All that the definition has, while its machines run.
    pub launched: Cost,
    /// The same while they are stopped: volumes, root disks and snapshots.
    pub parked: Cost,
    /// Snapshots alone: those that there are, and one more of each volume. At most so much, as a snapshot is paid for by
    /// the blocks in which it differs from the one before.
    pub away: Cost,
}

/// Reckons what a cluster costs; `None` where there are no prices at all: on the local cloud and the simulated one, unless
/// the definition has some.
#[must_use]
pub fn costs(definition: &ClusterDefinition, observation: &Observation) -> Option<Costs> {
    let tariff = Tariff::of(definition)?;
    let root = |cost: &mut Cost, node: Option<&NodeDefinition>| {
        if definition.provider != Provider::Aws {
            return;
        }
        match node.and_then(|node| node.machine.ec2.root) {
            Some(size) => tariff.volume(cost, Some(&EbsVolume::default()), u64::from(size.gib())),
            None => {
                cost.unpriced.insert("root disks whose size is not set by `root`".to_owned());
            }
        }
    };
    let mut snapshots = Cost::default();
    for seen in observation.mounts.iter().flat_map(|mount| &mount.snapshots) {
        tariff.snapshot(&mut snapshots, u64::from(seen.size.gib()));
    }
    let (mut now, mut parked, mut away) = (snapshots.clone(), snapshots.clone(), snapshots);
    let mut machines = Cost::default();
    for node in &observation.nodes {
        let defined = definition.nodes.get(&node.name);
        for instance in &node.instances {
            if matches!(instance.state, InstanceState::Pending | InstanceState::Running) {
                tariff.instance(&mut now, defined, instance.instance_type.as_deref());
            }
            let is_going =
                matches!(instance.state, InstanceState::ShuttingDown | InstanceState::Terminated);
            if !is_going {
                root(&mut now, defined);
            }
        }
        if node.is_defined || !node.instances.is_empty() {
            // What is there stays of the type that it came to be; else the first of the list is reckoned with.
            let there = node.instance().and_then(|instance| instance.instance_type.as_deref());
            tariff.instance(&mut machines, defined, there);
            root(&mut parked, defined);
        }
    }
    for mount in &observation.mounts {
        let defined = definition.mount(&mount.key);
        let ebs = defined.map(|mount| &mount.ebs);
        let is_there =
            |state: &VolumeState| !matches!(state, VolumeState::Deleting | VolumeState::Deleted);
        let mut largest = None;
        for volume in mount.volumes.iter().filter(|volume| is_there(&volume.state)) {
            let gib = u64::from(volume.size.gib());
            tariff.volume(&mut now, ebs, gib);
            tariff.snapshot(&mut away, gib);
            largest = largest.max(Some(gib));
        }
        // What is there keeps its size until it is made anew.
        if let Some(gib) = largest.or(defined.map(|mount| u64::from(mount.size.gib()))) {
            tariff.volume(&mut parked, ebs, gib);
        }
    }
    let mut launched = parked.clone();
    launched.add(machines.per_hour.micros());
    launched.unpriced.extend(machines.unpriced);
    Some(Costs {
        currency: tariff.currency.clone(),
        source: tariff.words(),
        now,
        launched,
        parked,
        away,
    })
}

/// The prices that a cluster goes by.
struct Tariff {
    currency: String,
    instance: PricesByType,
    volume: PricesByType,
    snapshot: Option<Price>,
    list: Option<List>,
    own: Option<String>,
    heeds_types: bool,
}

impl Tariff {
    fn of(definition: &ClusterDefinition) -> Option<Self> {
        let is_aws = definition.provider == Provider::Aws;
        if !is_aws && definition.prices.is_none() {
            return None;
        }
        let list = List::read();
        let own = definition.prices.clone().unwrap_or_default();
        let currency = own.currency.clone().unwrap_or_else(|| list.currency.clone());
        let is_meant = is_aws
            && currency == list.currency
            && region(definition).is_some_and(|region| region == list.region);
        let list = is_meant.then_some(list);
        Some(Self {
            currency,
            instance: own.instance,
            volume: own.volume,
            snapshot: own.snapshot,
            list,
            own: definition.prices.as_ref().map(|_| match own.as_of {
                Some(as_of) => format!("your [prices] of {as_of}"),
                None => "your [prices]".to_owned(),
            }),
            heeds_types: is_aws,
        })
    }

    /// Says whose prices they are.
    fn words(&self) -> String {
        let of_list = self
            .list
            .as_ref()
            .map(|list| format!("list prices of {} as known in {}", list.region, list.as_of));
        match (of_list, &self.own) {
            (Some(list), Some(own)) => format!("{own}, else {list}"),
            (Some(list), None) => list,
            (None, Some(own)) => own.clone(),
            (None, None) => "no prices are known for this region: set `[prices]`".to_owned(),
        }
    }

    fn instance(&self, cost: &mut Cost, node: Option<&NodeDefinition>, seen: Option<&str>) {
        let kind = seen.or_else(|| node?.machine.instance_type.as_deref());
        if let Some(price) = self.instance.get(kind) {
            return cost.add(price.micros());
        }
        // Spot prices follow the hour, and no list has them.
        let is_spot = node.is_some_and(|node| node.machine.ec2.spot);
        let listed = self
            .list
            .as_ref()
            .filter(|_| !is_spot)
            .and_then(|list| list.instance.get(kind?).copied());
        match (listed, kind) {
            (Some(price), _) => cost.add(price.micros()),
            (None, Some(kind)) if self.heeds_types => {
                let spot = if is_spot { " (spot)" } else { "" };
                cost.unpriced.insert(format!("{kind}{spot}"));
            }
            (None, _) => {
                cost.unpriced.insert("machines".to_owned());
            }
        }
    }

    fn volume(&self, cost: &mut Cost, ebs: Option<&EbsVolume>, gib: u64) {
        let kind = ebs.and_then(|ebs| ebs.kind.as_deref()).unwrap_or(VOLUME_TYPE);
        let kind = self.heeds_types.then_some(kind);
        let listed = || self.list.as_ref()?.volume.get(kind?).copied();
        match self.volume.get(kind).or_else(listed) {
            Some(price) => cost.add_monthly(price, gib),
            None => {
                let what =
                    kind.map_or_else(|| "volumes".to_owned(), |kind| format!("{kind} volumes"));
                cost.unpriced.insert(what);
            }
        }
        let (Some(kind), Some(ebs)) = (kind, ebs) else { return };
        for (what, wanted) in [("iops", ebs.iops), ("throughput", ebs.throughput)] {
            let Some(wanted) = wanted.map(u64::from) else { continue };
            let extra = |list: &List| list.extra.get(&(what.to_owned(), kind.to_owned())).copied();
            match self.list.as_ref().and_then(extra) {
                Some((price, base)) => cost.add_monthly(price, wanted.saturating_sub(base)),
                None => {
                    cost.unpriced.insert(format!("{what} of {kind} volumes"));
                }
            }
        }
    }

    fn snapshot(&self, cost: &mut Cost, gib: u64) {
        match self.snapshot.or_else(|| self.list.as_ref()?.snapshot) {
            Some(price) => cost.add_monthly(price, gib),
            None => {
                cost.unpriced.insert("snapshots".to_owned());
            }
        }
    }
}

/// Returns the region of a cluster, if its definition tells.
fn region(definition: &ClusterDefinition) -> Option<String> {
    // A zone is a region and a letter.
    let of_zone = || {
        let zone = definition.zone.as_deref()?;
        Some(zone.trim_end_matches(|c: char| c.is_ascii_lowercase()).to_owned())
    };
    definition.region.clone().or_else(of_zone)
}

/// The program's own prices.
#[derive(Default)]
struct List {
    region: String,
    currency: String,
    as_of: String,
    instance: BTreeMap<String, Price>,
    volume: BTreeMap<String, Price>,
    snapshot: Option<Price>,
    /// By `iops` or `throughput` and type: what each one above the base costs a month, and the base.
    extra: BTreeMap<(String, String), (Price, u64)>,
}

impl List {
    fn read() -> Self {
        let mut list = Self::default();
        for line in LIST.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["region", word] => list.region = (*word).to_owned(),
                ["currency", word] => list.currency = (*word).to_owned(),
                ["as-of", word] => list.as_of = (*word).to_owned(),
                ["snapshot", price] => list.snapshot = Price::parse(price).ok(),
                ["instance", kind, price] => {
                    list.instance
                        .extend(Price::parse(price).ok().map(|it| ((*kind).to_owned(), it)));
                }
                ["volume", kind, price] => {
                    list.volume.extend(Price::parse(price).ok().map(|it| ((*kind).to_owned(), it)));
                }
                [what @ ("iops" | "throughput"), kind, price, base] => {
                    let key = ((*what).to_owned(), (*kind).to_owned());
                    let found = Price::parse(price).ok().zip(base.parse().ok());
                    list.extra.extend(found.map(|found| (key, found)));
                }
                _ => {}
            }
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read_whole() {
        let list = List::read();
        assert_eq!((list.region.as_str(), list.currency.as_str()), ("us-east-1", "USD"));
        assert_eq!(list.as_of.len(), "2025-06".len());
        let lines = LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
        assert_eq!(3 + list.instance.len() + list.volume.len() + list.extra.len() + 1, lines);
        assert!(list.snapshot.is_some());
    }
}
