//! One suite for every store: memory, a folder, and a bucket of a server that speaks S3.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

#[cfg(feature = "s3")]
mod bucket;
mod folder;
mod memory;
#[cfg(feature = "s3")]
mod moto;
mod race;
#[cfg(feature = "s3")]
#[path = "../moto/server.rs"]
mod server;
mod suite;
