//! What goes wrong in a run: kinds of faults, drawn parameters, and when.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wucluster_core::ids::{MountKey, NodeName};
use wucluster_core::tags::{KEY_CLUSTER, KEY_CONTENT, KEY_EPOCH};
use wucluster_sim::{Fault, Faults, Human};

use crate::dice::Dice;

/// One fault of a run: a kind, the number that its parameters are drawn from, and when it strikes.
///
/// Parameters are not spelled out, so that a new kind needs no new words in kept scenarios.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    /// The kind, by its name in [`KINDS`].
    pub kind: String,
    /// What its parameters are drawn from.
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
    /// Once, at the n-th request of that name, counted over the whole run.
    Request(String, u64),
}

/// The nodes and mounts that a fault may befall.
#[derive(Debug, Clone, Default)]
pub struct Cast {
    /// Nodes.
    pub nodes: Vec<NodeName>,
    /// Mounts.
    pub mounts: Vec<MountKey>,
}

impl Cast {
    /// Picks a node by a number; another node that comes or goes seldom changes the choice.
    fn node(&self, number: u64) -> Option<&NodeName> {
        self.nodes.iter().min_by_key(|node| Dice::new(number, node.as_str()).roll())
    }

    /// Picks a mount likewise.
    fn mount(&self, number: u64) -> Option<&MountKey> {
        self.mounts.iter().min_by_key(|mount| Dice::new(number, &mount.to_string()).roll())
    }
}

/// A kind of fault.
pub struct Kind {
    /// Its name: the row of the fault model, and a word.
    pub name: &'static str,
    draw: fn(&mut Dice, &Cast) -> Option<Fault>,
}

/// Everything that can go wrong.
pub const KINDS: &[Kind] = &[
    Kind { name: "A1 throttle", draw: |_, _| Some(Fault::Throttle) },
    Kind { name: "A2 server error", draw: |_, _| Some(Fault::ServerError) },
    Kind { name: "A3 denied", draw: |_, _| Some(Fault::Denied) },
    Kind { name: "C3 lost answer", draw: |_, _| Some(Fault::LostAnswer) },
    Kind { name: "K1 no capacity", draw: |_, _| Some(Fault::NoCapacity) },
    Kind { name: "K1 launch fails", draw: |_, _| Some(Fault::LaunchFails) },
    Kind {
        name: "C8 stuck attaching",
        draw: |dice, _| Some(Fault::StuckAttaching { span: lasting(dice, 60, 7200) }),
    },
    Kind {
        name: "C8 stuck detaching",
        draw: |dice, _| Some(Fault::StuckDetaching { span: lasting(dice, 60, 7200) }),
    },
    Kind { name: "C9 volume breaks", draw: |_, _| Some(Fault::VolumeBreaks) },
    Kind { name: "S2 snapshot fails", draw: |_, _| Some(Fault::SnapshotFails) },
    Kind {
        name: "S1 snapshot slow",
        draw: |dice, _| Some(Fault::SnapshotSlow { span: seconds(dice, 1, 8 * 3600) }),
    },
    Kind { name: "C6 hidden", draw: |dice, _| Some(Fault::Hidden { span: seconds(dice, 1, 290) }) },
    Kind {
        name: "N4 umount busy",
        draw: |dice, _| Some(Fault::UmountBusy { span: lasting(dice, 1, 3600) }),
    },
    Kind { name: "N3 lost answer", draw: |_, _| Some(Fault::LostShellAnswer) },
    Kind {
        name: "C6 stale listings",
        draw: |dice, _| {
            let lag = seconds(dice, 1, 600);
            let span = lasting(dice, 10, 3600);
            Some(Fault::StaleListings { lag, span, wavers: dice.permille(500) })
        },
    },
    Kind {
        name: "N1 unreachable",
        draw: |dice, cast| {
            let node = cast.node(dice.roll()).cloned();
            let span = lasting(dice, 1, 3600);
            Some(Fault::Unreachable { node, span, hangs: dice.permille(500) })
        },
    },
    Kind {
        name: "N1 wrong host",
        draw: |dice, cast| {
            let node = cast.node(dice.roll()).cloned();
            Some(Fault::WrongHost { node, span: lasting(dice, 1, 3600) })
        },
    },
    Kind {
        name: "K2 machine stops",
        draw: |dice, cast| Some(Fault::MachineStops { node: cast.node(dice.roll()).cloned() }),
    },
    Kind {
        name: "K2 machine terminates",
        draw: |dice, cast| Some(Fault::MachineTerminates { node: cast.node(dice.roll()).cloned() }),
    },
    Kind {
        name: "K2 machine reboots",
        draw: |dice, cast| {
            let node = cast.node(dice.roll()).cloned();
            Some(Fault::MachineReboots { node, is_in_order: dice.permille(500) })
        },
    },
    Kind {
        name: "C9 volume fails",
        draw: |dice, cast| Some(Fault::VolumeFails { mount: cast.mount(dice.roll()).cloned() }),
    },
    Kind { name: "H1 human tags", draw: |dice, cast| human_tags(dice, cast).map(Fault::Human) },
    Kind { name: "H2 human ends", draw: |dice, cast| human_ends(dice, cast).map(Fault::Human) },
    Kind {
        name: "H3 human handles",
        draw: |dice, cast| human_handles(dice, cast).map(Fault::Human),
    },
];

