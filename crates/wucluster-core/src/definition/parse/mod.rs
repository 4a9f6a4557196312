//! From the text of a definition file to a [`ClusterDefinition`], or to all its mistakes.
//!
//! The text is read in four steps: the file as a whole, its TOML, its sections one by one into
//! drafts, and the drafts together into nodes. Each step reports everything that it finds.

mod cluster;
mod ec2;
mod expand;
mod file;
mod group;
mod hook;
mod key;
mod mount;
mod network;
mod option;
mod prices;
mod section;
mod source;
mod syntax;
mod value;

use toml::de::DeTable;

pub use file::decode;

use super::{ClusterDefinition, Diagnostic};
use section::Sink;
use source::Source;

impl ClusterDefinition {
    /// Parses and checks a definition file.
    ///
    /// Warnings are passed over; [`Self::parse_with_warnings`] returns them.
    ///
    /// # Errors
    /// All mistakes of the file, and its warnings, in the order of the file; nothing was touched.
    pub fn parse(text: &str) -> Result<Self, Vec<Diagnostic>> {
        Self::parse_with_warnings(text).map(|(definition, _)| definition)
    }

    /// Parses and checks a definition file and returns its warnings, too.
    ///
    /// # Errors
    /// All mistakes of the file, and its warnings, in the order of the file; nothing was touched.
    pub fn parse_with_warnings(text: &str) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        if let Some(diagnostic) = file::check(text) {
            return Err(vec![diagnostic]);
        }
        let source = Source::new(text);
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut sink = Sink::default();
        let draft = cluster::read(&source, root.get_ref(), &mut sink);
        let definition = expand::expand(&draft, &mut sink);
        let mut found = sink.found;
        if !errors.is_empty() {
            found = syntax::merge(&source, &errors, found);
        }
        found.sort_by_key(Diagnostic::start);
        match definition {
            Some(definition) if !found.iter().any(Diagnostic::is_error) => Ok((definition, found)),
            Some(_) | None => Err(found),
        }
    }
}
