//! The real engine, planner and interlocks on the simulated cloud, in virtual time.
//!
//! What a person rehearses before a real day, and what the project torments itself with: both run the
//! same drive against [`wucluster_sim`], and are judged by the truth that the simulator knows.

pub mod forecast;
pub mod runs;
