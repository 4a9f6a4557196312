//! What the tests share: a server that answers as EC2 does, and stand-ins for nodes.

#![allow(dead_code, reason = "not every test uses everything")]

pub mod canned;
pub mod moto;
pub mod nodes;
#[path = "../../../wucluster-store/tests/moto/server.rs"]
pub mod server;
