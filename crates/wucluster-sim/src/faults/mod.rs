//! What goes wrong: kinds of faults, the plan of them, and what is in force.

mod fault;
mod plan;
mod state;
mod upset;

pub use fault::Fault;
pub use plan::{Faults, When};
pub(crate) use state::FaultState;
pub(crate) use upset::Upset;
