//! The suite that every cloud has to pass: the simulator, local machines, EC2.
//!
//! A [`Harness`] gives a cloud, the way into its nodes, and a cluster in which nothing exists yet.
//! [`run`] goes through all cases with one instance of one node, and small volumes of 1 GiB; it
//! leaves nothing behind but snapshots.

mod adoption;
mod bench;
mod harness;
mod instances;
mod nodes;
mod report;
mod sim;
mod snapshots;
mod suite;
mod volumes;

pub use harness::Harness;
pub use report::Report;
pub use sim::SimHarness;
pub use suite::run;
