//! Small journals to report on in tests.

use wucluster_core::action::{Action, CloudAction, ShellAction};
use wucluster_core::demand::Demand;
use wucluster_core::ids::{
    ClusterName, InstanceId, MountKey, NodeName, SnapshotId, Subject, VolumeId,
};
use wucluster_core::interlock::{Hold, Interlock};
use wucluster_core::memory::AwaitedId;
use wucluster_core::tags::Tags;
use wucluster_core::time::Timestamp;

use wucluster_engine::store::journal::{Damage, RunJournal};
use wucluster_engine::store::lease::{Lease, LeaseEnd, Operator, Purpose, TookOver};
use wucluster_engine::{EngineEvent, EventKind, Fact};

use super::{Records, Report};

/// Returns the time so many seconds into a run.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_795_430_527_000 + seconds * 1000)
}

fn subject(name: &str) -> Subject {
    match name.contains('/') {
        true => Subject::Mount(MountKey::try_from(name.to_owned()).unwrap()),
        false => Subject::Node(NodeName::new(name).unwrap()),
    }
}

fn event(seconds: i64, kind: EventKind) -> EngineEvent {
    EngineEvent { at: at(seconds), kind }
}

pub(crate) fn changed(seconds: i64, name: &str, from: &str, to: &str) -> EngineEvent {
    let kind = EventKind::Changed {
        subject: subject(name),
        from: from.to_owned(),
        to: to.to_owned(),
        id: Some("vol-1".to_owned()),
        note: (to == "attached").then(|| "DetachVolume".to_owned()),
    };
    event(seconds, kind)
}

fn asked(seconds: i64, action: Action) -> EngineEvent {
    let (subject, name) = (action.subject(), action.name().to_owned());
    event(seconds, EventKind::Asked { subject, name, action })
}

pub(crate) fn asked_unmount(seconds: i64, mount: &str) -> EngineEvent {
    let mount = MountKey::try_from(mount.to_owned()).unwrap();
    let (serial, before) = ("vol1".to_owned(), Vec::new());
    asked(seconds, Action::Shell(ShellAction::Unmount { mount, serial, before }))
}

fn asked_delete(seconds: i64) -> EngineEvent {
    let mount = MountKey::try_from("chief/home".to_owned()).unwrap();
    let (volume, kept_by) = (VolumeId::new("vol-1"), Some(SnapshotId::new("snap-1")));
    asked(seconds, Action::Cloud(CloudAction::DeleteVolume { mount, volume, kept_by }))
}

pub(crate) fn answered(seconds: i64, name: &str, request: &str, made: Option<&str>) -> EngineEvent {
    let (subject, name) = (subject(name), request.to_owned());
    event(seconds, EventKind::Answered { subject, name, made: made.map(ToOwned::to_owned) })
}

pub(crate) fn failed(seconds: i64, name: &str, request: &str, error: &str) -> EngineEvent {
    let (subject, name, error) = (subject(name), request.to_owned(), error.to_owned());
    event(seconds, EventKind::Failed { subject, name, error, times: 1 })
}

pub(crate) fn held(seconds: i64, name: &str, why: &str) -> EngineEvent {
    let hold = Hold {
        interlock: Interlock::MountBusy,
        subject: subject(name),
        what: "it cannot be unmounted".to_owned(),
        why: vec![why.to_owned()],
        so: "it stays mounted. Nothing was forced.".to_owned(),
        fix: vec!["ask it to stop:   wucluster run chief -- kill 412".to_owned()],
        may_clear: true,
    };
    event(seconds, EventKind::Held(hold))
}

pub(crate) fn released(seconds: i64, name: &str) -> EngineEvent {
    event(seconds, EventKind::Released { subject: subject(name) })
}

/// What a store has of one run.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    pub(crate) who: String,
    pub(crate) events: Vec<EngineEvent>,
    pub(crate) end: Option<LeaseEnd>,
    pub(crate) goes_on: bool,
    pub(crate) damage: Option<Damage>,
}

impl Journal {
    /// Returns a put-away: `chief/home` goes, `chief/data` is held, and `chief` is asked to end without an answer.
    pub(crate) fn put_away() -> Self {
        let home = MountKey::try_from("chief/home".to_owned()).unwrap();
        let chief = NodeName::new("chief").unwrap();
        let (cluster, demand) = (ClusterName::new("gibbon").unwrap(), Demand::Away);
        let (volume, instance) = (VolumeId::new("vol-1"), InstanceId::new("i-1"));
        let snapshot = CloudAction::CreateSnapshot {
            mount: home.clone(),
            volume: volume.clone(),
            tags: Tags::default(),
        };
        let ended = Fact::Ended { id: AwaitedId::Volume(volume) };
        let terminate = CloudAction::TerminateInstance { node: chief, instance };
        let events = vec![
            event(1, EventKind::Started { cluster, demand, only: Vec::new() }),
            asked_unmount(10, "chief/home"),
            asked_unmount(10, "chief/data"),
            failed(11, "chief/data", "umount", "<b>target</b> is busy\u{1b}[2J"),
            held(12, "chief/data", "pid 412   root   tail -f \"a\" & <script>alert(1)</script>"),
            answered(19, "chief/home", "umount", None),
            changed(20, "chief/home", "mounted", "attached"),
            changed(30, "chief/home", "attached", "available"),
            asked(39, Action::Cloud(snapshot)),
            answered(40, "chief/home", "CreateSnapshot", Some("snap-1")),
            asked_delete(60),
            failed(61, "chief/home", "DeleteVolume", "RequestLimitExceeded: too many"),
            asked_delete(63),
            answered(65, "chief/home", "DeleteVolume", None),
            changed(70, "chief/home", "available", "away"),
            event(70, EventKind::Recorded(ended)),
            asked(90, Action::Cloud(terminate)),
        ];
        let end = LeaseEnd { outcome: "held".to_owned(), at: at(100), requests: 64 };
        Self { who: "ann@mill".to_owned(), events, end: Some(end), goes_on: false, damage: None }
    }

    /// Returns what a report makes of it, with all that it is made of.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Report, &Lease, &RunJournal) -> T) -> T {
        let lease = Lease {
            schema: "wucluster/lease/1".to_owned(),
            run: 7,
            nonce: String::new(),
            operator: Operator { who: self.who.clone(), ..Operator::default() },
            purpose: Purpose {
                command: "put-away".to_owned(),
                demand: Some(Demand::Away),
                only: Vec::new(),
            },
            since: at(0),
            took_over: Some(TookOver::Gone { run: 6 }),
            fence: 0,
        };
        let (events, damage) = (self.events.clone(), self.damage.clone());
        let journal = RunJournal { events, damage, ..RunJournal::default() };
        let (end, goes_on) = (self.end.as_ref(), self.goes_on);
        let records = Records { cluster: "gibbon", lease: &lease, end, goes_on, journal: &journal };
        work(&Report::of(&records), &lease, &journal)
    }

    /// Returns what a report makes of it.
    pub(crate) fn report(&self) -> Report {
        self.with(|report, _, _| report.clone())
    }
}
