//! The simulated cloud for every command: kept in a file, at a pace that a person can watch.

mod account;
mod console;
mod file;
mod pace;
mod words;

pub(crate) use account::SimAccount;
pub(crate) use console::{KNOWN, Said, Sitting, run};
pub(crate) use pace::Pace;
