//! The stores of operators that were killed, with the worlds around them, and what may be asked on them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use wucluster_core::action::Action;
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::MountKey;
use wucluster_core::interlock::{Context, clear};
use wucluster_core::memory::Memory;
use wucluster_core::observation::Observation;
use wucluster_core::planner::{Ask, plan};
use wucluster_core::policy::Policy;
use wucluster_core::ports::{Clock as _, Cloud as _};
use wucluster_core::time::Timestamp;
use wucluster_engine::Engine;
use wucluster_engine::store::lease::{self, Operator, Purpose, Taking};
use wucluster_engine::store::objects::Objects;
use wucluster_engine::store::{Tenure, journal};
use wucluster_sim::{Limits, Sim, World};

use super::Damage;
use super::odd::Odd;
use crate::bench::{Bench, Driven};
use crate::courses;
use crate::depot::Image;
use crate::guard::Ablation;
use crate::judge;
use crate::kills::Point;
use crate::mail::Fate;
use crate::notebook::Notes;
use crate::scenario::{Act, Edits, Ends, Scenario, Start, Step};

/// How long a drive may take. Unit: virtual time.
const DRIVE_MAX: Duration = Duration::from_secs(35 * 60);

/// The demands that plans are made for.
const DEMANDS: [Demand; 4] =
    [Demand::Launched, Demand::Away, Demand::RecentlySnapshotted, Demand::Unmounted];

/// A store that an operator left who was killed, and the world around it.
pub struct Origin {
    /// The kill, as [`Kill`](crate::kills::Kill) names it, without what became of what was on its way: it was lost.
    pub name: String,
    scenario: Scenario,
    world: World,
    pub(super) image: Image,
    /// Keys in the order in which they were made.
    pub(super) made: Vec<String>,
    /// Keys that are read when a run begins.
    pub(super) read: Vec<String>,
    definition: ClusterDefinition,
    observation: Observation,
    memory: Memory,
    policy: Policy,
    now: Timestamp,
    written: BTreeMap<MountKey, Vec<String>>,
}

/// What came of a damaged store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing is permitted on it: why.
    Refused(String),
    /// What is permitted on it, the intact one permits.
    Within,
    /// More is permitted, but it is whole as of an earlier moment; and driven on, it did no harm.
    Harmless,
    /// The same; and a demand was held, as nodes that run had been spoken to for a run of a higher number.
    Held,
    /// What must not be.
    Guilty(Vec<String>),
}

/// Returns the stores that are damaged: each left by an operator that was killed on the way, at one of so many points.
#[must_use]
pub fn origins(world: u64, points: u64) -> Vec<Origin> {
    let courses = courses::courses();
    let mut origins = Vec::new();
    for course in &courses {
        let waits = course.waits(world);
        for nth in 1..=points {
            // In the middle: at the ends there is little.
            let at_wait = (waits * nth / (points + 1)).max(1);
            let point = Point { at_wait, requests: Fate::IsLost, objects: Fate::IsLost };
            let scenario = course.with(world, point);
            let name = format!("{}/{world}/{at_wait}", course.name);
            origins.extend(Origin::new(name, &scenario));
        }
    }
    origins
}

fn new_world(seed: u64) -> World {
    World::new(seed).with_limits(Limits { keeps_trace: false, ..Limits::default() })
}

