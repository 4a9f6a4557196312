//! What goes wrong: kinds of faults, the plan of them, and what is in force.

mod cases;
mod clock;
mod conditions;
mod fault;
mod kind;
mod plan;
mod random;
mod state;
mod traits;
mod upset;

pub use cases::{Cut, Denial, Greeting, Grip, Leaves, Lie, Room, Sickness, Tear};
pub use fault::Fault;
pub use kind::{FaultKind, Striker};
pub use plan::{Faults, When};
pub use random::Names;
pub(crate) use state::FaultState;
pub(crate) use upset::{Felt, Upset, server_error};
