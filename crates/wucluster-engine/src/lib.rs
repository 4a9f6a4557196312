//! The drive loop of wucluster: what a user of the library takes.
//!
//! [`Engine::pursue`] drives a cluster to a demanded state over three ports: a cloud, a way to speak
//! to nodes, and a clock. It renders nothing; everything that happens is told as an [`EngineEvent`].

mod adopt;
mod budget;
mod clock;
mod drive;
mod engine;
mod event;
mod pace;
mod prune;
mod records;
pub mod ssh;
mod stop;
pub mod store;

pub use adopt::{AdoptError, Adopted, Adoption};
pub use clock::SystemClock;
pub use engine::{Ending, Engine, Outcome, Pursuit};
pub use event::{EngineEvent, EventKind, Progress};
pub use prune::{PruneError, Pruned, Pruning};
pub use records::{Fact, Record, Records};
pub use stop::{Stop, Stopper};
