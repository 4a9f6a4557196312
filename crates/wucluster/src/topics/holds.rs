//! The help about holds, from the guide's tables.

use std::fmt::Write as _;

use crate::render::text::wrap;

/// What is held, with code, evidence and remedy, as the guide has it.
const HOLDS: &str = include_str!("../../../../docs/holds.md");

/// Lists the rows of the guide's tables: code, what is held, evidence, remedy.
fn rows() -> impl Iterator<Item = (&'static str, [String; 3])> {
    HOLDS.lines().filter_map(|line| {
        let (code, rest) = line.strip_prefix("| `")?.split_once('`')?;
        let mut cells = rest.split('|').skip(1).map(|cell| cell.trim().replace('`', ""));
        Some((code, [cells.next()?, cells.next()?, cells.next()?]))
    })
}

/// Lists the rules by their codes.
pub(super) fn all() -> String {
    let mut text =
        "What wucluster refuses until something is mended, by the code in `held[code]`:\n\n"
            .to_owned();
    for (code, [what, ..]) in rows() {
        let lines = wrap(&what, 78 - 26);
        let _ = writeln!(text, "  {code:<23} {}", lines.join(&format!("\n{:26}", "")));
    }
    text.push_str("\n`wucluster help CODE` tells the evidence and the remedy of one.\n");
    text
}

/// Tells what is held by a rule, with what evidence, and the remedy; `None`: there is no such rule.
pub(super) fn one(code: &str) -> Option<String> {
    let (code, cells) = rows().find(|(known, _)| *known == code)?;
    let mut text = format!("held[{code}]\n");
    for (name, cell) in ["what", "why", "fix"].iter().zip(&cells) {
        let _ = writeln!(text, "  {name:<5} {}", wrap(cell, 70).join("\n        "));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use wucluster_core::interlock::Interlock;

    use super::*;

    #[test]
    fn every_hold_is_explained() {
        for interlock in Interlock::ALL {
            let text = one(interlock.code());
            assert!(text.is_some_and(|text| text.contains("  fix ")), "{interlock}");
        }
    }
}