impl Origin {
    /// Lets a scenario happen up to its first kill; `None` where nobody is killed in it.
    fn new(name: String, scenario: &Scenario) -> Option<Self> {
        wucluster_sim::run(async {
            let world = new_world(scenario.seed);
            let bench = Bench::new(scenario, world, &Ablation::none(), false);
            let before: &[Demand] = match scenario.start {
                Start::Empty => &[],
                Start::Launched => &[Demand::Launched],
                Start::Away => &[Demand::Launched, Demand::Away],
            };
            for demand in before {
                bench.drive(*demand, None, &[], DRIVE_MAX).await.ok()?;
                if *demand == Demand::Launched {
                    bench.write_everywhere().await;
                }
            }
            let mut is_killed = false;
            for step in &scenario.steps {
                match step {
                    Step::Do(act) => bench.act(act).await,
                    Step::Drive { demand, ends, .. } => {
                        let driven = bench.drive(*demand, *ends, &[], DRIVE_MAX).await.ok()?;
                        is_killed = driven.ending.is_none();
                    }
                    Step::Asleep { .. } | Step::Rivals { .. } => return None,
                }
                if is_killed {
                    break;
                }
            }
            if !is_killed {
                return None;
            }
            let definition = bench.definition().ok()?;
            let image = bench.depot().image();
            let sim = Sim::new(bench.sim.snapshot());
            let (cloud, shell, clock) = (sim.cloud(), sim.shell(), sim.clock());
            let engine = Engine::new(&cloud, &shell, &clock);
            let patience = Duration::from_secs(5);
            let observation =
                engine.look(&definition, Ask::For(Demand::Away), patience).await.ok()?;
            let mut origin = Self {
                name,
                scenario: scenario.clone(),
                world: bench.sim.snapshot(),
                image,
                made: bench.depot().made(),
                read: Vec::new(),
                definition,
                observation,
                memory: Memory::default(),
                policy: bench.policy().clone(),
                now: clock.now(),
                written: bench.notes.open().written.clone(),
            };
            let (memory, read) = origin.remembers(&origin.image, None).await;
            origin.memory = memory.ok()?;
            origin.read = read.into_iter().filter(|key| origin.image.contains_key(key)).collect();
            Some(origin)
        })
    }

    /// Returns what a run remembers that begins on a store, or why none begins; and what it has read.
    async fn remembers(
        &self,
        image: &Image,
        shuffles: Option<u64>,
    ) -> (Result<Memory, String>, BTreeSet<String>) {
        let odd = Arc::new(Odd::new(image, shuffles).await);
        let begun = self.begin(&(Arc::clone(&odd) as Arc<dyn Objects>)).await;
        if odd.is_asked_for_ever() {
            return (Ok(Memory::default()), BTreeSet::new());
        }
        (begun, odd.read())
    }

    async fn begin(&self, objects: &Arc<dyn Objects>) -> Result<Memory, String> {
        fn told(error: impl fmt::Display) -> String {
            error.to_string()
        }
        let sim = Sim::new(self.world.clone());
        let clock = sim.begin_operator();
        let taking = Taking {
            operator: Operator::default(),
            purpose: Purpose {
                command: "launch".to_owned(),
                demand: Some(Demand::Launched),
                only: Vec::new(),
            },
            nonce: "the next one".to_owned(),
            patience: Duration::ZERO,
            is_gone: &|_| true,
            calendar: &clock,
        };
        let taken = lease::take(objects, &clock, &taking, &mut |_| ()).await.map_err(told)?;
        let mut left = journal::left(objects.as_ref()).await.map_err(told)?;
        if let Some(damage) = left.damage.first() {
            return Err(told(damage));
        }
        left.records.begin(&clock);
        let tenure = Tenure::begin(taken, &left, Arc::new(clock.clone()), clock.now()).await;
        let tenure = tenure.map_err(told)?;
        tenure.permit().await.map_err(told)?;
        let limits = sim.cloud().limits();
        let mut memory = left.records.memory(self.now, &limits);
        memory.phases = Some(tenure.phases().clone());
        Ok(memory)
    }

    /// Lists the requests that are planned with a memory, for all demands, and are refused with that of the intact store.
    fn beyond(&self, memory: &Memory) -> Vec<String> {
        let mut beyond = Vec::new();
        for demand in DEMANDS {
            let context = |memory| Context {
                definition: &self.definition,
                demand,
                observation: &self.observation,
                memory,
                policy: &self.policy,
                now: self.now,
            };
            let planned: Vec<Action> = plan(&context(memory))
                .actions
                .into_iter()
                .map(|cleared| cleared.action().clone())
                .collect();
            for action in planned {
                if let Err(refusal) = clear(&context(&self.memory), action.clone()) {
                    beyond.push(format!(
                        "{demand}: {action}, refused on the intact one: {refusal:?}"
                    ));
                }
            }
        }
        beyond
    }