/// Names of all requests that a fault may befall.
pub const REQUESTS: &[&str] = &[
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

impl Trouble {
    /// Draws when a fault of that kind strikes, and the number that its parameters come from.
    #[must_use]
    pub fn of_kind(kind: &Kind, dice: &mut Dice) -> Self {
        let draw = dice.roll();
        let probe = (kind.draw)(&mut Dice::new(draw, "parameters"), &Cast::default());
        let when = match probe {
            Some(fault) if fault.is_about_requests() => {
                let befalls: Vec<&str> =
                    REQUESTS.iter().copied().filter(|request| fault.applies_to(request)).collect();
                match dice.pick(&befalls).filter(|_| dice.permille(500)) {
                    Some(request) => Moment::Request((*request).to_owned(), dice.between(1, 8)),
                    None => Moment::Permille(whole(dice.log_uniform(3.0, 300.0))),
                }
            }
            // A human's deed needs somebody to befall, and happens once.
            Some(_) if dice.permille(400) => {
                Moment::PerHundredHours(whole(dice.log_uniform(50.0, 1500.0)))
            }
            Some(_) | None => {
                let least = Duration::from_millis(500);
                let after = dice.span(least, Duration::from_secs(1800));
                Moment::After(u64::try_from(after.as_millis()).unwrap_or(u64::MAX))
            }
        };
        Self { kind: kind.name.to_owned(), draw, when }
    }

    /// Draws its parameters; `None` when the kind is not known, or has nobody to befall.
    #[must_use]
    pub fn fault(&self, cast: &Cast) -> Option<Fault> {
        let kind = KINDS.iter().find(|kind| kind.name == self.kind)?;
        (kind.draw)(&mut Dice::new(self.draw, "parameters"), cast)
    }
}

/// Makes the plan of all faults of a run.
#[must_use]
pub fn plan(troubles: &[Trouble], cast: &Cast) -> Faults {
    troubles.iter().fold(Faults::none(), |plan, trouble| {
        let Some(fault) = trouble.fault(cast) else { return plan };
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        match &trouble.when {
            Moment::After(millis) => plan.after(Duration::from_millis(*millis), fault),
            Moment::Permille(permille) => plan.with_chance(*permille as f64 / 1000.0, fault),
            Moment::PerHundredHours(times) => plan.with_rate(*times as f64 / 100.0, fault),
            Moment::Request(name, nth) => match REQUESTS.iter().find(|known| *known == name) {
                Some(known) => plan.at_call(known, *nth, fault),
                None => plan,
            },
        }
    })
}

fn seconds(dice: &mut Dice, least: u64, most: u64) -> Duration {
    dice.span(Duration::from_secs(least), Duration::from_secs(most))
}

/// Draws how long something lasts; every fourth lasts until calm.
fn lasting(dice: &mut Dice, least: u64, most: u64) -> Option<Duration> {
    let span = seconds(dice, least, most);
    (!dice.permille(250)).then_some(span)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "callers pass small positive numbers"
)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

fn human_tags(dice: &mut Dice, cast: &Cast) -> Option<Human> {
    let (node, mount) = (cast.node(dice.roll())?.clone(), cast.mount(dice.roll()).cloned());
    let mount = mount.filter(|_| dice.permille(700));
    let Some(mount) = mount else {
        return Some(match dice.below(3) {
            0 => Human::UntagInstance(node, KEY_CLUSTER.to_owned()),
            1 => Human::TagInstance(node, "owner".to_owned(), "somebody".to_owned()),
            _ => Human::CopyInstance(node),
        });
    };
    Some(match dice.below(6) {
        0 => Human::UntagVolume(mount, KEY_CLUSTER.to_owned()),
        1 => Human::UntagVolume(mount, KEY_EPOCH.to_owned()),
        2 => Human::TagVolume(mount, KEY_EPOCH.to_owned(), "soon".to_owned()),
        3 => Human::UntagVolume(mount, KEY_CONTENT.to_owned()),
        4 => Human::TagVolume(mount, "owner".to_owned(), "somebody".to_owned()),
        _ => Human::CopyVolume(mount),
    })
}

fn human_ends(dice: &mut Dice, cast: &Cast) -> Option<Human> {
    let (node, mount) = (cast.node(dice.roll())?.clone(), cast.mount(dice.roll()).cloned());
    let Some(mount) = mount.filter(|_| dice.permille(600)) else {
        return Some(if dice.permille(500) {
            Human::StopInstance(node)
        } else {
            Human::TerminateInstance(node)
        });
    };
    Some(match dice.below(4) {
        0 => Human::DeleteVolume(mount),
        1 => Human::DeleteNewestSnapshot(mount),
        2 => Human::DeleteSnapshots(mount),
        _ => Human::SetDeleteOnTermination(mount, true),
    })
}

fn human_handles(dice: &mut Dice, cast: &Cast) -> Option<Human> {
    let (node, mount) = (cast.node(dice.roll())?.clone(), cast.mount(dice.roll())?.clone());
    Some(match dice.below(7) {
        0 => Human::Attach(mount, node),
        1 => Human::ForceDetach(mount),
        2 => Human::Mount(mount, "/somewhere".to_owned()),
        3 => Human::Unmount(mount),
        4 => Human::Write(mount, "by hand".to_owned()),
        5 => Human::TakeSnapshot(mount),
        _ => Human::StartInstance(node),
    })
}
