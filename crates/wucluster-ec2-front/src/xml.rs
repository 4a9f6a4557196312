//! Writing XML.

use std::fmt::{Display, Write as _};

/// A document that is being written.
#[derive(Debug, Default)]
pub(crate) struct Xml(String);

impl Xml {
    /// Writes an element with others in it.
    pub(crate) fn node(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.0.push_str(&format!("<{name}>"));
        inside(self);
        self.0.push_str(&format!("</{name}>"));
    }

    /// Writes an element with attributes in its head, which must be fit to stand there.
    pub(crate) fn root(&mut self, name: &str, head: &str, inside: impl FnOnce(&mut Self)) {
        self.0.push_str(&format!("<{name} {head}>"));
        inside(self);
        self.0.push_str(&format!("</{name}>"));
    }

    /// Writes a list: an element of `item`s.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut item: impl FnMut(&mut Self, T),
    ) {
        self.node(name, |xml| {
            for one in items {
                xml.node("item", |xml| item(xml, one));
            }
        });
    }

    /// Writes an element with text in it.
    pub(crate) fn leaf(&mut self, name: &str, text: impl Display) {
        self.node(name, |xml| {
            let _ = write!(Escaped(&mut xml.0), "{text}");
        });
    }

    /// Writes an element with text in it, if there is any.
    pub(crate) fn leaf_of(&mut self, name: &str, text: Option<impl Display>) {
        if let Some(text) = text {
            self.leaf(name, text);
        }
    }

    /// Writes text alone.
    pub(crate) fn put_text(&mut self, text: &str) {
        let _ = write!(Escaped(&mut self.0), "{text}");
    }

    /// Puts in what was written apart.
    pub(crate) fn put(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    /// Returns what was written.
    pub(crate) fn text(self) -> String {
        self.0
    }
}

/// Takes their meaning from letters that have one in XML.
struct Escaped<'a>(&'a mut String);

impl std::fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for letter in text.chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                letter => self.0.push(letter),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_xml_is_text() {
        let mut xml = Xml::default();
        xml.list("set", ["a&b", "<c>"], |xml, text| xml.leaf("v", text));
        assert_eq!(
            xml.text(),
            "<set><item><v>a&amp;b</v></item><item><v>&lt;c&gt;</v></item></set>"
        );
    }
}
