//! The pure core of wucluster.
//!
//! A [`definition::ClusterDefinition`] says what a cluster is, a [`demand::Demand`] which final state
//! is wanted, an [`observation::Observation`] what was seen. [`planner::plan`] turns the three into
//! one wave of [`interlock::Cleared`] actions, waits and [`interlock::Hold`]s. Nothing in this crate
//! touches a file, a socket, a process, a clock or a random number; the [`ports`] are the traits
//! through which others do.

pub mod action;
pub mod cost;
pub mod definition;
pub mod demand;
pub mod ids;
pub mod interlock;
pub mod memory;
pub mod node_set;
pub mod observation;
pub mod phases;
pub mod plan;
pub mod planner;
pub mod policy;
pub mod ports;
pub mod scope;
pub mod shell;
pub mod tags;
pub mod time;
