//! What goes wrong in a run: a kind of fault, drawn parameters, and when.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wucluster_core::ids::{MountKey, NodeName};
use wucluster_sim::{ApiCalls, Fault, FaultKind, Faults, Names, Rng};

/// One fault of a run: a kind, the number that its parameters are drawn from, and when it strikes.
///
/// Parameters are not spelled out, so that a new kind needs no new words in kept scenarios.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    /// The kind, by the id of its row in the fault model.
    pub kind: String,
    /// What its parameters, and whom it befalls, are drawn from.
    pub draw: u64,
    /// When it strikes.
    pub when: Moment,
}

/// When a fault strikes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Once, so many milliseconds after the first step began.
    After(u64),
    /// At each request that it can befall, so often in a thousand.
    Permille(u64),
    /// Again and again, so many times in a hundred hours on the average.
    PerHundredHours(u64),
    /// Once, at the n-th request of that name, counted from when things begin to go wrong.
    Request(String, u64),
}

/// The nodes and mounts of a run.
#[derive(Debug, Clone, Default)]
pub struct Cast {
    /// Nodes.
    pub nodes: Vec<NodeName>,
    /// Mounts.
    pub mounts: Vec<MountKey>,
}

impl Cast {
    /// Chooses one node and one mount by a number. Others that come or go do not change the choice.
    fn chosen(&self, number: u64) -> Names {
        let node = self.nodes.iter().min_by_key(|node| Rng::new(number, node.as_str()).number());
        let mount =
            self.mounts.iter().min_by_key(|mount| Rng::new(number, &mount.to_string()).number());
        Names {
            nodes: node.into_iter().cloned().collect(),
            mounts: mount.into_iter().cloned().collect(),
        }
    }
}

/// Names of all requests at which a fault may strike.
const REQUESTS: &[&str] = &[
    "RunInstances",
    "StartInstances",
    "TerminateInstances",
    "CreateVolume",
    "AttachVolume",
    "DetachVolume",
    "CreateTags",
    "CreateSnapshot",
    "DeleteVolume",
    "DescribeInstances",
    "DescribeVolumes",
    "DescribeSnapshots",
    "probe",
    "mkfs",
    "mount",
    "umount",
];

/// Names the requests around which a fault of the world is worth striking: at another time it would
/// hardly be met.
fn occasions(kind: FaultKind) -> &'static [&'static str] {
    match kind {
        FaultKind::ForeignContent => &["mkfs"],
        FaultKind::Busy => &["probe", "umount", "DetachVolume"],
        FaultKind::MountsItself => &["RunInstances", "AttachVolume", "mount", "DescribeVolumes"],
        FaultKind::SickNode => &["probe", "mkfs", "mount", "umount"],
        FaultKind::OddDevice => &["AttachVolume", "probe", "mount"],
        // Before anything is asked, or else it would be used up first.
        FaultKind::TokenLifetime => &["DescribeInstances"],
        _ => REQUESTS,
    }
}

/// Lists the kinds that the simulated world lets strike.
pub fn kinds() -> impl Iterator<Item = FaultKind> {
    FaultKind::ALL.iter().copied().filter(|kind| kind.is_simulated())
}

impl Trouble {
    /// Draws a case of a kind, and when it strikes.
    #[must_use]
    pub fn random(kind: FaultKind, rng: &mut Rng) -> Self {
        let draw = rng.number();
        let mut trouble = Self { kind: kind.id().to_owned(), draw, when: Moment::After(0) };
        let somebody = Cast {
            nodes: NodeName::new("n1").into_iter().collect(),
            mounts: MountKey::try_from("n1/home".to_owned()).into_iter().collect(),
        };
        let fault = trouble.fault(&somebody);
        let is_about_requests = fault.as_ref().is_some_and(Fault::is_about_requests);
        let occasions: Vec<&str> = match &fault {
            Some(fault) if is_about_requests => {
                REQUESTS.iter().copied().filter(|request| fault.applies_to(request)).collect()
            }
            Some(_) | None => occasions(kind).to_vec(),
        };
        // What befalls few requests has to be likely at each, or nobody would ever meet it.
        let permille = if occasions.len() <= 3 { (50, 700) } else { (3, 300) };
        let at_request = |rng: &mut Rng| match rng.pick(&occasions) {
            Some(request) => Moment::Request((*request).to_owned(), rng.magnitude(1, 8)),
            None => Moment::After(0),
        };
        trouble.when = match rng.below(10) {
            0..4 => at_request(rng),
            // Content that comes to be on each new volume, sooner or later.
            _ if kind == FaultKind::ForeignContent => Moment::Permille(rng.magnitude(20, 500)),
            _ if is_about_requests => Moment::Permille(rng.magnitude(permille.0, permille.1)),
            4..7 => Moment::PerHundredHours(rng.magnitude(100, 6000)),
            _ => Moment::After(rng.magnitude(500, 600_000)),
        };
        trouble
    }

    /// Draws its parameters; `None` when the kind is not known, or has nobody to befall.
    #[must_use]
    pub fn fault(&self, cast: &Cast) -> Option<Fault> {
        let kind = FaultKind::from_id(&self.kind)?;
        Fault::random(kind, &mut Rng::new(self.draw, "parameters"), &cast.chosen(self.draw))
    }
}

/// Makes the plan of all faults of a run; requests are counted from those that were made already.
#[must_use]
pub fn plan(troubles: &[Trouble], cast: &Cast, calls: &BTreeMap<&'static str, ApiCalls>) -> Faults {
    let made = |name: &str| calls.get(name).map_or(0, |calls| calls.asked);
    troubles.iter().fold(Faults::none(), |plan, trouble| {
        let Some(fault) = trouble.fault(cast) else { return plan };
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        match &trouble.when {
            Moment::After(millis) => plan.after(Duration::from_millis(*millis), fault),
            Moment::Permille(permille) => plan.with_chance(*permille as f64 / 1000.0, fault),
            Moment::PerHundredHours(times) => plan.with_rate(*times as f64 / 100.0, fault),
            Moment::Request(name, nth) => match REQUESTS.iter().find(|known| *known == name) {
                Some(known) => plan.at_call(known, made(known) + *nth, fault),
                None => plan,
            },
        }
    })
}
