//! Adapters: the world behind the ports, on tokio's time.

mod admission;
mod clock;
mod cloud;
mod runtime;
mod shared;
mod shell;

pub use clock::{SimClock, SteadyClock};
pub use cloud::SimCloud;
pub use runtime::{run, sim_runtime};
pub use shared::Sim;
pub use shell::SimShell;
