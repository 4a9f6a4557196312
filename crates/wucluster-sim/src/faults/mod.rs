//! What goes wrong: kinds of faults, the plan of them, and what is in force.

mod fault;
mod kind;
mod plan;
mod random;
mod state;
mod upset;

pub use fault::Fault;
pub use kind::{FaultKind, Striker};
pub use plan::{Faults, When};
pub use random::Names;
pub(crate) use state::FaultState;
pub(crate) use upset::Upset;
