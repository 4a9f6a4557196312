//! Screens: data in, text out. Nothing here reads a clock, a file or a terminal.

pub(crate) mod cost;
pub(crate) mod deletions;
pub(crate) mod diagnostic;
pub(crate) mod ending;
pub(crate) mod explain;
pub(crate) mod findings;
pub(crate) mod fold;
pub(crate) mod hold;
pub(crate) mod look;
pub(crate) mod plain;
pub(crate) mod plan;
pub(crate) mod prune;
pub(crate) mod rehearsal;
pub(crate) mod report;
pub(crate) mod snapshot_list;
pub(crate) mod status;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod tree;
pub(crate) mod words;
