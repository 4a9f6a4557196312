//! A server for tests that speaks EC2's wire protocol, over any cloud that is behind the port.
//!
//! The real SDK and the real provider talk to it over HTTP: what a simulated cloud does wrong, or a real machine does by
//! itself, then reaches them as it would from EC2, as an error in XML with its status, or as a connection that ends without
//! an answer. It translates and decides nothing; what the port does not tell, such as a volume's type, it keeps itself.
//!
//! It is strict. An action, parameter or filter that it does not know is refused before anything is asked of the cloud, and
//! is on record ([`Front::misunderstood`]): nothing passes because it was overlooked. It takes any signature, listens on the
//! loopback address only, and is part of no release.

#![forbid(unsafe_code)]

mod account;
mod changes;
mod creations;
mod doors;
mod filters;
mod form;
mod front;
mod http;
mod kept;
mod listings;
mod pages;
mod refusal;
mod shown;
mod xml;

pub use front::{Front, FrontOptions};
