//! Pages, piece by piece: only constants go in as they are, everything else is made harmless on its way.

use super::super::text::{clean, clean_lines};

/// A page that is being written.
#[derive(Debug, Default)]
pub(super) struct Markup {
    out: String,
}

/// An attribute's name and value.
pub(super) type Attribute<'a> = (&'static str, &'a str);

impl Markup {
    /// Writes what we wrote ourselves.
    pub(super) fn raw(&mut self, markup: &'static str) {
        self.out.push_str(markup);
    }

    /// Writes a text that may hold anything.
    pub(super) fn text(&mut self, text: impl AsRef<str>) {
        escape(&clean(text.as_ref()), &mut self.out);
    }

    /// Begins an element.
    pub(super) fn begin(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        self.open(name, attributes);
        self.out.push('>');
    }

    /// Writes an element of a drawing that holds nothing.
    pub(super) fn empty(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        self.open(name, attributes);
        self.out.push_str("/>");
    }

    fn open(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        self.out.push('<');
        self.out.push_str(name);
        for (attribute, value) in attributes {
            self.out.push(' ');
            self.out.push_str(attribute);
            self.out.push_str("=\"");
            escape(&clean(value), &mut self.out);
            self.out.push('"');
        }
    }

    /// Ends an element.
    pub(super) fn end(&mut self, name: &'static str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// Writes an element that holds nothing but text.
    pub(super) fn leaf(
        &mut self,
        name: &'static str,
        attributes: &[Attribute<'_>],
        text: impl AsRef<str>,
    ) {
        self.begin(name, attributes);
        self.text(text);
        self.end(name);
    }

    /// Writes a text of several lines, which stay lines.
    pub(super) fn lines(&mut self, name: &'static str, lines: &[String]) {
        self.begin(name, &[]);
        for (at, line) in lines.iter().enumerate() {
            if at > 0 {
                self.out.push('\n');
            }
            escape(&clean_lines(line), &mut self.out);
        }
        self.end(name);
    }

    /// Writes a line of JSON into a `script` element: it stays the same JSON, and nothing in it can end the element.
    ///
    /// Where it is no string, JSON has no `<`.
    pub(super) fn json_line(&mut self, json: &str) {
        self.out.push_str(&json.replace('<', "\\u003c"));
        self.out.push('\n');
    }

    /// Returns the page.
    pub(super) fn finish(self) -> String {
        self.out
    }
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Markup)) -> String {
        let mut markup = Markup::default();
        write(&mut markup);
        markup.finish()
    }

    #[test]
    fn what_others_say_is_text_wherever_it_stands() {
        let evil = "\"><script>alert('&')</script>\u{1b}[2J\u{202e}";
        assert_eq!(
            written(|page| page.leaf("td", &[("title", evil)], evil)),
            "<td title=\"&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;\">\
             &quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;</td>"
        );
        assert_eq!(
            written(|page| page.lines("pre", &["a<b".to_owned(), "c\td\r".to_owned()])),
            "<pre>a&lt;b\nc\td</pre>"
        );
    }

    #[test]
    fn json_in_a_page_ends_no_element_and_is_the_same_json() {
        let json = r#"{"error":"</script><!--<script>\\"}"#;
        let line = written(|page| page.json_line(json));
        assert!(!line.contains('<'), "{line}");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&line), value(json));
    }
}
