//! The cluster's place in a store that operators share: who drives it now, and what runs did.
//!
//! ```text
//! PLACE/leases/...   who drives, see [`lease`]
//! PLACE/runs/...     what each run did, see [`journal`]
//! PLACE/identity/... which store it is, see [`identity`]
//! PLACE/phases/...   how far each volume is on its way, see [`phase_log`]
//! ```
//!
//! It is never the truth about the cloud: the tags are.

pub mod identity;
pub mod journal;
pub mod lease;
mod lines;
pub mod objects;
pub mod phase_log;
mod tenure;

pub use tenure::{Dismissed, Tenure};
