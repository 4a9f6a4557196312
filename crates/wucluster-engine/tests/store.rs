//! The store's protocols: who drives, and what is written before it is asked.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use wucluster_core::action::{Action, CloudAction};
use wucluster_core::demand::Demand;
use wucluster_core::ids::{InstanceId, MountKey, MountName, NodeName, Subject, VolumeId};
use wucluster_core::phases::{Phase, PhaseEntry};
use wucluster_core::ports::{Clock, Cloud as _};
use wucluster_engine::store::journal::{self, Damage};
use wucluster_engine::store::lease::{
    self, BEAT, LeaseEnd, LeaseError, Newest, Operator, Purpose, SELF_FENCE, SILENCE, Taken,
    Taking, TookOver,
};
use wucluster_engine::store::objects::{
    Created, Listed, MemoryObjects, Objects, ObjectsError, create,
};
use wucluster_engine::store::{Dismissed, Tenure};
use wucluster_engine::{EngineEvent, EventKind, Fact};
use wucluster_sim::{Sim, World};

/// A store that can be out of reach, and whose answers can be lost.
#[derive(Debug, Default)]
struct Shaky {
    inner: MemoryObjects,
    is_down: AtomicBool,
    loses_answers: AtomicBool,
    lies: AtomicBool,
}

impl Shaky {
    fn error(&self, key: &str) -> ObjectsError {
        ObjectsError {
            what: "make",
            key: key.to_owned(),
            place: self.place(),
            why: "no route to host".to_owned(),
            is_denied: false,
        }
    }

    fn reach(&self, key: &str) -> Result<(), ObjectsError> {
        if self.is_down.load(Ordering::Relaxed) { Err(self.error(key)) } else { Ok(()) }
    }
}

#[async_trait]
impl Objects for Shaky {
    async fn put_new(&self, key: &str, body: &[u8]) -> Result<bool, ObjectsError> {
        self.reach(key)?;
        let is_new = self.inner.put_new(key, body).await?;
        if self.loses_answers.load(Ordering::Relaxed) {
            return Err(self.error(key));
        }
        Ok(is_new && !self.lies.load(Ordering::Relaxed))
    }

    async fn put(&self, key: &str, body: &[u8]) -> Result<(), ObjectsError> {
        self.reach(key)?;
        self.inner.put(key, body).await
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ObjectsError> {
        self.reach(key)?;
        self.inner.get(key).await
    }

    async fn list(&self, folder: &str) -> Result<Vec<Listed>, ObjectsError> {
        self.reach(folder)?;
        self.inner.list(folder).await
    }

    fn place(&self) -> String {
        "a shaky place".to_owned()
    }
}

/// A store with a clock, in virtual time.
struct Place {
    shaky: Arc<Shaky>,
    clock: Arc<dyn Clock>,
}

impl Place {
    fn new() -> Self {
        let sim = Sim::new(World::new(1));
        Self { shaky: Arc::new(Shaky::default()), clock: Arc::new(sim.begin_operator()) }
    }

    fn objects(&self) -> Arc<dyn Objects> {
        Arc::clone(&self.shaky) as Arc<dyn Objects>
    }

    async fn take(&self, who: &str, patience: Duration) -> Result<Taken, LeaseError> {
        self.take_if_gone(who, patience, &|_| false).await
    }

    async fn take_if_gone(
        &self,
        who: &str,
        patience: Duration,
        is_gone: &(dyn Fn(&Operator) -> bool + Send + Sync),
    ) -> Result<Taken, LeaseError> {
        let taking = Taking {
            operator: Operator { who: who.to_owned(), ..Operator::default() },
            purpose: Purpose {
                command: "launch".to_owned(),
                demand: Some(Demand::Launched),
                only: Vec::new(),
            },
            nonce: format!("{who} {:?}", self.clock.now()),
            patience,
            is_gone,
            calendar: &*self.clock,
        };
        lease::take(&self.objects(), &*self.clock, &taking, &mut |_| ()).await
    }

