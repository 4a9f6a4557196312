//! How a screen may look: width, colour, characters, time zone.

use anstyle::{AnsiColor, Style};
use jiff::tz::TimeZone;

/// How a screen may look.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// How wide lines may be. Unit: columns.
    pub(crate) width: usize,
    /// Whether to colour.
    pub(crate) colour: bool,
    /// Whether to keep to ASCII.
    pub(crate) ascii: bool,
    /// The zone in which times of day are told.
    pub(crate) zone: TimeZone,
    /// How the program was called, for commands to copy: `wucluster`, with `-f` if it was given.
    pub(crate) program: String,
}

/// What a piece of text means; colour never says it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tone {
    /// Nothing in particular.
    #[default]
    Normal,
    /// As wanted.
    Good,
    /// On its way.
    Moving,
    /// Held, failed, or about to be gone.
    Bad,
    /// Of less interest.
    Dim,
    /// A title.
    Strong,
}

/// A sign beside a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Glyph {
    /// Where it is wanted.
    There,
    /// Moving; the number selects the frame of the animation.
    Moving(usize),
    /// Waits for others.
    Waiting,
    /// Held.
    Held,
    /// A branch that has more below it.
    Branch,
    /// The last branch.
    LastBranch,
    /// Text that goes on and was cut.
    Ellipsis,
}

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const SPINNER_ASCII: [&str; 4] = ["-", "\\", "|", "/"];

impl Look {
    /// Makes the look that tests use: no colour, UTC.
    #[cfg(test)]
    pub(crate) fn plain(width: usize) -> Self {
        Self {
            width,
            colour: false,
            ascii: false,
            zone: TimeZone::UTC,
            program: "wucluster".to_owned(),
        }
    }

    /// Returns a sign, or its ASCII twin.
    pub(crate) fn glyph(&self, glyph: Glyph) -> &'static str {
        match (glyph, self.ascii) {
            (Glyph::There, false) => "●",
            (Glyph::There, true) => "*",
            (Glyph::Moving(frame), false) => SPINNER[frame % SPINNER.len()],
            (Glyph::Moving(frame), true) => SPINNER_ASCII[frame % SPINNER_ASCII.len()],
            (Glyph::Waiting, false) => "○",
            (Glyph::Waiting, true) => "o",
            (Glyph::Held, _) => "!",
            (Glyph::Branch, false) => "├",
            (Glyph::Branch, true) => "|",
            (Glyph::LastBranch, false) => "└",
            (Glyph::LastBranch, true) => "`",
            (Glyph::Ellipsis, false) => "…",
            (Glyph::Ellipsis, true) => "~",
        }
    }

    /// Returns a text in the colour of its tone, if colours are on.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        let style = tone.style();
        if !self.colour || text.is_empty() || style.is_plain() {
            return text.to_owned();
        }
        format!("{style}{text}{style:#}")
    }
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Normal => Style::new(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Moving => AnsiColor::Cyan.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Dim => Style::new().dimmed(),
            Self::Strong => Style::new().bold(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_has_a_twin_in_ascii() {
        let look = Look { ascii: true, ..Look::plain(80) };
        for glyph in [
            Glyph::There,
            Glyph::Moving(3),
            Glyph::Waiting,
            Glyph::Held,
            Glyph::Branch,
            Glyph::LastBranch,
            Glyph::Ellipsis,
        ] {
            assert!(look.glyph(glyph).is_ascii());
        }
    }

    #[test]
    fn colour_is_put_on_only_where_it_may_be() {
        let look = Look::plain(80);
        assert_eq!(look.paint(Tone::Bad, "x"), "x");
        let look = Look { colour: true, ..look };
        assert!(look.paint(Tone::Bad, "x").starts_with('\u{1b}'));
        assert_eq!(look.paint(Tone::Normal, "x"), "x");
    }
}
