//! A world on the bench: an operator who drives it, users who work in it, and what is heard.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{MountKey, NodeName, SnapshotId, Subject, VolumeId};
use wucluster_core::interlock::{Hold, Interlock};
use wucluster_core::phases::Phase;
use wucluster_core::policy::{Consent, Policy};
use wucluster_core::ports::Clock as _;
use wucluster_core::time::Timestamp;
use wucluster_engine::store::journal::{self, Damage, Left};
use wucluster_engine::store::lease::{self, LeaseEnd, LeaseError, Operator, Purpose, Taking};
use wucluster_engine::store::objects::Objects;
use wucluster_engine::store::{Dismissed, Tenure, identity};
use wucluster_engine::{
    Adoption, Ending, Engine, EngineEvent, EventKind, Outcome, Pursuit, Records, Stop,
};
use wucluster_sim::{
    Answer, ApiCalls, Fault, FaultKind, Harm, HookScript, Human, Sim, SteadyClock, World,
};

use crate::change::{self, Change};
use crate::depot::{Depot, Door};
use crate::guard::Ablation;
use crate::mail::{UnderWay, Waits};
use crate::notebook::Notebook;
use crate::scenario::{Act, Comes, Ends, HookShape, NodeShape, Scenario, Step};
use crate::stock::{self, Stock};
use crate::trouble::Cast;
use crate::truth::{Shortfalls, Stage};
use crate::wire::{Ear, WiredCloud, WiredShell, wire};

/// Who says no more often than this never says yes.
const NOES_MAX: usize = 1_000;

/// Numbers from here on are those of the processes of users, one for each mount.
const USER_PID_MIN: u32 = 5_000;

/// How long a person waits who goes on without what is damaged, as the message says.
const DAMAGE_PATIENCE: Duration = Duration::from_secs(20 * 60);
/// Within which time what a late request began is done.
const COMES_TO_REST: Duration = Duration::from_secs(60);

/// How long somebody waits for a lease.
const TAKEOVER_MAX: Duration = Duration::from_secs(3600);

/// A world with an operator.
pub struct Bench {
    /// The world.
    pub sim: Sim,
    /// What passed between engine and world.
    pub ear: Ear,
    /// What users did.
    pub notes: Notebook,
    /// All nodes and mounts that the cluster ever has.
    pub cast: Cast,
    scenario: Scenario,
    cloud: WiredCloud,
    shell: WiredShell,
    /// Where the operator keeps leases and journals.
    depot: Arc<Depot>,
    policy: Policy,
    watches: bool,
    /// How many operators there were.
    operators: AtomicU64,
}

/// Why a drive could not begin; nothing was asked of cloud or nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Somebody else drives, or began to at the same moment.
    Locked(String),
    /// The store did not do what it was asked.
    Store(String),
    /// What is in the store is damaged. A person is told what to move away.
    Damaged {
        /// What is wrong with it.
        why: String,
        /// What is to be moved away.
        what: Spoilt,
    },
}

/// What a person is told to move away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spoilt {
    /// What a journal or the log of phases does without.
    Told(Damage),
    /// The object of a lease, or of the store's identity.
    Lease(String),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Locked(why) | Self::Store(why) | Self::Damaged { why, what: _ } => {
                f.write_str(why)
            }
        }
    }
}

impl From<LeaseError> for Refused {
    fn from(error: LeaseError) -> Self {
        let why = error.to_string();
        match error {
            LeaseError::Held(_) => Self::Locked(why),
            LeaseError::Damaged { key, .. } => Self::Damaged { why, what: Spoilt::Lease(key) },
            LeaseError::Store(_) => Self::Store(why),
        }
    }
}

impl From<Dismissed> for Refused {
    fn from(dismissed: Dismissed) -> Self {
        let why = dismissed.to_string();
        match dismissed {
            Dismissed::TakenOver { .. } | Dismissed::Silent(_) | Dismissed::Foreign { .. } => {
                Self::Locked(why)
            }
            Dismissed::Store(_) => Self::Store(why),
            Dismissed::Damaged { key, .. } => Self::Damaged { why, what: Spoilt::Lease(key) },
        }
    }
}

/// An operator who has the lease.
struct Begun {
    tenure: Tenure,
    records: Records,
    /// Whether somebody else was waited for.
    has_waited: bool,
}

/// Through what an operator asks, and what is heard of it.
struct Seat<'a> {
    ear: &'a Ear,
    cloud: &'a WiredCloud,
    shell: &'a WiredShell,
    door: Arc<Door>,
}