    async fn tenure(&self, who: &str) -> Tenure {
        let left = journal::left(self.objects().as_ref()).await.unwrap();
        let taken = self.take_if_gone(who, Duration::ZERO, &|_| true).await.unwrap();
        Tenure::begin(taken, &left, Arc::clone(&self.clock), self.clock.now()).await.unwrap()
    }

    fn seen(&self, epoch: u64) -> EngineEvent {
        EngineEvent { at: self.clock.now(), kind: EventKind::DataSeen { mount: home(), epoch } }
    }

    async fn epoch_left(&self) -> Option<u64> {
        let left = journal::left(self.objects().as_ref()).await.unwrap();
        left.records.data_epochs.get(&home()).copied()
    }
}

fn home() -> MountKey {
    MountKey { node: NodeName::new("chief").unwrap(), mount: MountName::new("home").unwrap() }
}

fn entry(volume: &str, phase: Phase, epoch: u64) -> PhaseEntry {
    PhaseEntry { volume: VolumeId::new(volume), mount: home(), phase, epoch, kept_by: None }
}

fn end(place: &Place) -> LeaseEnd {
    LeaseEnd { outcome: "reached".to_owned(), at: place.clock.now(), requests: 3 }
}

#[test]
fn one_drives_at_a_time_and_runs_are_numbered() {
    wucluster_sim::run(async {
        let place = Place::new();
        assert_eq!(lease::newest(place.objects().as_ref()).await.unwrap(), Newest::None);
        let ann = place.take("ann", Duration::ZERO).await.unwrap();
        assert_eq!(ann.run(), 1);
        match place.take("bob", Duration::ZERO).await {
            Err(LeaseError::Held(held)) => assert_eq!(held.lease.operator.who, "ann"),
            other => panic!("{other:?}"),
        }
        ann.end(&end(&place)).await.unwrap();
        let bob = place.take("bob", Duration::ZERO).await.unwrap();
        assert_eq!((bob.run(), &bob.lease().took_over), (2, &None));
        let all = lease::all(place.objects().as_ref(), 10).await.unwrap();
        let told: Vec<_> = all
            .iter()
            .map(|(lease, end)| (lease.run, end.as_ref().map(|end| end.requests)))
            .collect();
        assert_eq!(told, [(1, Some(3)), (2, None)]);
    });
}

#[test]
fn whose_process_is_gone_is_not_waited_for() {
    wucluster_sim::run(async {
        let place = Place::new();
        place.take("ann", Duration::ZERO).await.unwrap();
        let is_gone = |operator: &Operator| operator.who == "ann";
        let bob = place.take_if_gone("bob", Duration::ZERO, &is_gone).await.unwrap();
        assert_eq!(bob.lease().took_over, Some(TookOver::Gone { run: 1 }));
        assert!(place.take_if_gone("eve", Duration::ZERO, &is_gone).await.is_err());
    });
}

#[test]
fn who_is_silent_is_taken_over_after_silence_and_who_beats_never() {
    wucluster_sim::run(async {
        let place = Place::new();
        let ann = place.take("ann", Duration::ZERO).await.unwrap();
        let begun = place.clock.now();
        let beats = async {
            for beat in 0..30 {
                ann.beat(beat, place.clock.now()).await.unwrap();
                place.clock.sleep(BEAT).await;
            }
            place.clock.now()
        };
        let bob = place.take("bob", Duration::from_secs(3600));
        let (last, bob) = tokio::join!(beats, bob);
        let bob = bob.unwrap();
        let taken_after = bob.lease().since.since(begun);
        let beaten_for = last.since(begun);
        assert!(taken_after >= beaten_for - BEAT + SILENCE, "{taken_after:?} {beaten_for:?}");
        assert!(taken_after < beaten_for + SILENCE + BEAT, "{taken_after:?}");
        assert!(matches!(bob.lease().took_over, Some(TookOver::Silent { run: 1, .. })));
    });
}

#[test]
fn nothing_may_be_asked_once_somebody_took_over() {
    wucluster_sim::run(async {
        let place = Place::new();
        let ann = place.tenure("ann").await;
        ann.tell(&place.seen(1));
        ann.permit().await.unwrap();
        let bob = place.tenure("bob").await;
        ann.tell(&place.seen(2));
        let taken_over = Err(Dismissed::TakenOver { by: "bob".to_owned() });
        assert_eq!(ann.permit().await, taken_over);
        assert_eq!(ann.permit().await, taken_over, "and never again");
        bob.permit().await.unwrap();
    });
}

#[test]
fn nothing_may_be_asked_by_who_could_not_renew_for_too_long() {
    wucluster_sim::run(async {
        let place = Place::new();
        let ann = place.tenure("ann").await;
        ann.beat(place.clock.now()).await.unwrap();
        place.shaky.is_down.store(true, Ordering::Relaxed);
        place.clock.sleep(BEAT).await;
        ann.beat(place.clock.now()).await.unwrap();
        place.shaky.is_down.store(false, Ordering::Relaxed);
        ann.permit().await.unwrap();
        place.clock.sleep(SELF_FENCE).await;
        assert!(matches!(ann.permit().await, Err(Dismissed::Silent(_))));
        // A beat that comes after the silence does not make up for it.
        assert!(matches!(ann.beat(place.clock.now()).await, Err(Dismissed::Silent(_))));
    });
}

#[test]
fn nothing_may_be_asked_that_could_not_be_written() {
    wucluster_sim::run(async {
        let place = Place::new();
        let ann = place.tenure("ann").await;
        place.shaky.is_down.store(true, Ordering::Relaxed);
        ann.tell(&place.seen(1));
        assert!(matches!(ann.permit().await, Err(Dismissed::Store(_))));
        place.shaky.is_down.store(false, Ordering::Relaxed);
        assert!(matches!(ann.permit().await, Err(Dismissed::Store(_))), "for good");
        assert_eq!(place.epoch_left().await, None);
    });
}

#[test]
fn whose_object_it_is_is_told_by_its_body_and_not_by_the_answer() {
    wucluster_sim::run(async {
        let place = Place::new();
        let store = place.objects();
        for switch in [&place.shaky.loses_answers, &place.shaky.lies] {
            switch.store(true, Ordering::Relaxed);
            let key = format!("leases/{switch:p}");
            assert_eq!(create(store.as_ref(), &key, b"ann").await.unwrap(), Created::Ours);
            let theirs = Created::Theirs(b"ann".to_vec());
            assert_eq!(create(store.as_ref(), &key, b"bob").await.unwrap(), theirs);
            switch.store(false, Ordering::Relaxed);
        }
        place.shaky.is_down.store(true, Ordering::Relaxed);
        assert!(create(store.as_ref(), "x", b"ann").await.is_err());
    });
}

#[test]
fn what_a_run_tells_is_left_for_the_next_and_carried_on() {
    wucluster_sim::run(async {
        let place = Place::new();
        let ann = place.tenure("ann").await;
        ann.tell(&place.seen(4));
        ann.commit().await.unwrap();
        // Told and never written: whoever was killed before did not ask for anything after it either.
        ann.tell(&place.seen(9));
        let bob = place.tenure("bob").await;
        assert_eq!(place.epoch_left().await, Some(4));
        bob.permit().await.unwrap();
        let left = journal::left(place.objects().as_ref()).await.unwrap();
        assert_eq!(left.read.get(&1), Some(&1));
        // Who was taken over is slow, and writes once more: it is not lost on the one after next.
        ann.commit().await.unwrap();
        assert_eq!(place.epoch_left().await, Some(9));
        let eve = place.tenure("eve").await;
        eve.commit().await.unwrap();
        assert_eq!(place.epoch_left().await, Some(9));
        let read = journal::read(place.objects().as_ref(), 1, 0).await.unwrap();
        assert_eq!((read.events.len(), read.damage), (3, None));
    });
}

#[test]
fn what_a_run_asked_for_once_counts_as_asked_for_once() {
    wucluster_sim::run(async {
        let place = Place::new();
        let request = CloudAction::DetachVolume {
            mount: home(),
            volume: VolumeId::new("vol-1"),
            instance: InstanceId::new("i-1"),
        };
        let subject = Subject::Mount(home());
        for asked in 1..=3 {
            // As a command does: what was left is read by whoever has the lease.
            let taken = place.take_if_gone("ann", Duration::ZERO, &|_| true).await.unwrap();
            let left = journal::left(place.objects().as_ref()).await.unwrap();
            let now = place.clock.now();
            let tenure = Tenure::begin(taken, &left, Arc::clone(&place.clock), now).await.unwrap();
            for kind in [
                EventKind::Asked {
                    subject: subject.clone(),
                    name: "DetachVolume".to_owned(),
                    action: Action::Cloud(request.clone()),
                },
                EventKind::Recorded(Fact::Heard {
                    subject: subject.clone(),
                    request: request.clone(),
                }),
            ] {
                tenure.tell(&EngineEvent { at: place.clock.now(), kind });
            }
            tenure.commit().await.unwrap();
            let left = journal::left(place.objects().as_ref()).await.unwrap();
            let limits = Sim::new(World::new(1)).cloud().limits();
            let memory = left.records.memory(place.clock.now(), &limits);
            let open = &memory.subjects[&subject].open_requests;
            assert_eq!(open.iter().map(|open| open.times).collect::<Vec<_>>(), [asked]);
        }
    });
}

#[test]
fn damage_is_told_and_the_words_before_it_count() {
    wucluster_sim::run(async {
        for seq in 1..=3_u64 {
            let place = Place::new();
            let ann = place.tenure("ann").await;
            for epoch in 1..=3 {
                ann.tell(&place.seen(epoch));
                ann.commit().await.unwrap();
            }
            let store = place.objects();
            let key = format!("runs/{:012}/{seq:012}", 1);
            let whole = store.get(&key).await.unwrap().unwrap();
            let before = (seq > 1).then_some(seq - 1);
            for cut in 0..whole.len() {
                store.put(&key, &whole[..cut]).await.unwrap();
                let left = journal::left(store.as_ref()).await.unwrap();
                let expected = match seq {
                    3 => Damage::Torn { run: 1, seq },
                    _ => Damage::Broken { run: 1, seq, why: "it is not whole".to_owned() },
                };
                assert_eq!(left.damage, [expected], "cut at {cut}");
                assert_eq!(place.epoch_left().await, before);
            }
            for at in 0..whole.len() {
                let mut changed = whole.clone();
                changed[at] ^= 1;
                store.put(&key, &changed).await.unwrap();
                let left = journal::left(store.as_ref()).await.unwrap();
                assert_eq!(left.damage.len(), 1, "changed at {at}");
                assert_eq!(place.epoch_left().await, before);
            }
            store.put(&key, &vec![0; whole.len()]).await.unwrap();
            assert_eq!(journal::left(store.as_ref()).await.unwrap().damage.len(), 1);
        }
    });
}

/// Copies a place without the objects that are moved away.
async fn without(place: &Place, is_moved: impl Fn(&str) -> bool) -> Place {
    let other = Place::new();
    for folder in ["leases", "runs", "phases"] {
        for listed in place.objects().list(folder).await.unwrap() {
            if !is_moved(&listed.key) {
                let body = place.objects().get(&listed.key).await.unwrap().unwrap();
                other.objects().put(&listed.key, &body).await.unwrap();
            }
        }
    }
    other
}

#[test]
fn without_what_damage_spoils_what_was_told_before_is_known_and_driven_on() {
    wucluster_sim::run(async {
        for seq in 1..=3_u64 {
            let place = Place::new();
            let ann = place.tenure("ann").await;
            ann.tell(&place.seen(1));
            ann.commit().await.unwrap();
            ann.end(&end(&place)).await.unwrap();
            let bob = place.tenure("bob").await;
            for epoch in 2..=4 {
                bob.tell(&place.seen(epoch));
                bob.commit().await.unwrap();
            }
            let key = format!("runs/{:012}/{seq:012}", 2);
            place.objects().put(&key, b"{").await.unwrap();
            let left = journal::left(place.objects().as_ref()).await.unwrap();
            let damage = left.damage.first().expect("it is told").clone();
            assert!(damage.what_to_move("P").starts_with(&format!("P/{key}")), "{damage:?}");
            let mended = without(&place, |key| damage.spoils(key)).await;
            let left = journal::left(mended.objects().as_ref()).await.unwrap();
            assert_eq!(left.damage, []);
            // The first batch of a run has what it told first, and what earlier ones left.
            assert_eq!(mended.epoch_left().await, Some(seq));
            mended.tenure("eve").await.commit().await.unwrap();
        }
        let place = Place::new();
        place.tenure("ann").await.commit().await.unwrap();
        place.objects().put(&format!("phases/{:012}", 1), b"{").await.unwrap();
        let left = journal::left(place.objects().as_ref()).await.unwrap();
        let damage = left.damage.first().expect("it is told").clone();
        let mended = without(&place, |key| damage.spoils(key)).await;
        assert!(mended.objects().list("phases").await.unwrap().is_empty());
        mended.tenure("bob").await.commit().await.unwrap();
    });
}

#[test]
fn where_leases_are_lost_no_number_is_given_twice() {
    wucluster_sim::run(async {
        let place = Place::new();
        for who in ["ann", "bob", "eve"] {
            let tenure = place.tenure(who).await;
            tenure.commit().await.unwrap();
            tenure.beat(place.clock.now()).await.unwrap();
        }
        // All of them, with and without the log of phases; and the newest alone, whose beat tells that it was.
        for lost in [&["leases/"][..], &["leases/", "phases/"], &["leases/000000000003"]] {
            let is_lost = |key: &str| {
                lost.iter().any(|lost| key == *lost || lost.ends_with('/') && key.starts_with(lost))
            };
            let left = without(&place, is_lost).await;
            let next = left.tenure("dan").await;
            assert_eq!(next.run(), 4, "without {lost:?}");
            next.commit().await.unwrap();
        }
        // Nothing is left of it: it is taken for the first run, and nodes tell it from all before.
        let last = place.tenure("dan").await;
        let anew = without(&place, |_| true).await;
        anew.clock.sleep(Duration::from_secs(60)).await;
        let first = anew.tenure("dan").await;
        assert_eq!((first.run(), last.run()), (1, 4));
        assert!(first.fence() > last.fence(), "{} {}", first.fence(), last.fence());
    });
}

#[test]
fn a_lease_of_which_only_its_beat_is_left_is_held_by_somebody() {
    wucluster_sim::run(async {
        let place = Place::new();
        let ann = place.take("ann", Duration::ZERO).await.unwrap();
        ann.beat(1, place.clock.now()).await.unwrap();
        let left = without(&place, |key| key == "leases/000000000001").await;
        match left.take("bob", Duration::ZERO).await {
            Err(LeaseError::Held(held)) => assert_eq!(held.lease.operator.who, "somebody"),
            other => panic!("{other:?}"),
        }
        let bob = left.take("bob", Duration::from_secs(3600)).await.unwrap();
        assert!(matches!(bob.lease().took_over, Some(TookOver::Silent { run: 1, .. })));
    });
}

#[test]
fn a_missing_or_foreign_batch_is_damage() {
    wucluster_sim::run(async {
        let (place, other) = (Place::new(), Place::new());
        let ann = place.tenure("ann").await;
        let bob = other.tenure("bob").await;
        for epoch in 1..=2 {
            ann.tell(&place.seen(epoch));
            ann.commit().await.unwrap();
            bob.tell(&other.seen(epoch));
            bob.commit().await.unwrap();
        }
        let key = |seq: u64| format!("runs/{:012}/{seq:012}", 1);
        let foreign = other.objects().get(&key(2)).await.unwrap().unwrap();
        place.objects().put(&key(2), &foreign).await.unwrap();
        let left = journal::left(place.objects().as_ref()).await.unwrap();
        assert!(matches!(left.damage[..], [Damage::Broken { run: 1, seq: 2, .. }]), "{left:?}");
        let third = other.objects().get(&key(1)).await.unwrap().unwrap();
        other.objects().put(&key(4), &third).await.unwrap();
        let left = journal::left(other.objects().as_ref()).await.unwrap();
        assert!(matches!(left.damage[..], [Damage::Broken { run: 1, seq: 3, .. }]), "{left:?}");
    });
}

#[test]
fn who_writes_under_our_name_dismisses_us() {
    wucluster_sim::run(async {
        let place = Place::new();
        let ann = place.tenure("ann").await;
        ann.commit().await.unwrap();
        place.objects().put_new(&format!("runs/{:012}/{:012}", 1, 2), b"x").await.unwrap();
        ann.tell(&place.seen(1));
        assert!(matches!(ann.commit().await, Err(Dismissed::Foreign { .. })));
    });
}

#[test]
fn a_lease_that_makes_no_sense_is_an_error() {
    wucluster_sim::run(async {
        let place = Place::new();
        place.objects().put_new("leases/000000000007", b"{").await.unwrap();
        assert!(matches!(place.take("ann", Duration::ZERO).await, Err(LeaseError::Damaged { .. })));
    });
}

#[test]
fn a_lease_that_belongs_elsewhere_is_an_error_and_is_not_tried_for_ever() {
    wucluster_sim::run(async {
        let place = Place::new();
        let ann = place.take("ann", Duration::ZERO).await.unwrap();
        ann.end(&end(&place)).await.unwrap();
        place.take("bob", Duration::ZERO).await.unwrap();
        let store = place.objects();
        let of_ann = store.get("leases/000000000001").await.unwrap().unwrap();
        store.put("leases/000000000002", &of_ann).await.unwrap();
        match place.take_if_gone("eve", Duration::ZERO, &|_| true).await {
            Err(LeaseError::Damaged { key, why, .. }) => {
                assert_eq!(
                    (key.as_str(), why.as_str()),
                    ("leases/000000000002", "it is the lease of run 1")
                );
            }
            other => panic!("{other:?}"),
        }
        assert!(lease::all(store.as_ref(), 10).await.is_err());
    });
}

#[test]
fn what_is_entered_is_known_to_the_next_and_what_is_gone_is_carried_no_further() {
    wucluster_sim::run(async {
        let place = Place::new();
        let ann = place.tenure("ann").await;
        assert_eq!(ann.phases().iter().count(), 0);
        ann.enter(entry("vol-1", Phase::Live, 1));
        ann.enter(entry("vol-2", Phase::Live, 1));
        ann.commit().await.unwrap();
        ann.enter(entry("vol-1", Phase::Deleting, 1));
        ann.enter(entry("vol-2", Phase::Gone, 1));
        ann.commit().await.unwrap();
        let bob = place.tenure("bob").await;
        let known = |volume: &str| bob.phases().of(&VolumeId::new(volume)).map(|last| last.phase);
        assert_eq!((known("vol-1"), known("vol-2")), (Some(Phase::Deleting), None));
        let eve = place.tenure("eve").await;
        assert_eq!(eve.phases().iter().collect::<Vec<_>>(), [&entry("vol-1", Phase::Deleting, 1)]);
        assert_eq!(place.objects().list("phases").await.unwrap().len(), 5);
    });
}

#[test]
fn once_a_run_has_begun_none_before_it_can_enter_anything() {
    wucluster_sim::run(async {
        let place = Place::new();
        let ann = place.tenure("ann").await;
        // Ann has cleared a deletion; before she enters it, her laptop sleeps, and Bob takes over.
        let bob = place.tenure("bob").await;
        bob.enter(entry("vol-1", Phase::Live, 2));
        bob.commit().await.unwrap();
        ann.enter(entry("vol-1", Phase::Deleting, 1));
        match ann.commit().await {
            Err(Dismissed::TakenOver { by }) => assert_eq!(by, "bob"),
            other => panic!("{other:?}"),
        }
        assert!(ann.permit().await.is_err(), "who was dismissed stays so");
        let left = journal::left(place.objects().as_ref()).await.unwrap();
        let last = left.log.phases.of(&VolumeId::new("vol-1")).unwrap().phase;
        assert_eq!((last, left.damage), (Phase::Live, Vec::new()));
    });
}

#[test]
fn what_was_entered_just_before_a_run_began_counts() {
    wucluster_sim::run(async {
        let place = Place::new();
        let ann = place.tenure("ann").await;
        // Bob has read the log; before he begins, Ann enters what she is about to ask for.
        let left = journal::left(place.objects().as_ref()).await.unwrap();
        let taken = place.take_if_gone("bob", Duration::ZERO, &|_| true).await.unwrap();
        ann.enter(entry("vol-1", Phase::Deleting, 1));
        ann.commit().await.unwrap();
        let clock = Arc::clone(&place.clock);
        let bob = Tenure::begin(taken, &left, clock, place.clock.now()).await.unwrap();
        assert!(bob.phases().is_doomed(&VolumeId::new("vol-1")));
        // And the other way round: a run that begins later than its successor does not begin.
        let left = journal::left(place.objects().as_ref()).await.unwrap();
        let early = place.take_if_gone("eve", Duration::ZERO, &|_| true).await.unwrap();
        place.tenure("dan").await;
        let clock = Arc::clone(&place.clock);
        let late = Tenure::begin(early, &left, clock, place.clock.now()).await;
        assert!(matches!(late, Err(Dismissed::TakenOver { by }) if by == "dan"));
    });
}

#[test]
fn what_cannot_be_entered_is_not_permitted_and_what_can_is() {
    wucluster_sim::run(async {
        let place = Place::new();
        let ann = place.tenure("ann").await;
        place.shaky.loses_answers.store(true, Ordering::Relaxed);
        ann.enter(entry("vol-1", Phase::Sealed, 1));
        ann.permit().await.expect("it is there: it was read back");
        place.shaky.loses_answers.store(false, Ordering::Relaxed);
        place.shaky.is_down.store(true, Ordering::Relaxed);
        ann.enter(entry("vol-1", Phase::Deleting, 1));
        assert!(matches!(ann.permit().await, Err(Dismissed::Store(_))));
        place.shaky.is_down.store(false, Ordering::Relaxed);
        assert!(ann.permit().await.is_err(), "who was dismissed stays so");
        let left = journal::left(place.objects().as_ref()).await.unwrap();
        assert!(left.log.phases.is_sealed(&VolumeId::new("vol-1"), 1));
        assert!(!left.log.phases.is_doomed(&VolumeId::new("vol-1")));
    });
}

#[test]
fn a_log_of_phases_that_is_damaged_anywhere_is_told() {
    wucluster_sim::run(async {
        let place = Place::new();
        let ann = place.tenure("ann").await;
        for (phase, epoch) in [(Phase::Live, 1), (Phase::Sealed, 1), (Phase::Deleting, 1)] {
            ann.enter(entry("vol-1", phase, epoch));
            ann.commit().await.unwrap();
        }
        let store = place.objects();
        let mut images = 0;
        let mut is_told = async |key: &str, body: &[u8]| {
            store.put(key, body).await.unwrap();
            images += 1;
            let damage = journal::left(store.as_ref()).await.unwrap().damage;
            matches!(damage[..], [Damage::Phases { .. }])
        };
        for seq in 1..=4_u64 {
            let key = format!("phases/{seq:012}");
            let whole = store.get(&key).await.unwrap().unwrap();
            for cut in 0..whole.len() {
                assert!(is_told(&key, &whole[..cut]).await, "{seq} cut at {cut}");
            }
            for at in 0..whole.len() {
                let mut changed = whole.clone();
                changed[at] ^= 1;
                assert!(is_told(&key, &changed).await, "{seq} changed at {at}");
            }
            assert!(is_told(&key, &vec![0; whole.len()]).await);
            store.put(&key, &whole).await.unwrap();
            assert_eq!(journal::left(store.as_ref()).await.unwrap().damage, []);
        }
        println!("{images} damaged images");
        // Objects that change places.
        let (second, third) = ("phases/000000000002", "phases/000000000003");
        let bodies = (store.get(second).await.unwrap(), store.get(third).await.unwrap());
        store.put(second, &bodies.1.unwrap()).await.unwrap();
        store.put(third, &bodies.0.unwrap()).await.unwrap();
        let damage = journal::left(store.as_ref()).await.unwrap().damage;
        assert_eq!(damage.len(), 1, "{damage:?}");
    });
}
