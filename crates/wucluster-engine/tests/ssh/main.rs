//! The ssh port against a real OpenSSH server, real block devices and real file systems, all on this
//! machine.
//!
//! The server is private: own configuration, own keys, spoken to through a listener of the test. What
//! runs on the "node" is what runs on every node, but for the places of `/sys/block` and `/dev`,
//! which the server's forced command turns to made-up ones: loop devices have no serial numbers.
//! Tests that need root, loop devices or the server say so and pass over when there are none; the
//! tests of the local cloud do the same on real machines.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests may fail loudly and say what was passed over"
)]

mod devices;
mod disks;
mod growth;
mod node;
mod transport;
mod xen;