/// Who fell short of a demand for a while during which nothing changed.
#[derive(Debug, Clone)]
pub struct Watched {
    /// When it was last seen to be so.
    pub until: Timestamp,
    /// Who fell short, and how.
    pub short: Shortfalls,
}

/// How a drive came out.
pub struct Driven {
    /// The definition that it served.
    pub definition: ClusterDefinition,
    /// How it ended; `None` when its operator was killed, or it could not begin.
    pub ending: Option<Ending>,
    /// Why it could not begin.
    pub refused: Option<Refused>,
    /// Whether it waited for another operator first.
    pub has_waited: bool,
    /// When it began.
    pub from: Timestamp,
    /// When it ended.
    pub to: Timestamp,
    /// How fast the operator's clock went. Unit: percent of the true rate.
    pub rate_percent: u32,
    /// When each subject was last seen to change.
    pub changes: Vec<(Timestamp, Subject)>,
    /// The mounts of which the deletion of a volume was begun by an earlier drive.
    pub doomed: BTreeSet<MountKey>,
    /// Who fell short, from change to change, if that was watched.
    pub watched: Vec<Watched>,
    /// How often its operator waited, from when it took the lease.
    pub waits: u64,
    /// What was on its way when the operator was gone, where that was decided.
    pub under_way: Option<UnderWay>,
}

impl Driven {
    /// Returns how long it was by the operator's clock from one true time to another.
    #[must_use]
    pub fn felt_span(&self, from: Timestamp, to: Timestamp) -> Duration {
        to.since(from) * self.rate_percent / 100
    }

    /// Says whether something was held as another store's.
    #[must_use]
    pub fn is_of_another_store(&self) -> bool {
        matches!(self.ending.as_ref().map(|ending| &ending.outcome), Some(Outcome::Held(holds))
            if holds.iter().any(|hold| hold.interlock == Interlock::OtherStore))
    }

    /// Says whether the demand was reported as reached.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.outcome == Outcome::Reached)
    }
}

impl Bench {
    /// Puts a world on the bench. Inside a runtime with virtual time only.
    #[must_use]
    pub fn new(scenario: &Scenario, world: World, ablation: &Ablation, tells: bool) -> Self {
        let sim = Sim::new(world);
        let ear = Ear::default();
        let (cloud, shell) = wire(&sim, &ear);
        let notes = Notebook::default();
        notes.open().story = tells.then(Vec::new);
        let cast = Cast {
            nodes: scenario.nodes.iter().map(|node| node.name.clone()).collect(),
            mounts: scenario.mounts().collect(),
        };
        let mut policy = Policy { consent: Consent::Everything, ..Policy::default() };
        ablation.apply(&mut policy);
        let scenario = scenario.clone();
        let takes = Duration::from_millis(scenario.store_takes);
        let depot = Arc::new(Depot::new(takes, ear.mail.clone()));
        let (watches, operators) = (false, AtomicU64::new(0));
        Self { sim, ear, notes, cast, scenario, cloud, shell, depot, policy, watches, operators }
    }

    /// Returns the store.
    #[must_use]
    pub fn depot(&self) -> &Arc<Depot> {
        &self.depot
    }

    /// Returns what is permitted.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Says whether nobody said yes to any deletion.
    #[must_use]
    pub fn nobody_said_yes(&self) -> bool {
        matches!(&self.policy.consent, Consent::Only(ids) if ids.is_empty())
    }

    /// Looks on at each instant from now on, at a price.
    pub fn watch(&mut self) {
        self.watches = true;
    }

    /// Writes a line of the story, now.
    pub fn tell(&self, line: &str) {
        let now = self.sim.now();
        self.notes.open().tell(now, || line.to_owned());
    }

    /// Returns the definition in force.
    ///
    /// # Errors
    /// As [`Scenario::definition`].
    pub fn definition(&self) -> Result<ClusterDefinition, String> {
        self.scenario.definition(&self.notes.open().edits)
    }

    /// Returns the stage on which the truth is judged.
    #[must_use]
    pub fn stage<'a>(&'a self, definition: &'a ClusterDefinition) -> Stage<'a> {
        Stage { definition, nodes: &self.cast.nodes, mounts: &self.cast.mounts }
    }

    /// Drives to a demand.
    ///
    /// # Errors
    /// As [`Scenario::definition`].
    pub async fn drive(
        &self,
        demand: Demand,
        ends: Option<Ends>,
        beside: &[(u64, Act)],
        timeout: Duration,
    ) -> Result<Driven, String> {
        self.drive_as(demand, Comes::Takes, ends, beside, timeout).await
    }

