//! What one drive leaves for the next, and what is left of it when records are put together anew.

use std::time::Duration;

use wucluster_core::action::CloudAction;
use wucluster_core::definition::MachineDefinition;
use wucluster_core::ids::{InstanceId, NodeName, Subject};
use wucluster_core::memory::AwaitedId;
use wucluster_core::ports::Uptime;
use wucluster_core::tags::Tags;
use wucluster_core::time::Timestamp;
use wucluster_engine::{Fact, Record, Records};

const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);

fn node() -> NodeName {
    NodeName::new("chief").expect("a name")
}

fn machine(id: &str) -> AwaitedId {
    AwaitedId::Instance(InstanceId::new(id))
}

fn request() -> CloudAction {
    CloudAction::RunInstance {
        node: node(),
        machine: MachineDefinition::default(),
        zone: None,
        tags: Tags::default(),
        token: "t".to_owned(),
        together: None,
    }
}

fn subject() -> Subject {
    Subject::Node(node())
}

fn asked() -> Fact {
    Fact::Intended { subject: subject(), request: request() }
}

fn lives(id: &str) -> Fact {
    Fact::Lives { subject: subject(), id: machine(id) }
}

fn after(facts: &[Fact]) -> Records {
    let mut records = Records::default();
    for fact in facts {
        records.apply(&Record { at: NOW, fact: fact.clone() });
    }
    records
}

/// The same once more, as it is after it was put together anew.
fn anew(records: &Records, now: Timestamp) -> Records {
    let mut again = Records::default();
    for record in records.compact(now) {
        again.apply(&record);
    }
    again
}

/// The last creation that is remembered, and what it made.
fn made(records: &Records) -> Option<(CloudAction, Option<AwaitedId>)> {
    records.compact(NOW).find_map(|record| match record.fact {
        Fact::Made { made, .. } => Some((made.request, made.id)),
        _ => None,
    })
}

#[test]
fn what_was_asked_for_is_known_until_what_it_made_has_ended() {
    assert_eq!(made(&after(&[asked()])), Some((request(), None)));
    let running = after(&[asked(), lives("i-1")]);
    assert_eq!(made(&running), Some((request(), Some(machine("i-1")))));
    let gone = after(&[asked(), lives("i-1"), Fact::Vanished { id: machine("i-1") }]);
    assert_eq!(made(&gone), made(&running), "it may only be hidden");
    let ended = after(&[asked(), lives("i-1"), Fact::Ended { id: machine("i-1") }]);
    assert_eq!(made(&ended), None);
    let renounced = after(&[asked(), lives("i-1"), Fact::Renounced { subject: subject() }]);
    assert_eq!(made(&renounced), None);
}

#[test]
fn the_end_of_what_was_there_before_says_nothing_of_what_was_asked_for_since() {
    let both = after(&[lives("i-0"), asked(), Fact::Ended { id: machine("i-0") }]);
    assert_eq!(made(&both), Some((request(), None)));
}

#[test]
fn records_say_the_same_when_they_are_put_together_anew() {
    let open = CloudAction::TerminateInstance { node: node(), instance: InstanceId::new("i-1") };
    let of_each = [
        vec![asked()],
        vec![asked(), lives("i-1")],
        vec![asked(), lives("i-1"), Fact::Vanished { id: machine("i-1") }],
        vec![asked(), lives("i-1"), Fact::Ended { id: machine("i-1") }],
        vec![asked(), lives("i-1"), asked()],
        vec![asked(), Fact::Refused { subject: subject() }],
        vec![lives("i-1"), Fact::Open { subject: subject(), request: open }],
        vec![lives("i-1"), Fact::NodeAnswered { instance: InstanceId::new("i-1") }],
    ];
    for facts in of_each {
        let records = after(&facts);
        for now in [NOW, NOW.after(Duration::from_secs(60))] {
            assert_eq!(anew(&records, now), records, "{facts:?}");
        }
    }
}

fn began(at: Timestamp, boot: &str, up: Duration) -> Record {
    let uptime = Uptime { boot: boot.to_owned(), span: up };
    Record { at, fact: Fact::Began { uptime } }
}

/// When the request was asked for that may still come.
fn asked_at(records: &Records, now: Timestamp) -> Option<Timestamp> {
    let mut open = records.compact(now).filter(|one| matches!(one.fact, Fact::Open { .. }));
    open.next().map(|record| record.at)
}

#[test]
fn a_clock_that_is_set_between_two_drives_ages_nothing() {
    let minute = Duration::from_secs(60);
    let year = 365 * 24 * 60 * minute;
    let request = CloudAction::TerminateInstance { node: node(), instance: InstanceId::new("i-1") };
    let open = Fact::Open { subject: subject(), request };
    let mut records = Records::default();
    records.apply(&began(NOW, "a", minute));
    records.apply(&Record { at: NOW.after(minute), fact: open });

    let set_right = {
        let mut later = records.clone();
        // Five minutes later by the machine, a year by the time of day.
        later.apply(&began(NOW.after(year), "a", 6 * minute));
        later
    };
    let now = NOW.after(year);
    assert_eq!(asked_at(&set_right, now), Some(NOW.after(year - 4 * minute)));
    assert_eq!(asked_at(&anew(&set_right, now), now), asked_at(&set_right, now));

    let untouched = {
        let mut later = records.clone();
        later.apply(&began(NOW.after(5 * minute), "a", 6 * minute));
        later
    };
    assert_eq!(asked_at(&untouched, NOW), Some(NOW.after(minute)));

    let set_back = {
        let mut later = set_right.clone();
        later.apply(&began(NOW, "a", 7 * minute));
        later
    };
    assert_eq!(asked_at(&set_back, NOW).map(Timestamp::as_millis), Some(NOW.as_millis() - 300_000));

    let started_anew = {
        let mut later = records;
        later.apply(&began(NOW.after(10 * minute), "b", minute));
        later
    };
    assert_eq!(asked_at(&started_anew, NOW), Some(NOW.after(minute)), "nobody can tell");
}
