//! What may go wrong on a bad day, by the names under which a person asks for it.

use std::time::Duration;

use wucluster_sim::{Fault, Faults};

use super::dice::Dice;

/// Something that may go wrong.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Its name, such as `lost-answer`.
    pub name: &'static str,
    /// What it is, in one line.
    pub what: &'static str,
    add: fn(&mut Dice, Faults) -> Faults,
}

/// Kinds are known by their names.
impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Kind {}

impl Kind {
    /// All kinds, in the order in which they are listed.
    pub const ALL: [Self; 20] = [
        kind("throttle", "the cloud refuses requests for being too many", throttle),
        kind("server-error", "the cloud fails before a request takes effect", server_error),
        kind("lost-answer", "a request takes effect, and its answer is lost", lost_answer),
        kind("denied", "one kind of request is not permitted for a while", denied),
        kind("no-capacity", "there is no room for machines now and then", no_capacity),
        kind("launch-fails", "a machine is terminated instead of running", launch_fails),
        kind("stuck-attaching", "a volume stays attaching for minutes", stuck_attaching),
        kind("stuck-detaching", "a volume stays detaching for minutes", stuck_detaching),
        kind("volume-breaks", "a new volume ends in error", volume_breaks),
        kind("snapshot-fails", "a snapshot ends in error", snapshot_fails),
        kind("snapshot-slow", "a snapshot takes up to two hours", snapshot_slow),
        kind("hidden", "new things stay out of listings for a while", hidden),
        kind("stale-listings", "listings show what was, and may go back in time", stale),
        kind("umount-busy", "a process holds a mount just when it is unmounted", umount_busy),
        kind("lost-shell-answer", "a node's answer is lost on its way", lost_shell_answer),
        kind("unreachable", "a node does not answer for minutes", unreachable),
        kind("wrong-host", "another host answers at a node's address", wrong_host),
        kind("machine-stops", "a machine loses power", machine_stops),
        kind("machine-terminates", "a machine is taken away", machine_terminates),
        kind("machine-reboots", "a machine reboots by itself", machine_reboots),
    ];

    /// Finds a kind by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name == name)
    }

    /// Adds it to a day, as hard as the dice say.
    pub(crate) fn add_to(self, dice: &mut Dice, faults: Faults) -> Faults {
        (self.add)(dice, faults)
    }
}

const fn kind(
    name: &'static str,
    what: &'static str,
    add: fn(&mut Dice, Faults) -> Faults,
) -> Kind {
    Kind { name, what, add }
}

fn throttle(dice: &mut Dice, day: Faults) -> Faults {
    day.with_chance(dice.share(0.01, 0.3), Fault::Throttle)
}

fn server_error(dice: &mut Dice, day: Faults) -> Faults {
    day.with_chance(dice.share(0.01, 0.3), Fault::ServerError)
}

fn lost_answer(dice: &mut Dice, day: Faults) -> Faults {
    day.with_chance(dice.share(0.01, 0.3), Fault::LostAnswer)
}

fn denied(dice: &mut Dice, day: Faults) -> Faults {
    let requests =
        ["RunInstances", "CreateVolume", "AttachVolume", "DetachVolume", "CreateSnapshot"];
    day.with_chance_at(dice.one_of(&requests), 1.0, Fault::Denied)
}

fn no_capacity(dice: &mut Dice, day: Faults) -> Faults {
    day.with_chance(dice.share(0.1, 0.9), Fault::NoCapacity)
}

fn launch_fails(dice: &mut Dice, day: Faults) -> Faults {
    day.with_chance(dice.share(0.05, 0.4), Fault::LaunchFails)
}

fn stuck_attaching(dice: &mut Dice, day: Faults) -> Faults {
    let span = Some(dice.span(60, 1800));
    day.with_chance(dice.share(0.05, 0.4), Fault::StuckAttaching { span })
}

fn stuck_detaching(dice: &mut Dice, day: Faults) -> Faults {
    let span = Some(dice.span(60, 1800));
    day.with_chance(dice.share(0.05, 0.4), Fault::StuckDetaching { span })
}

fn volume_breaks(dice: &mut Dice, day: Faults) -> Faults {
    day.with_chance(dice.share(0.02, 0.2), Fault::VolumeBreaks)
}

fn snapshot_fails(dice: &mut Dice, day: Faults) -> Faults {
    day.with_chance(dice.share(0.05, 0.3), Fault::SnapshotFails)
}

fn snapshot_slow(dice: &mut Dice, day: Faults) -> Faults {
    let span = dice.span(120, 7200);
    day.with_chance(dice.share(0.1, 0.6), Fault::SnapshotSlow { span })
}

fn hidden(dice: &mut Dice, day: Faults) -> Faults {
    let span = dice.span(5, 240);
    day.with_chance(dice.share(0.1, 0.5), Fault::Hidden { span })
}

fn stale(dice: &mut Dice, day: Faults) -> Faults {
    let fault = Fault::StaleListings {
        lag: dice.span(2, 120),
        span: Some(dice.span(60, 1200)),
        wavers: dice.is_yes(),
    };
    day.after(dice.soon(), fault)
}

fn umount_busy(dice: &mut Dice, day: Faults) -> Faults {
    let span = Some(dice.span(5, 600));
    day.with_chance(dice.share(0.1, 0.7), Fault::UmountBusy { span })
}

fn lost_shell_answer(dice: &mut Dice, day: Faults) -> Faults {
    day.with_chance(dice.share(0.02, 0.3), Fault::LostShellAnswer)
}

fn unreachable(dice: &mut Dice, day: Faults) -> Faults {
    let mut day = day;
    for _ in 0..dice.few() {
        let span = Some(dice.span(30, 1200));
        let fault = Fault::Unreachable { node: None, span, hangs: dice.is_yes() };
        day = day.after(dice.soon(), fault);
    }
    day
}

fn wrong_host(dice: &mut Dice, day: Faults) -> Faults {
    let fault = Fault::WrongHost { node: None, span: Some(dice.span(30, 1200)) };
    day.after(dice.soon(), fault)
}

fn machine_stops(dice: &mut Dice, day: Faults) -> Faults {
    again(dice, day, &Fault::MachineStops { node: None })
}

fn machine_terminates(dice: &mut Dice, day: Faults) -> Faults {
    again(dice, day, &Fault::MachineTerminates { node: None })
}

fn machine_reboots(dice: &mut Dice, day: Faults) -> Faults {
    let is_in_order = dice.is_yes();
    again(dice, day, &Fault::MachineReboots { node: None, is_in_order })
}

/// Lets something strike once to three times.
fn again(dice: &mut Dice, mut day: Faults, fault: &Fault) -> Faults {
    for _ in 0..dice.few() {
        day = day.after(dice.soon(), fault.clone());
    }
    day
}

/// How long chances last: then the day is calm, though what was struck may still be down.
pub(crate) const LASTS: Duration = Duration::from_secs(1800);