    /// Drives to a demand; who has the lease is waited for, or is not.
    ///
    /// # Errors
    /// As [`Scenario::definition`].
    pub async fn drive_as(
        &self,
        demand: Demand,
        comes: Comes,
        ends: Option<Ends>,
        beside: &[(u64, Act)],
        timeout: Duration,
    ) -> Result<Driven, String> {
        let seat =
            Seat { ear: &self.ear, cloud: &self.cloud, shell: &self.shell, door: self.door() };
        self.drive_from(&seat, demand, comes, ends, beside, timeout).await
    }

    /// Drives to a demand as one operator of several; what passes is heard by nobody.
    ///
    /// # Errors
    /// As [`Scenario::definition`].
    pub async fn drive_beside(
        &self,
        demand: Demand,
        comes: Comes,
        door: Arc<Door>,
        timeout: Duration,
    ) -> Result<Driven, String> {
        let ear = Ear::default();
        let (cloud, shell) = wire(&self.sim, &ear);
        let seat = Seat { ear: &ear, cloud: &cloud, shell: &shell, door };
        self.drive_from(&seat, demand, comes, None, &[], timeout).await
    }

    /// Makes a way to the store for one operator.
    #[must_use]
    pub fn door(&self) -> Arc<Door> {
        Arc::new(Door::new(&self.depot))
    }

    async fn drive_from(
        &self,
        seat: &Seat<'_>,
        demand: Demand,
        comes: Comes,
        ends: Option<Ends>,
        beside: &[(u64, Act)],
        timeout: Duration,
    ) -> Result<Driven, String> {
        let definition = self.definition()?;
        // The engine reads the time of day once, and counts on from there.
        let clock = self.sim.begin_operator();
        let rate_percent = clock.rate_percent();
        seat.ear.log().begin();
        let mut waited = Waits::default();
        if let Some(Ends::Gone { at_wait, .. }) = ends {
            waited = Waits::at_most(Some(at_wait));
            seat.ear.mail.keep();
        }
        let calls_before = self.sim.peek(|world| world.calls().clone());
        let asked_at = self.sim.now();
        let nothing = |refused, under_way, waits| Driven {
            definition: definition.clone(),
            ending: None,
            refused,
            has_waited: false,
            from: asked_at,
            to: self.sim.now(),
            rate_percent,
            changes: Vec::new(),
            doomed: BTreeSet::new(),
            watched: Vec::new(),
            waits,
            under_way,
        };
        let begins = self.begin_tenure(&seat.door, &clock, demand, comes);
        let tenure = match waited.within(begins).await {
            Some(Ok(tenure)) => tenure,
            Some(Err(refused)) => {
                seat.ear.mail.keep_no_more();
                seat.ear.log().begin();
                self.tell(&format!("-- the drive to {demand} could not begin: {refused}"));
                return Ok(nothing(Some(refused), None, waited.count));
            }
            None => {
                let under_way = self.bury(ends, &calls_before).await;
                return Ok(nothing(None, under_way, waited.count));
            }
        };
        let has_waited = tenure.has_waited;
        let doomed = tenure.tenure.phases().iter().filter(|last| last.phase == Phase::Deleting);
        let doomed = doomed.map(|last| last.mount.clone()).collect();
        let pursuit = self.pursuit(definition.clone(), demand, timeout, tenure);
        self.count_changes(&definition);
        let from = self.sim.now();
        self.notes.open().tell(from, || format!("-- drive to {demand}"));
        let (stopper, stop) = Stop::new();
        let started = Instant::now();
        let mut changes = Vec::new();
        let notes = self.notes.clone();
        let mut watched = Vec::new();
        let ending = {
            let engine = Engine::new(seat.cloud, seat.shell, &clock);
            let mut emit = |event: &EngineEvent| {
                let now = self.sim.now();
                if let EventKind::Changed { subject, .. } = &event.kind {
                    changes.push((now, subject.clone()));
                }
                note(&notes, now, event);
            };
            let drive = waited.within(engine.pursue(pursuit, stop, &mut emit));
            let death = async {
                match ends {
                    Some(Ends::KilledAfter(millis)) => sleep(Duration::from_millis(millis)).await,
                    Some(Ends::InterruptedAfter(millis)) => {
                        sleep(Duration::from_millis(millis)).await;
                        stopper.stop();
                        std::future::pending::<()>().await;
                    }
                    Some(Ends::KilledAtTurn(turn)) => seat.ear.deaf_from(turn).await,
                    Some(Ends::Gone { .. }) | None => std::future::pending().await,
                }
            };
            let life = async {
                for (after, act) in beside {
                    sleep_until(started + Duration::from_millis(*after)).await;
                    self.act(act).await;
                }
                std::future::pending::<()>().await;
            };
            let watch = self.look_on(&definition, demand, &mut watched);
            tokio::pin!(drive, death, life, watch);
            let ending = tokio::select! {
                biased;
                () = &mut death => None,
                ending = &mut drive => ending,
                () = &mut life => None,
                () = &mut watch => None,
            };
            ending
        };
        let to = self.sim.with(|world| {
            // What the world cannot know by itself.
            match ends {
                Some(Ends::KilledAfter(_) | Ends::KilledAtTurn(_) | Ends::Gone { .. })
                    if ending.is_none() =>
                {
                    world.count_fault(FaultKind::OperatorKilled);
                }
                Some(Ends::InterruptedAfter(_))
                    if ending
                        .as_ref()
                        .is_some_and(|ending| ending.outcome == Outcome::Interrupted) =>
                {
                    world.count_fault(FaultKind::OperatorPaused);
                }
                _ => {}
            }
            for (kind, times) in self.depot.take_felt() {
                (0..times).for_each(|_| world.count_fault(kind));
            }
            if let Some(Outcome::Dismissed(Dismissed::TakenOver { .. } | Dismissed::Silent(_))) =
                ending.as_ref().map(|ending| &ending.outcome)
            {
                world.count_fault(FaultKind::LeaseLost);
            }
            world.now()
        });
        self.notes.open().tell(to, || match &ending {
            None => "-- the operator is gone".to_owned(),
            Some(ending) => format!("-- {}", ending.outcome.word()),
        });
        let under_way = if ending.is_none() { self.bury(ends, &calls_before).await } else { None };
        seat.ear.mail.keep_no_more();
        Ok(Driven {
            definition,
            ending,
            refused: None,
            has_waited,
            from,
            to,
            rate_percent,
            changes,
            doomed,
            watched,
            waits: waited.count,
            under_way,
        })
    }

