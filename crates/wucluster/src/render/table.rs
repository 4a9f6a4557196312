//! Tables without lines: columns as wide as they need, the willing ones narrowed to fit.

use super::look::{Look, Tone};
use super::text::{clean, cut, pad, width, wrap};

/// Blanks between columns.
const GAP: usize = 2;

/// Narrowest that a column is made. Unit: columns of the screen.
const NARROWEST: usize = 8;

/// How far what does not fit is set in below its row. Unit: columns of the screen.
const BELOW: usize = 6;

/// A cell: text, made harmless, and what it means.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// Makes a cell; its text is cleaned.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self { text: clean(text.as_ref()), tone: Tone::Normal }
    }

    /// Makes a cell with a tone.
    pub(crate) fn toned(tone: Tone, text: impl AsRef<str>) -> Self {
        Self { tone, ..Self::new(text) }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    is_right: bool,
    shrinks: bool,
    drops: bool,
    yields: bool,
}

impl Column {
    /// Makes a column whose cells begin at its left and are never cut.
    pub(crate) const fn new(title: &'static str) -> Self {
        Self { title, is_right: false, shrinks: false, drops: false, yields: false }
    }

    /// Sets cells at the column's right, as numbers are.
    pub(crate) const fn right(mut self) -> Self {
        self.is_right = true;
        self
    }

    /// Lets the column's cells be cut where the screen is narrow.
    pub(crate) const fn shrinks(mut self) -> Self {
        self.shrinks = true;
        self
    }

    /// Lets the column be narrowed; a cell that does not fit then is written whole below its row.
    pub(crate) const fn drops(mut self) -> Self {
        self.shrinks = true;
        self.drops = true;
        self
    }

    /// Lets the whole column be left out where the screen is narrow: other screens tell it too.
    pub(crate) const fn yields(mut self) -> Self {
        self.yields = true;
        self
    }
}

/// A table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
    indent: usize,
    has_titles: bool,
}

