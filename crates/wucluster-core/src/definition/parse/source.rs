//! The text of a definition file with its lines.

/// A text and where its lines begin.
#[derive(Debug)]
pub(super) struct Source<'t> {
    /// The text.
    pub(super) text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Source<'t> {
    /// Finds the lines of a text.
    pub(super) fn new(text: &'t str) -> Self {
        let starts =
            std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// Returns the number of the line that holds a byte. Unit: lines, the first is 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    /// Returns all lines, with their ends.
    pub(super) fn lines(&self) -> impl Iterator<Item = &'t str> {
        let ends = self.starts.iter().skip(1).copied().chain([self.text.len()]);
        self.starts.iter().zip(ends).map(|(start, end)| &self.text[*start..end])
    }
}

#[cfg(test)]
mod tests {
    use super::Source;
    use crate::definition::line_number;

    #[test]
    fn lines_are_those_that_are_counted_byte_by_byte() {
        for text in ["", "a", "a\n", "\n\nab\ncd", "ä\r\nb"] {
            let source = Source::new(text);
            for offset in 0..=text.len() {
                assert_eq!(source.line(offset), line_number(text, offset), "{text:?} {offset}");
            }
            assert_eq!(source.lines().collect::<String>(), text);
        }
    }
}
