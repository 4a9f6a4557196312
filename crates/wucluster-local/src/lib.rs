//! The local cloud of wucluster: QEMU machines with real disks on one Linux host.
//!
//! [`LocalCloud`] behaves like EC2 and EBS, in their words: instances, volumes, attachments and
//! snapshots with their states. It decides nothing, waits for nothing, and has no daemon: the
//! account is a directory, machines are processes, and whoever looks carries on what was asked for.

#![forbid(unsafe_code)]

mod accel;
mod admission;
mod adopt;
mod arguments;
mod cloud;
mod copies;
mod devices;
mod error;
mod files;
mod gc;
mod grow;
mod image;
mod issue;
mod keys;
mod launch;
mod machine;
mod network;
mod observe;
mod program;
mod qmp;
mod recipe;
mod records;
mod snapshots;
mod store;
mod volumes;

pub use accel::{ACCEL_VARIABLE, Accel};
pub use cloud::{LocalCloud, LocalConfig};
pub use error::LocalError;
pub use gc::Removed;
pub use image::{ImageInfo, ImageProgress, ImageStatus};
pub use recipe::{APT_SOURCES_VARIABLE, SUITE_VARIABLE};
