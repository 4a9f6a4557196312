//! Speaks to nodes through the user's own OpenSSH client.
//!
//! One round trip per look and per batch of requests. What runs on the node is one fixed text per
//! verb (`scripts/`); what is asked for travels on standard input as data and is never evaluated.
//! What comes back is untrusted: capped, cleaned, and without its end marker no answer at all.

mod command;
mod issue;
mod known_hosts;
mod mountinfo;
mod names;
mod options;
mod probe;
mod run;
mod shell;
mod wire;

pub use command::Session;
pub use names::{DiskName, DiskNames};
pub use options::{SshError, SshOptions};
pub use shell::SshShell;
