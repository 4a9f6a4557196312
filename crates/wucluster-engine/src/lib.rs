//! The drive loop of wucluster: what a user of the library takes.
//!
//! [`Engine::pursue`] drives a cluster to a demanded state over three ports: a cloud, a way to speak
//! to nodes, and a clock. It renders nothing; everything that happens is told as an [`EngineEvent`].
//!
//! # Example
//!
//! On a simulated cloud, in virtual time; with other ports the same lines drive machines that are paid for.
//!
//! ```
//! use wucluster_core::definition::ClusterDefinition;
//! use wucluster_core::demand::Demand;
//! use wucluster_core::ids::MountKey;
//! use wucluster_core::policy::{Consent, Policy};
//! use wucluster_engine::{Engine, EngineEvent, Outcome, Pursuit, Records, Stop};
//! use wucluster_sim::{Sim, World};
//!
//! const GIBBON: &str = r#"
//! [cluster]
//! name = "gibbon"
//! [node.chief]
//! mount.home = { at = "/mnt/home", size = "1 GiB" }
//! "#;
//!
//! /// Drives to a demand. `records` is what a store would keep from one drive to the next.
//! async fn drive(engine: Engine<'_>, demand: Demand, records: &mut Records) -> Outcome {
//!     let pursuit = Pursuit {
//!         definition: ClusterDefinition::parse(GIBBON).expect("it has no mistake"),
//!         demand,
//!         // A program that asks a person first takes `Consent::Only`, with the ids that were agreed to.
//!         policy: Policy { consent: Consent::Everything, ..Policy::default() },
//!         timeout: None,
//!         wait: std::time::Duration::ZERO,
//!         records: records.clone(),
//!         tenure: None,
//!     };
//!     let mut emit = |event: &EngineEvent| drop(records.take(event));
//!     engine.pursue(pursuit, Stop::never(), &mut emit).await.outcome
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sim = Sim::new(World::new(1));
//! let (cloud, shell, clock) = (sim.cloud(), sim.shell(), sim.clock());
//! let engine = Engine::new(&cloud, &shell, &clock);
//! let home = MountKey::try_from("chief/home".to_owned())?;
//! let mut records = Records::default();
//!
//! wucluster_sim::run(async {
//!     assert_eq!(drive(engine, Demand::Launched, &mut records).await, Outcome::Reached);
//!     sim.with(|world| world.write(&home, "note", "kept"))?;
//!     assert_eq!(drive(engine, Demand::Away, &mut records).await, Outcome::Reached);
//!     assert!(sim.with(|world| world.volumes_of(&home)).is_empty());
//!     assert_eq!(drive(engine, Demand::Launched, &mut records).await, Outcome::Reached);
//!     assert_eq!(sim.with(|world| world.read(&home, "note"))?.as_deref(), Some("kept"));
//!     Ok(())
//! })
//! # }
//! ```

mod adopt;
mod budget;
mod checkpoint;
mod clock;
mod drive;
mod engine;
mod event;
mod pace;
mod prune;
mod records;
mod rename;
pub mod ssh;
mod stop;
pub mod store;

pub use adopt::{AdoptError, Adopted, Adoption};
pub use checkpoint::{CheckpointError, Checkpointed, Checkpointing, Taken};
pub use clock::SystemClock;
pub use engine::{Ending, Engine, LastAct, Outcome, Pursuit};
pub use event::{EngineEvent, EventKind, Progress};
pub use prune::{PruneError, Pruned, Pruning};
pub use records::{Fact, Record, Records};
pub use rename::Renamed;
pub use stop::{Stop, Stopper};
