//! Several operators at one cluster: the protocol by which a volume is deleted.
//!
//! The planner, the interlocks and the log of phases are the real ones; what the store, the lease and the nodes do
//! is as small as it can be. Each part of the protocol can be taken away by itself.

mod driver;
mod open;
mod planner;
mod scope;
pub mod scopes;
mod store;
mod world;

pub use scope::Scope;
pub use world::Shared;