    /// Finds out what is permitted on a damaged store.
    #[must_use]
    pub fn judge(&self, others: &[Self], number: u64, damage: &Damage) -> Found {
        let image = self.damaged(others, number, damage);
        let shuffles = match damage {
            Damage::Shuffled(seed) => Some(*seed),
            _ => None,
        };
        let memory = match wucluster_sim::run(self.remembers(&image, shuffles)).0 {
            Ok(memory) => memory,
            Err(why) => return Found::Refused(why),
        };
        if memory.phases.is_none() {
            return Found::Guilty(vec!["the store was asked for ever".to_owned()]);
        }
        // What is written has a checksum, but for leases.
        let is_checked = |key: &String| !key.starts_with("leases/") && self.read.contains(key);
        if let Damage::Cut(key, _) | Damage::Changed(key, ..) | Damage::Zeroed(key, _) = damage
            && is_checked(key)
        {
            return Found::Guilty(vec!["a damaged object was taken for whole".to_owned()]);
        }
        if memory == self.memory {
            return Found::Within;
        }
        let beyond = self.beyond(&memory);
        if beyond.is_empty() {
            return Found::Within;
        }
        if !self.is_earlier(&image) {
            return Found::Guilty(beyond);
        }
        let (harm, is_held) = self.driven_on(&image);
        match harm.is_empty() {
            true if is_held => Found::Held,
            true => Found::Harmless,
            false => Found::Guilty([beyond, harm].concat()),
        }
    }

    /// Says whether a store is whole as of an earlier moment: with all that had been made by then, or with nothing of it.
    fn is_earlier(&self, image: &Image) -> bool {
        let folders = ["leases/", "phases/", "runs/"];
        folders.iter().all(|folder| {
            let of = |key: &&String| key.starts_with(folder) && !key.contains('.');
            let mut made = self.made.iter().filter(of);
            // What is there is what was made first.
            let there = image.keys().filter(of).count();
            made.by_ref().take(there).all(|key| image.get(key) == self.image.get(key))
        })
    }

    /// Drives the cluster on a store, up and down and up again; lists what harm that did, and says whether it was held.
    ///
    /// That it is held is no harm. A store that was put back to an older state is refused by machines that were spoken to
    /// for a later run, until they are started anew.
    fn driven_on(&self, image: &Image) -> (Vec<String>, bool) {
        wucluster_sim::run(async {
            let world = self.world.clone();
            let harm_before = world.harm().len();
            let bench = Bench::new(&self.scenario, world, &Ablation::none(), false);
            *bench.notes.open() =
                Notes { written: self.written.clone(), edits: self.edits(), ..Notes::default() };
            let (mut found, mut is_held) = (Vec::new(), false);
            bench.depot().restore(image);
            for demand in [Demand::Launched, Demand::Away, Demand::Launched] {
                let mut driven = bench.drive(demand, None, &[], DRIVE_MAX).await;
                // Where the store does not know any more which one it is, a person says so.
                if driven.as_ref().is_ok_and(Driven::is_of_another_store) {
                    bench.act(&Act::Adopt).await;
                    driven = bench.drive(demand, None, &[], DRIVE_MAX).await;
                }
                let driven = match driven {
                    Ok(driven) => driven,
                    Err(wrong) => {
                        found.push(format!("{demand}: {wrong}"));
                        break;
                    }
                };
                is_held |= !driven.is_reached();
                bench.sim.peek(|world| {
                    let judged = judge::data(&bench, world).into_iter();
                    let judged = judged.chain(judge::kept(&bench, world));
                    found.extend(judged.map(|broken| format!("{demand}: {broken}")));
                });
                if demand == Demand::Launched {
                    bench.write_everywhere().await;
                }
            }
            bench.sim.peek(|world| {
                let harm = world.harm().iter().skip(harm_before);
                found.extend(harm.map(ToString::to_string));
            });
            (found, is_held)
        })
    }

    fn edits(&self) -> Edits {
        let mut edits = Edits::default();
        for step in &self.scenario.steps {
            match step {
                Step::Do(act) => drop(edits.make(act)),
                Step::Drive { ends: Some(Ends::Gone { .. }), .. } => break,
                Step::Drive { .. } | Step::Asleep { .. } | Step::Rivals { .. } => {}
            }
        }
        edits
    }
}
