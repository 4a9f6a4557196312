//! What was found out about things, each with how it stands and what to do: the screens of `check --online` and `doctor`.

use serde::Serialize;

use super::look::{Look, Tone};
use super::table::{Cell, Column, Table};

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Standing {
    /// As it should be.
    Ok,
    /// It could not be told.
    Unknown,
    /// It costs money, or will be in somebody's way.
    Wrong,
    /// It is not permitted.
    Forbidden,
}

impl Standing {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Wrong => "wrong",
            Self::Forbidden => "forbidden",
        }
    }

    const fn tone(self) -> Tone {
        match self {
            Self::Ok => Tone::Good,
            Self::Unknown => Tone::Moving,
            Self::Wrong | Self::Forbidden => Tone::Bad,
        }
    }

    /// Says whether somebody should do something.
    pub(crate) const fn is_bad(self) -> bool {
        matches!(self, Self::Wrong | Self::Forbidden)
    }
}

/// What was found out about something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What it is about, such as `ssh` or `type m7i.large`.
    pub(crate) about: String,
    /// How it stands.
    pub(crate) verdict: Standing,
    /// What was seen.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) fix: Option<String>,
    /// Which command of ours does that.
    #[serde(skip)]
    pub(crate) remedy: Option<Remedy>,
}

/// A command of ours that mends what was found, after its own question.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Remedy {
    /// `adopt`.
    Adopt,
    /// `put-away --only` this part.
    PutAway(String),
}

impl Remedy {
    /// Returns the command, without the program's name.
    pub(crate) fn command(&self) -> String {
        match self {
            Self::Adopt => "adopt".to_owned(),
            Self::PutAway(part) => format!("put-away --only {part}"),
        }
    }
}

impl Finding {
    pub(crate) fn new(
        verdict: Standing,
        about: impl Into<String>,
        what: impl Into<String>,
    ) -> Self {
        Self { about: about.into(), verdict, what: what.into(), fix: None, remedy: None }
    }

    pub(crate) fn ok(about: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(Standing::Ok, about, what)
    }

    pub(crate) fn wrong(about: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(Standing::Wrong, about, what)
    }

    /// Names the command that mends it.
    pub(crate) fn mended_by(self, remedy: Remedy) -> Self {
        Self { remedy: Some(remedy), ..self }
    }

    pub(crate) fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }
}

/// Counts those about which somebody should do something, and those that could not be told.
pub(crate) fn tally(findings: &[Finding]) -> (usize, usize) {
    let bad = findings.iter().filter(|finding| finding.verdict.is_bad()).count();
    let unknown = findings.iter().filter(|finding| finding.verdict == Standing::Unknown).count();
    (bad, unknown)
}

/// Makes the table; what is to be done stands below what it is about.
pub(crate) fn table(findings: &[Finding], title: &'static str, look: &Look) -> String {
    let mut table =
        Table::new([Column::new("IS"), Column::new("ABOUT").drops(), Column::new(title).drops()]);
    for finding in findings {
        let what = match &finding.fix {
            Some(fix) => format!("{}; fix: {fix}", finding.what),
            None => finding.what.clone(),
        };
        let word = Cell::toned(finding.verdict.tone(), finding.verdict.word());
        table.row([word, Cell::new(&finding.about), Cell::new(what)]);
    }
    table.render(look)
}