    /// Lets become what is to become of what an operator had on its way who is gone; tells how much that was.
    async fn bury(
        &self,
        ends: Option<Ends>,
        before: &BTreeMap<&'static str, ApiCalls>,
    ) -> Option<UnderWay> {
        let Some(Ends::Gone { requests, objects, .. }) = ends else { return None };
        let under_way = self.sim.peek(|world| {
            let asked = |calls: &BTreeMap<_, ApiCalls>, name: &str| {
                calls.get(name).map_or(0, |calls| calls.asked)
            };
            self.ear.mail.under_way(|name| asked(world.calls(), name) - asked(before, name))
        });
        self.tell(&format!(
            "-- on its way: {} requests ({requests:?}), {} objects ({objects:?})",
            under_way.requests, under_way.objects
        ));
        self.ear.mail.keep_no_more();
        self.ear.mail.decide(requests, objects).await;
        Some(under_way)
    }

    /// Waits until all that operators had on their way who are gone has arrived, and has come to rest.
    pub async fn all_arrived(&self) {
        if self.ear.mail.all_arrived().await {
            sleep(COMES_TO_REST).await;
            self.sim.with(|_| ());
        }
    }

    /// Takes stock of all that the cluster has now.
    ///
    /// # Errors
    /// As [`Scenario::definition`].
    pub fn stock(&self) -> Result<Stock, String> {
        let definition = self.definition()?;
        let notes = self.notes.open();
        Ok(self.sim.peek(|world| stock::take(&self.stage(&definition), &notes.written, world)))
    }

