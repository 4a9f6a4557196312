//! How far a count of many rehearsals has come, and about how long the rest takes.

use std::time::{Duration, Instant};

use crate::output::Output;
use crate::render::words::span;

/// From so many nodes and mounts on, a single rehearsal is worth a word. Measured 2026-11: one of 3,000
/// takes some ten seconds, and the time grows with the square of the number.
const LARGE: usize = 500;

/// What takes longer than this in all is announced.
const LONG: Duration = Duration::from_secs(30);

/// A count on the way.
#[derive(Debug)]
pub(crate) struct Counter<'a> {
    output: &'a Output,
    what: &'static str,
    begun: Instant,
}

impl<'a> Counter<'a> {
    /// Begins to count rehearsals of a cluster of so many nodes and mounts.
    pub(crate) fn begin(output: &'a Output, what: &'static str, rows: usize) -> Self {
        let counter = Self { output, what, begun: Instant::now() };
        if rows >= LARGE {
            counter.show(&format!("{rows} nodes and mounts take a while to rehearse"));
        }
        counter
    }

    /// Counts one more as done.
    pub(crate) fn done(&self, done: u64, all: u64) {
        let what = self.what;
        let left = rest(self.begun.elapsed(), done, all);
        if done == 1 && left > LONG && !self.output.is_quiet {
            self.over();
            let text = format!(
                "{all} {what} will take about {}. Ctrl-C ends it at once; nothing is left of it.\n",
                span(left)
            );
            self.output.aside(&text);
        }
        let about =
            if left > LONG / 3 { format!(", about {} left", span(left)) } else { String::new() };
        self.show(&format!("{done} of {all} {what}{about}"));
    }

    /// Takes the count off the screen.
    pub(crate) fn over(&self) {
        self.show("");
    }

    /// Repaints the line, on a terminal.
    fn show(&self, text: &str) {
        if self.output.is_err_terminal && !self.output.is_quiet {
            self.output.aside(&format!("\r\u{1b}[2K{text}"));
        }
    }
}

/// Returns about how long the rest takes, if it goes on as it did.
fn rest(elapsed: Duration, done: u64, all: u64) -> Duration {
    let left = all.saturating_sub(done);
    let each = elapsed / u32::try_from(done.max(1)).unwrap_or(u32::MAX);
    each.saturating_mul(u32::try_from(left).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_takes_as_long_for_each_as_what_is_done_did() {
        let seconds = Duration::from_secs;
        assert_eq!(rest(seconds(10), 1, 100), seconds(990));
        assert_eq!(rest(seconds(10), 5, 10), seconds(10));
        assert_eq!(rest(seconds(10), 10, 10), Duration::ZERO);
        assert_eq!(rest(seconds(1), 0, 0), Duration::ZERO);
    }
}
