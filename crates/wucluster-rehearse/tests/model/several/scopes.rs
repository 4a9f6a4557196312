//! The scopes of several operators that are searched.

use super::scope::Fault::{Deaf, LateEffect, LostAnswer, OldListing, Reboot, Twice};
use super::scope::{Fault, Scope};

const WIRE: &[Fault] = &[LostAnswer, LateEffect, Twice];
const LOOKS: &[Fault] = &[OldListing];
const ANY: &[Fault] = &[OldListing, LostAnswer, LateEffect, Twice, Reboot, Deaf];

/// What is searched with every change.
pub fn daily() -> Vec<Scope> {
    vec![
        Scope::launched("overtaken once", 2),
        Scope::launched("overtaken twice", 3),
        Scope::launched("overtaken once, wire", 2).faults(1, WIRE),
        Scope::launched("overtaken once, looks", 2).faults(1, LOOKS),
        Scope::launched("overtaken once, any", 2).faults(1, ANY),
    ]
}

pub fn parse(line: &str) -> (Scope, usize) {
    use super::scope::Entering;
    use crate::scope::Start;
    use wucluster_core::interlock::Interlock;
    use wucluster_core::policy::Guard;
    let name: &'static str = Box::leak(line.to_owned().into_boxed_str());
    let mut scope = Scope::launched(name, 2);
    let mut threads = 1;
    let (mut kinds, mut ablated, mut unguarded) = (vec![], vec![], vec![]);
    for word in line.split_whitespace() {
        let (key, value) = word.split_once('=').unwrap_or((word, "0"));
        let number = value.parse::<usize>().unwrap_or(0);
        match key {
            "runs" => scope.runs = number as u8,
            "faults" => scope.faults = number as u8,
            "writes" => scope.writes = number as u8,
            "threads" => threads = number,
            "cap" => scope.states_max = number,
            "away" => scope.start = Start::Away,
            "detached" => scope.start = Start::Detached,
            "nothing" => scope.start = Start::Nothing,
            "nolease" => scope.has_lease = false,
            "nofence" => scope.has_fence = false,
            "nolog" => scope.entering = Entering::Nowhere,
            "blind" => scope.entering = Entering::Blindly,
            "norecords" => scope.has_records = false,
            "intime" => scope.heeds_open = true,
            "order" => {
                use wucluster_core::demand::Demand;
                let of = |c: char| if c == 'a' { Demand::Away } else { Demand::Launched };
                scope.demands = value.chars().map(of).collect::<Vec<_>>().leak();
            }
            "epochs" => scope.epochs_max = number as u8,
            "judged" => scope.judges = super::scope::Judges::All,
            "data" => scope.judges = super::scope::Judges::Data,
            "machine" => scope.keeps_machine = false,
            "apart" => scope.looks_whole = false,
            "raised" => unguarded.push(Guard::RaisedEpoch),
            "entered" => unguarded.push(Guard::EnteredSeal),
            "seen" => unguarded.push(Guard::SeenSeal),
            "second" => unguarded.push(Guard::SecondLook),
            "nodefence" => unguarded.push(Guard::NodeFence),
            "word" => unguarded.push(Guard::NodesWord),
            "doomed" => ablated.push(Interlock::DeletionEntered),
            "older" => ablated.push(Interlock::SnapshotOlder),
            "old" => kinds.push(OldListing),
            "back" => kinds.push(Fault::BackInTime),
            "lost" => kinds.push(LostAnswer),
            "late" => kinds.push(LateEffect),
            "twice" => kinds.push(Twice),
            "reboot" => kinds.push(Reboot),
            "deaf" => kinds.push(Deaf),
            other => panic!("{other}"),
        }
    }
    scope.kinds = kinds.leak();
    scope.ablated = ablated.leak();
    scope.unguarded = unguarded.leak();
    (scope, threads)
}