    /// Lets an operator fall asleep on the way, others take over, and the first one wake up; tells of the last drive.
    ///
    /// # Errors
    /// As [`Scenario::definition`].
    pub async fn asleep(
        &self,
        first: Demand,
        (asleep_after, asleep_for): (Duration, Duration),
        meanwhile: &[Step],
        timeout: Duration,
    ) -> Result<Option<(Driven, Demand)>, String> {
        let definition = self.definition()?;
        let ear = Ear::default();
        let (cloud, shell) = wire(&self.sim, &ear);
        let clock = self.sim.begin_operator();
        let tenure = self.begin_tenure(&self.door(), &clock, first, Comes::Takes).await;
        let tenure = tenure.map_err(|refused| refused.to_string())?;
        let pursuit = self.pursuit(definition, first, timeout, tenure);
        let began = Instant::now();
        self.tell(&format!("-- the first operator drives to {first}"));
        let notes = self.notes.clone();
        let mut emit = |event: &EngineEvent| {
            let mut notes = notes.open();
            if let Some(words) = in_words(&event.kind) {
                let now = self.sim.now();
                notes.tell(now, || format!("first: {words}"));
            }
        };
        let engine = Engine::new(&cloud, &shell, &clock);
        let drive = engine.pursue(pursuit, Stop::never(), &mut emit);
        let sleeper = async {
            tokio::pin!(drive);
            let asleep_at = began + asleep_after;
            tokio::select! {
                biased;
                ending = &mut drive => return ending.outcome,
                () = sleep_until(asleep_at) => {}
            }
            self.tell("-- the first operator falls asleep");
            sleep_until(asleep_at + asleep_for).await;
            self.sim.with(|world| world.count_fault(FaultKind::OperatorPaused));
            self.tell("-- the first operator wakes up");
            drive.await.outcome
        };
        let other = async {
            sleep_until(began + asleep_after).await;
            let mut last = None;
            for step in meanwhile {
                match step {
                    Step::Do(act) => self.act(act).await,
                    Step::Drive { demand, ends, beside } => {
                        let comes = Comes::Waits;
                        let driven = self.drive_as(*demand, comes, *ends, beside, timeout).await?;
                        last = Some((driven, *demand));
                    }
                    Step::Asleep { .. } | Step::Rivals { .. } => {
                        return Err("one sleeper at a time".to_owned());
                    }
                }
            }
            Ok(last)
        };
        let (outcome, driven) = tokio::join!(sleeper, other);
        if matches!(outcome, Outcome::Dismissed(_)) && matches!(driven, Ok(Some(_))) {
            *self.notes.open().met.entry(Change::Overtaken).or_default() += 1;
        }
        self.tell(&format!("-- the first operator ended: {}", outcome.word()));
        driven
    }

    /// Counts which changes of the definition meet what is there as it was before.
    fn count_changes(&self, definition: &ClusterDefinition) {
        let mut notes = self.notes.open();
        let met = self.sim.peek(|world| change::met(&self.stage(definition), &notes.edits, world));
        for change in met {
            *notes.met.entry(change).or_default() += 1;
        }
    }

    fn pursuit(
        &self,
        definition: ClusterDefinition,
        demand: Demand,
        timeout: Duration,
        Begun { tenure, records, has_waited: _ }: Begun,
    ) -> Pursuit {
        Pursuit {
            definition,
            demand,
            policy: self.policy.clone(),
            timeout: Some(timeout),
            wait: Duration::ZERO,
            records,
            tenure: Some(Arc::new(tenure)),
        }
    }

    /// Does what a person is told to do about a cluster of another store: adopts it for the one that it is driven from now.
    ///
    /// # Errors
    /// Why it could not be; to repeat it does no harm.
    pub async fn adopt(&self) -> Result<(), String> {
        let definition = self.definition()?;
        let clock = self.sim.begin_operator();
        let engine = Engine::new(&self.cloud, &self.shell, &clock);
        let failed = |error: &dyn std::fmt::Display| error.to_string();
        let door = self.door();
        let own = identity::read(door.as_ref()).await.map_err(|error| failed(&error))?;
        let others = engine.of_others(&definition, own.as_ref()).await;
        let others = others.map_err(|error| failed(&error))?;
        let marks = others.iter().filter_map(|one| one.store.as_ref());
        let seen = marks.map(|mark| mark.adoptions).max().unwrap_or(0);
        let purpose = Purpose { command: "adopt".to_owned(), demand: None, only: Vec::new() };
        let begun = self.begin_for(&door, &clock, purpose, Comes::Takes, Some(seen)).await;
        let Begun { tenure, records, .. } = begun.map_err(|refused| failed(&refused))?;
        let adoption = Adoption { definition: &definition, tenure: &tenure, records: &records };
        let adopted = engine.take_over(&adoption, &mut |_| ()).await;
        let adopted = adopted.map_err(|error| failed(&error))?;
        let end = LeaseEnd { outcome: "adopted".to_owned(), at: clock.now(), requests: 0 };
        tenure.end(&end).await.map_err(|error| failed(&error))?;
        match (adopted.failed.first(), adopted.left.len()) {
            (Some((id, error)), _) => Err(format!("{id}: {error}")),
            (None, 0) => Ok(()),
            (None, left) => Err(format!("{left} are still another store's")),
        }
    }

