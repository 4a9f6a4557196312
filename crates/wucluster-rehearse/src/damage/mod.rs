//! I13: whatever becomes of a store, nothing is permitted on it that the intact one would refuse.
//!
//! The stores are those of operators that were killed on the way, with the world as they left it. What is permitted on a
//! damaged one is found out as the program does: the lease is taken, what earlier runs left is read, the run begins, writes
//! its first batch, and plans, for every demand, on a whole look at the cluster. Each request of these plans has to be
//! cleared by the rules with what the intact store remembers, too.
//!
//! What nobody can tell from a store that is whole is one as it was at an earlier moment. A cluster is driven on that, there
//! and back, and the judges look on: what keeps the data then is what the cloud itself says.

mod kind;
mod odd;
mod origin;
mod tally;

pub use kind::Damage;
pub use origin::{Found, Origin, origins};
pub use tally::{Tally, damage_many};