impl Table {
    /// Makes a table with titles above its columns.
    pub(crate) fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self { columns: columns.into(), rows: Vec::new(), indent: 0, has_titles: true }
    }

    /// Leaves out the titles.
    pub(crate) fn untitled(mut self) -> Self {
        self.has_titles = false;
        self
    }

    /// Sets all lines in by so many columns.
    pub(crate) fn indent(mut self, columns: usize) -> Self {
        self.indent = columns;
        self
    }

    /// Adds a row; missing cells at its end are empty.
    pub(crate) fn row(&mut self, cells: impl Into<Vec<Cell>>) {
        let mut cells = cells.into();
        cells.resize(self.columns.len(), Cell::default());
        self.rows.push(cells);
    }

    /// Says whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes the rows with tabs between cells, for programs to read: no titles, no colour.
    pub(crate) fn tabs(&self) -> String {
        let mut out = String::new();
        for row in &self.rows {
            let cells: Vec<&str> = row.iter().map(|cell| cell.text.trim()).collect();
            out.push_str(&cells.join("\t"));
            out.push('\n');
        }
        out
    }

    /// Writes the table, each line ended.
    pub(crate) fn render(&self, look: &Look) -> String {
        let widths = self.widths(look.width);
        let yielding = (0..self.columns.len()).rfind(|at| self.columns[*at].yields);
        if let Some(at) = yielding.filter(|_| self.is_wider(&widths, look.width)) {
            let mut narrower = self.clone();
            narrower.columns.remove(at);
            for row in &mut narrower.rows {
                row.remove(at);
            }
            return narrower.render(look);
        }
        let mut out = String::new();
        if self.has_titles {
            let titles: Vec<Cell> =
                self.columns.iter().map(|column| Cell::toned(Tone::Strong, column.title)).collect();
            self.line(&titles, &widths, look, &mut out);
        }
        for row in &self.rows {
            self.line(row, &widths, look, &mut out);
        }
        out
    }

    fn is_wider(&self, widths: &[usize], most: usize) -> bool {
        let gaps = self.columns.len().saturating_sub(1) * GAP + self.indent;
        widths.iter().sum::<usize>() + gaps > most
    }

    fn widths(&self, most: usize) -> Vec<usize> {
        let mut widths: Vec<usize> = (0..self.columns.len())
            .map(|at| {
                let title = if self.has_titles { width(self.columns[at].title) } else { 0 };
                self.rows.iter().map(|row| width(&row[at].text)).max().unwrap_or(0).max(title)
            })
            .collect();
        let gaps = self.columns.len().saturating_sub(1) * GAP + self.indent;
        let mut over = (widths.iter().sum::<usize>() + gaps).saturating_sub(most);
        while over > 0 {
            // The widest of the willing gives way first.
            let Some(widest) = (0..widths.len())
                .filter(|at| self.columns[*at].shrinks && widths[*at] > NARROWEST)
                .max_by_key(|at| widths[*at])
            else {
                break;
            };
            widths[widest] -= 1;
            over -= 1;
        }
        widths
    }

    fn line(&self, cells: &[Cell], widths: &[usize], look: &Look, out: &mut String) {
        let mut line = " ".repeat(self.indent);
        let mut below = Vec::new();
        let last = cells.iter().rposition(|cell| !cell.text.is_empty());
        for (at, cell) in cells.iter().enumerate().take(last.map_or(0, |last| last + 1)) {
            if at > 0 {
                line.push_str(&" ".repeat(GAP));
            }
            let text = if self.columns[at].drops && width(&cell.text) > widths[at] {
                let columns = look.width.saturating_sub(self.indent + BELOW).max(NARROWEST);
                below.extend(wrap(&cell.text, columns));
                String::new()
            } else if self.columns[at].shrinks {
                cut(&cell.text, widths[at], look)
            } else {
                cell.text.clone()
            };
            let blanks = " ".repeat(widths[at].saturating_sub(width(&text)));
            let painted = look.paint(cell.tone, &text);
            if self.columns[at].is_right {
                line.push_str(&blanks);
                line.push_str(&painted);
            } else {
                line.push_str(&painted);
                if Some(at) != last {
                    line.push_str(&pad("", blanks.len()));
                }
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
        for line in below {
            out.push_str(&" ".repeat(self.indent + BELOW));
            out.push_str(&line);
            out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new([
            Column::new("NAME"),
            Column::new("SIZE").right(),
            Column::new("NOTE").shrinks(),
        ]);
        table.row(["chief".into(), "40 GiB".into(), "a note that is rather long".into()]);
        table.row(["日本".into(), Cell::toned(Tone::Bad, "500 GiB")]);
        table
    }

    #[test]
    fn columns_are_as_wide_as_they_need() {
        insta::assert_snapshot!(table().render(&Look::plain(80)), @r"
        NAME      SIZE  NOTE
        chief   40 GiB  a note that is rather long
        日本   500 GiB
        ");
    }

    #[test]
    fn a_narrow_screen_cuts_only_what_may_be_cut() {
        insta::assert_snapshot!(table().indent(2).untitled().render(&Look::plain(30)), @r"
          chief   40 GiB  a note that…
          日本   500 GiB
        ");
    }

    #[test]
    fn what_must_be_read_whole_goes_below_its_row() {
        let mut table = Table::new([Column::new("NAME"), Column::new("NOTE").drops()]);
        table.row(["chief".into(), "a note that is rather long".into()]);
        table.row(["worker".into(), "short".into()]);
        insta::assert_snapshot!(table.render(&Look::plain(24)), @r"
        NAME    NOTE
        chief
              a note that is
              rather long
        worker  short
        ");
    }

    #[test]
    fn a_column_that_does_not_fit_may_yield_whole() {
        let mut table = Table::new([
            Column::new("NAME"),
            Column::new("EPOCH").right().yields(),
            Column::new("OF VOLUME").yields(),
        ]);
        table.row(["chief/home", "1", "vol-1"].map(Cell::new));
        insta::assert_snapshot!(table.render(&Look::plain(28)), @r"
        NAME        EPOCH  OF VOLUME
        chief/home      1  vol-1
        ");
        insta::assert_snapshot!(table.render(&Look::plain(27)), @r"
        NAME        EPOCH
        chief/home      1
        ");
        insta::assert_snapshot!(table.render(&Look::plain(16)), @r"
        NAME
        chief/home
        ");
        assert_eq!(table.tabs(), "chief/home\t1\tvol-1\n");
    }

    #[test]
    fn for_programs_there_are_tabs() {
        assert_eq!(table().tabs(), "chief\t40 GiB\ta note that is rather long\n日本\t500 GiB\t\n");
    }
}
