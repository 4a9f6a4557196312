//! Runtimes with virtual time.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};

/// Builds a runtime of one thread whose time stands still while anything can run, and leaps to the
/// next timer otherwise: an hour of waiting costs milliseconds.
#[must_use]
pub fn sim_runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O needs nothing that could be missing")
}

/// Runs a future to its end on a runtime of its own with virtual time.
pub fn run<F: Future>(future: F) -> F::Output {
    sim_runtime().block_on(future)
}
