//! Pieces of text: made harmless, measured, cut, wrapped, set side by side.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::look::{Glyph, Look};

/// Widest that sentences and tables are made. Unit: columns.
pub(crate) const WIDEST: usize = 100;

/// Returns a text without control characters and characters that turn the direction of writing.
///
/// What nodes and providers say may hold anything; a terminal obeys what it is sent.
pub(crate) fn clean(text: &str) -> String {
    clean_lines(text).replace(['\n', '\t'], " ")
}

/// Does as [`clean`], and keeps line ends and tabs.
pub(crate) fn clean_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' if rest.peek() == Some(&'[') => {
                // A control sequence goes as a whole, so that its parameters do not stay.
                rest.next();
                while rest.next_if(|c| (' '..='?').contains(c)).is_some() {}
                rest.next_if(|c| ('@'..='~').contains(c));
            }
            '\n' | '\t' => out.push(c),
            c if c.is_control() || turns(c) => {}
            c => out.push(c),
        }
    }
    out
}

/// Says whether a character is invisible and turns the direction of writing, or the like.
fn turns(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Returns how many columns a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Cuts a text to a number of columns, with a sign where something is missing.
pub(crate) fn cut(text: &str, columns: usize, look: &Look) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let sign = look.glyph(Glyph::Ellipsis);
    let mut left = columns.saturating_sub(width(sign));
    let mut out = String::new();
    for c in text.chars() {
        let columns = c.width().unwrap_or(0);
        if columns > left {
            break;
        }
        left -= columns;
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    if columns > 0 {
        out.push_str(sign);
    }
    out
}

/// Pads a text with blanks behind it to a number of columns.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Sets one text at the left and one at the right of a line; the left one is cut if need be.
pub(crate) fn sides(left: &str, right: &str, columns: usize, look: &Look) -> String {
    if right.is_empty() {
        return cut(left, columns, look);
    }
    let left = cut(left, columns.saturating_sub(width(right) + 2), look);
    let gap = columns.saturating_sub(width(&left) + width(right)).max(2);
    format!("{left}{}{right}", " ".repeat(gap))
}

/// Breaks sentences where the screen ends, each line of them ended.
pub(crate) fn sentence(text: &str, look: &Look) -> String {
    let columns = look.width.min(WIDEST);
    let lines = text.lines().flat_map(|line| wrap(line, columns));
    lines.map(|line| line + "\n").collect()
}

/// Breaks a text into lines of at most so many columns, at blanks; longer words stay whole.
///
/// Runs of blanks within a line are kept: hints set commands apart with them.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut gap = String::new();
    for piece in pieces(text) {
        if piece.starts_with(' ') {
            gap = piece.to_owned();
            continue;
        }
        if !line.is_empty() && width(&line) + width(&gap) + width(piece) > columns {
            lines.push(std::mem::take(&mut line));
        } else {
            line.push_str(&gap);
        }
        gap.clear();
        line.push_str(piece);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text.trim_end();
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest.find(|c: char| (c == ' ') != (first == ' ')).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_taken_out() {
        assert_eq!(clean("a\u{1b}[31mb\u{7}\nc\u{202e}d\u{1b}]0;x\u{1b}"), "ab cd]0;x");
        assert_eq!(clean_lines("\u{1b}[0;1;32mOK\u{1b}[0m\r\n\tnext\u{1b}["), "OK\n\tnext");
    }

    #[test]
    fn cutting_counts_columns_and_shows_that_something_is_missing() {
        let look = Look::plain(80);
        assert_eq!(cut("abcdef", 6, &look), "abcdef");
        assert_eq!(cut("abcdefg", 6, &look), "abcde…");
        assert_eq!(cut("日本語日本", 6, &look), "日本…");
        assert_eq!(cut("abc", 0, &look), "");
    }

    #[test]
    fn the_right_side_is_never_cut() {
        let look = Look::plain(80);
        assert_eq!(sides("left", "right", 14, &look), "left     right");
        assert_eq!(sides("a longer left", "right", 14, &look), "a long…  right");
    }

    #[test]
    fn wrapping_keeps_words_and_gaps() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("let it:    wucluster x", 80), ["let it:    wucluster x"]);
        assert_eq!(wrap("", 10), [""]);
        assert_eq!(wrap("averylongword b", 4), ["averylongword", "b"]);
        assert_eq!(wrap("  indented", 80), ["  indented"]);
    }
}
