//! Interlocks: the named rules that stand between a plan and the data.
//!
//! The planner proposes the request that serves a demand best and asks [`clear`]. A [`Refusal`]
//! says what would have to come first, what is waited for, or what a person must mend. Every rule
//! judges the observation by itself; none trusts that the planner asked in the right order.

pub mod adopt;
pub mod checkpoint;
mod clear;
mod cleared;
pub mod data;
mod growth;
pub mod halt;
mod hold;
pub mod order;
pub mod ownership;
pub mod prune;
mod refusal;
pub mod rename;

pub use clear::{Context, clear};
pub use cleared::{Cleared, Request, needs_second_look};
pub use hold::{Hold, Interlock};
pub use refusal::{Refusal, Rung};