    /// Takes the lease as a command does: what is damaged is refused before anything is written.
    async fn begin_tenure(
        &self,
        door: &Arc<Door>,
        clock: &SteadyClock,
        demand: Demand,
        comes: Comes,
    ) -> Result<Begun, Refused> {
        let purpose = Purpose { command: demand.command(), demand: Some(demand), only: Vec::new() };
        self.begin_for(door, clock, purpose, comes, None).await
    }

    /// Does so for any purpose; `adopts` tells of how many adoptions the resources tell, where it is to adopt them.
    async fn begin_for(
        &self,
        door: &Arc<Door>,
        clock: &SteadyClock,
        purpose: Purpose,
        comes: Comes,
        adopts: Option<u64>,
    ) -> Result<Begun, Refused> {
        let number = self.operators.fetch_add(1, Ordering::Relaxed);
        let what =
            purpose.demand.map_or_else(|| purpose.command.clone(), |demand| demand.to_string());
        let taking = Taking {
            operator: Operator { pid: u32::try_from(number).unwrap_or(0), ..Operator::default() },
            purpose,
            nonce: format!("{what} {:?} {number}", clock.now()),
            patience: if comes == Comes::Waits { TAKEOVER_MAX } else { Duration::ZERO },
            is_gone: &|_| comes == Comes::Takes,
            calendar: clock,
        };
        let objects = Arc::clone(door) as Arc<dyn Objects>;
        self.feel_damage().await;
        left(objects.as_ref()).await?;
        let mut has_waited = false;
        let taken = lease::take(&objects, clock, &taking, &mut |_| has_waited = true).await?;
        if let Some(seen) = adopts {
            taken.adopt(seen).await?;
        }
        let mut left = left(objects.as_ref()).await?;
        left.records.begin(clock);
        let tenure = Tenure::begin(taken, &left, Arc::new(clock.clone()), clock.now()).await?;
        Ok(Begun { tenure, records: left.records, has_waited })
    }

    /// Counts that the store was damaged, lost or put back, if whoever begins now reads anything else for that.
    async fn feel_damage(&self) {
        let Some((kind, whole)) = self.depot.take_whole() else { return };
        let before = journal::left(&Door::new(&Arc::new(whole))).await;
        if journal::left(&Door::new(&self.depot)).await != before {
            self.sim.with(|world| world.count_fault(kind));
        }
    }

    /// Does what a person is told to do about a store that is damaged: waits until nothing that it said can come any more,
    /// and goes on without what is damaged.
    pub async fn move_away(&self, what: &Spoilt) {
        sleep(DAMAGE_PATIENCE).await;
        self.sim.with(|_| ());
        let moved = self.depot.move_away(|key| match what {
            Spoilt::Told(damage) => damage.spoils(key),
            Spoilt::Lease(lease) => lease == key,
        });
        self.tell(&format!("a person moves {moved:?} away"));
        self.forgets();
    }

    /// Remembers that what the store told is lost, or a part of it.
    fn forgets(&self) {
        self.notes.open().forgotten_at = Some(self.sim.now());
    }

    /// Ends what is wrong with the store for a while.
    pub fn calm_store(&self) {
        self.depot.calm();
    }

    /// Looks at the truth each time that something may have changed.
    async fn look_on(
        &self,
        definition: &ClusterDefinition,
        demand: Demand,
        watched: &mut Vec<Watched>,
    ) {
        if !self.watches {
            std::future::pending::<()>().await;
        }
        let stage = self.stage(definition);
        let mut known = None;
        loop {
            let (now, next) = self.sim.watch(|world, changes| {
                let until = world.now();
                match watched.last_mut() {
                    Some(last) if known == Some(changes) => last.until = until,
                    _ => watched.push(Watched { until, short: stage.shortfalls(world, demand) }),
                }
                known = Some(changes);
                (until, world.next_event_at())
            });
            // Requests take effect between events; no request is answered sooner than this.
            let pause = next.map_or(Duration::from_millis(20), |next| next.since(now));
            sleep(pause.clamp(Duration::from_millis(1), Duration::from_millis(20))).await;
        }
    }

