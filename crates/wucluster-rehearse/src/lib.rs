//! The real engine, planner and interlocks on the simulated cloud, in virtual time.
//!
//! What a person rehearses before a real day, and what the project torments itself with: both run the
//! same drive against [`wucluster_sim`], and are judged by the truth that the simulator knows.

#[cfg(feature = "ablation")]
pub mod ablate;
pub mod bench;
pub mod change;
pub mod courses;
pub mod damage;
pub mod depot;
pub mod forecast;
pub mod generate;
pub mod guard;
pub mod judge;
pub mod kills;
pub mod mail;
pub mod notebook;
pub mod run;
pub mod runs;
pub mod scenario;
pub mod shrink;
pub mod stock;
pub mod swarm;
pub mod trouble;
pub mod truth;
pub mod twin;
pub mod verdict;
pub mod wire;
