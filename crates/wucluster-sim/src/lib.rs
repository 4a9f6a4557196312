//! A deterministic simulator of a cloud and its nodes, for wucluster.
//!
//! [`World`] is a synchronous state machine with its own time and its own randomness: the same seed
//! and the same calls give the same history. It knows the truth, and judges every effect by it
//! ([`World::harm`]), whatever the planner believes. [`Sim`] puts it behind the ports, on tokio's
//! paused time, so that an hour costs milliseconds. [`Faults`] says what goes wrong.
//!
//! It is stricter than the real cloud: what EC2 tolerates now and then is refused here.

mod adapters;
#[cfg(feature = "conformance")]
pub mod conformance;
mod content;
mod digest;
mod durations;
mod error;
mod faults;
mod limits;
mod persist;
mod rng;
mod world;

pub use adapters::{Sim, SimClock, SimCloud, SimShell, SteadyClock, run, sim_runtime};
pub use content::{Content, Shape};
pub use durations::{Durations, Span};
pub use faults::{
    Cut, Denial, Fault, FaultKind, Faults, Greeting, Grip, Leaves, Lie, Names, Room, Sickness,
    Striker, Tear, When,
};
pub use limits::{Bucket, LATE_EFFECT_MAX, LAUNCHES_TOGETHER_MAX, Limits};
pub use rng::Rng;
pub use world::{
    Answer, ApiCalls, EPOCH, EXAMINATION_MISSED, Harm, HarmKind, HookRun, HookScript, Human, Loss,
    PersistError, PlaceVolume, Sent, UserError, World,
};