    /// Does what users and humans do.
    pub async fn act(&self, act: &Act) {
        if let Act::Pass(millis) = act {
            sleep(Duration::from_millis(*millis)).await;
            self.sim.with(|_| ());
            return;
        }
        if *act == Act::Adopt {
            let done = self.adopt().await;
            let failed =
                done.err().map_or_else(String::new, |why| format!(" (could not be: {why})"));
            self.tell(&format!("{act}{failed}"));
            return;
        }
        let now = self.sim.now();
        let mut notes = self.notes.open();
        let done = match act {
            // A cluster without nodes is no cluster, nor are two mounts at one point.
            edit if edit.is_edit() => {
                let before = notes.edits.clone();
                let is_one = notes.edits.make(edit);
                let definition = self.scenario.definition(&notes.edits);
                let is_valid = definition.is_ok_and(|definition| !definition.nodes.is_empty());
                if !is_valid {
                    notes.edits = before;
                }
                is_one && is_valid
            }
            Act::LoseStore | Act::Store(_) => {
                let (is_done, forgets) = match act {
                    Act::Store(fault) => (self.depot.strike(fault), fault.forgets()),
                    _ => (self.depot.clear(), true),
                };
                if is_done && forgets {
                    notes.forgotten_at = Some(now);
                }
                is_done
            }
            Act::Write(mount) => {
                let file = notes.next_file(mount);
                let is_written = self.sim.with(|world| world.write(mount, &file, &file).is_ok());
                if is_written {
                    notes.written.entry(mount.clone()).or_default().push(file);
                }
                is_written
            }
            _ => self.sim.with(|world| self.touch(world, act)),
        };
        if done && act.is_edit() {
            self.sim.with(|world| world.count_fault(FaultKind::DefinitionChanged));
        }
        notes.tell(now, || format!("{act}{}", if done { "" } else { " (could not be)" }));
    }

    fn touch(&self, world: &mut World, act: &Act) -> bool {
        let pid = |mount: &MountKey| {
            let at = self.cast.mounts.iter().position(|other| other == mount).unwrap_or(0);
            USER_PID_MIN + u32::try_from(at).unwrap_or(0)
        };
        let instance = |world: &World, node: &NodeName| world.instance_of(node);
        match act {
            Act::Sync(node) => instance(world, node).is_some_and(|id| world.sync(&id).is_ok()),
            Act::Hold(mount) => world.hold(mount, pid(mount), "a file").is_ok(),
            Act::HoldElsewhere(mount) => {
                world.mounted_at(mount).is_some()
                    && world.hold_elsewhere(mount, "a container").is_ok()
            }
            Act::Release(mount) => {
                world.let_go(mount);
                true
            }
            Act::PowerCut(node) => instance(world, node).is_some_and(|id| world.kill_machine(&id)),
            Act::HooksSayNo(node, noes) => self.shape(node).is_some_and(|shape| {
                for hook in &shape.hooks {
                    say(world, node, hook, *noes);
                }
                !shape.hooks.is_empty()
            }),
            Act::Stop(node) => world.human(&Human::StopInstance(node.clone())).is_ok(),
            Act::Terminate(node) => world.human(&Human::TerminateInstance(node.clone())).is_ok(),
            Act::ForceDetach(mount) => world.human(&Human::ForceDetach(mount.clone())).is_ok(),
            Act::DeleteNewestSnapshot(mount) => {
                world.human(&Human::DeleteNewestSnapshot(mount.clone())).is_ok()
            }
            Act::DeleteVolume(mount) => world.human(&Human::DeleteVolume(mount.clone())).is_ok(),
            Act::TagVolume(mount, key, value) => {
                world.human(&Human::TagVolume(mount.clone(), key.clone(), value.clone())).is_ok()
            }
            Act::MountByHand(mount) => {
                world.human(&Human::Mount(mount.clone(), "/by-hand".to_owned())).is_ok()
            }
            Act::PutOther(mount) => world.strike(&Fault::ForeignContent {
                mount: Some(mount.clone()),
                what: "dos partition table".to_owned(),
            }),
            Act::Impersonate(node) => {
                world.strike(&Fault::WrongHost { node: Some(node.clone()), span: None })
            }
            Act::Hide(millis) => {
                world.strike(&Fault::Hidden { span: Duration::from_millis(*millis) })
            }
            Act::Lie(lie) => world.strike(&Fault::ProbeLies { lie: *lie }),
            _ => false,
        }
    }

    /// Writes a file to every mount that is mounted.
    pub async fn write_everywhere(&self) {
        for mount in self.cast.mounts.clone() {
            if self.sim.with(|world| world.mounted_at(&mount).is_some()) {
                self.act(&Act::Write(mount)).await;
            }
        }
    }

    /// Lets the hooks of all nodes say no as often as the scenario says.
    pub fn begin_hooks(&self) {
        for node in &self.scenario.nodes {
            self.sim.with(|world| {
                for hook in &node.hooks {
                    say(world, &node.name, hook, hook.noes);
                }
            });
        }
    }

    fn shape(&self, node: &NodeName) -> Option<&NodeShape> {
        self.scenario.nodes.iter().find(|shape| &shape.name == node)
    }

    /// Ends all that users hold, and lets all hooks say yes.
    pub fn release_all(&self) {
        for node in &self.scenario.nodes {
            self.sim.with(|world| {
                for hook in &node.hooks {
                    say(world, &node.name, hook, 0);
                }
            });
        }
        self.sim.with(|world| {
            for mount in &self.cast.mounts {
                world.let_go(mount);
            }
        });
    }

    /// Puts all that left the definition back into it.
    pub fn restore_definition(&self) {
        self.notes.open().edits.put_back();
    }

    /// Says whether a human took away a name or data of somebody: what comes of it is told, and not held
    /// against anybody.
    #[must_use]
    pub fn is_robbed(&self, world: &World, subject: &Subject) -> bool {
        let kinds = [FaultKind::HumanTags, FaultKind::HumanDeletes, FaultKind::HumanHands];
        kinds.iter().any(|kind| world.was_struck(*kind, subject))
    }

    /// Says whether a node had shown anything on the volume that a harm is about, before it: the one that it names first,
    /// or the one whose snapshot it names first.
    #[must_use]
    pub fn was_shown(&self, harm: &Harm) -> bool {
        let log = self.ear.log();
        let Some(first) = harm.what.split(' ').next() else { return false };
        self.sim.peek(|world| {
            let named = VolumeId::new(first);
            let volume = world.volume_of_snapshot(&SnapshotId::new(first)).unwrap_or(&named);
            log.shown.get(volume).is_some_and(|at| *at < harm.at)
        })
    }

    /// Counts the writes that were lost with machines, per mount.
    #[must_use]
    pub fn lost_writes(&self, world: &World) -> BTreeMap<MountKey, usize> {
        let mut lost = BTreeMap::new();
        for loss in world.losses() {
            if let Some(mount) = world.mount_of(&loss.volume) {
                *lost.entry(mount).or_insert(0) += loss.writes;
            }
        }
        lost
    }
}

/// Reads what earlier runs left; what is damaged is refused.
async fn left(objects: &dyn Objects) -> Result<Left, Refused> {
    let left = journal::left(objects).await.map_err(|error| Refused::Store(error.to_string()))?;
    let Some(damage) = left.damage.first() else { return Ok(left) };
    Err(Refused::Damaged { why: damage.to_string(), what: Spoilt::Told(damage.clone()) })
}

/// Lets a hook say no so many times, and yes ever after.
fn say(world: &mut World, node: &NodeName, hook: &HookShape, noes: usize) {
    let takes = Duration::from_millis(hook.takes);
    let no = Answer::no("not yet").after(takes);
    let script = if noes > NOES_MAX {
        HookScript::always(no)
    } else {
        HookScript {
            first: std::iter::repeat_n(no, noes).collect(),
            then: Answer::yes().after(takes),
        }
    };
    world.script_hook(node, hook.on.key(), script);
}

fn note(notes: &Notebook, now: Timestamp, event: &EngineEvent) {
    let mut notes = notes.open();
    if notes.story.is_some()
        && let Some(words) = in_words(&event.kind)
    {
        notes.tell(now, || words);
    }
}

/// Tells an event in a line; `None` for what a story does without.
fn in_words(event: &EventKind) -> Option<String> {
    Some(match event {
        EventKind::Asked { action, .. } => format!("ask: {action}"),
        EventKind::Changed { subject, from, to, .. } => format!("{subject}: {from} -> {to}"),
        EventKind::Failed { subject, name, error, times } => {
            format!("{subject}: {name} failed ({times}): {error}")
        }
        EventKind::Held(Hold { interlock, subject, what, why, .. }) => {
            format!("held[{interlock}] {subject}: {what}: {}", why.join("; "))
        }
        EventKind::Released { subject } => format!("{subject} is no longer held"),
        EventKind::LookFailed { error } => format!("the cloud could not be looked at: {error}"),
        EventKind::DataSeen { mount, epoch } => format!("{mount} has data at write epoch {epoch}"),
        EventKind::Stopping { due } => format!("stops; {due} answers are due"),
        EventKind::PassedOver { subject, hook, .. } => format!("{subject}: `{hook}` said no"),
        EventKind::Answered { .. }
        | EventKind::Recorded(_)
        | EventKind::Carried { .. }
        | EventKind::Planned(_)
        | EventKind::Started { .. }
        | EventKind::Finished { .. } => return None,
    })
}
