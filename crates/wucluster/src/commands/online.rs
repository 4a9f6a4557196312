//! `check --online`: what AWS says about the definition, before anything is made.

use serde::Serialize;
use wucluster_aws::{AwsCloud, AwsOptions, Finding, Verdict};
use wucluster_core::definition::ClusterDefinition;

use crate::exit::Exit;
use crate::fault::{Fault, exit_of};
use crate::output::Output;
use crate::render::look::{Look, Tone};
use crate::render::table::{Cell, Column, Table};
use crate::render::words::count;

/// What was found out, as `--json` shows it.
#[derive(Debug, Serialize)]
pub(crate) struct Online {
    account: String,
    region: String,
    findings: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    about: String,
    verdict: &'static str,
    what: String,
    fix: Option<String>,
}

impl Online {
    /// Asks AWS. Nothing is changed there.
    ///
    /// # Errors
    /// When AWS could not even be asked whose account it is.
    pub(crate) async fn ask(definition: &ClusterDefinition) -> Result<Self, Fault> {
        let cloud = AwsCloud::new(AwsOptions::of(definition));
        let (account, findings) = cloud.survey(definition).await.map_err(|error| {
            Fault::new(exit_of(error.class), format!("AWS cannot be asked: {error}"))
        })?;
        let findings = findings.into_iter().map(Row::of).collect();
        Ok(Self { account: account.id, region: account.region, findings })
    }

    /// Returns how the command ends.
    pub(crate) fn exit(&self) -> Exit {
        let has = |verdict| self.findings.iter().any(|row| row.verdict == word(verdict));
        if has(Verdict::Wrong) {
            Exit::Failed
        } else if has(Verdict::Forbidden) {
            Exit::Denied
        } else {
            Exit::Done
        }
    }

    /// Shows it.
    pub(crate) fn show(&self, output: &Output) {
        output.result(&self.screen(&output.out));
    }

    fn screen(&self, look: &Look) -> String {
        let mut table = Table::new([
            Column::new("IS"),
            Column::new("ABOUT").drops(),
            Column::new("WHAT AWS SAYS").drops(),
        ]);
        for row in &self.findings {
            let what = match &row.fix {
                Some(fix) => format!("{}; fix: {fix}", row.what),
                None => row.what.clone(),
            };
            table.row([
                Cell::toned(row.tone(), row.verdict),
                Cell::new(&row.about),
                Cell::new(what),
            ]);
        }
        let bad = self.findings.iter().filter(|row| row.tone() == Tone::Bad).count();
        let unknown = self.findings.iter().filter(|row| row.tone() == Tone::Moving).count();
        let mut last = match bad {
            0 => "Nothing stands in the way of a launch".to_owned(),
            _ => format!("{} would keep it from being launched", count(bad, "thing")),
        };
        if unknown > 0 {
            last.push_str(&format!("; {} could not be told", count(unknown, "thing")));
        }
        format!(
            "\nAWS was asked, as account {} in {}; nothing was changed there.\n\n{}\n{last}. Capacity shows itself only at a launch.\n",
            self.account,
            self.region,
            table.render(look)
        )
    }
}

impl Row {
    fn of(finding: Finding) -> Self {
        let Finding { about, verdict, what, fix } = finding;
        Self { about, verdict: word(verdict), what, fix }
    }

    fn tone(&self) -> Tone {
        if self.verdict == word(Verdict::Fine) {
            Tone::Good
        } else if self.verdict == word(Verdict::Unknown) {
            Tone::Moving
        } else {
            Tone::Bad
        }
    }
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fine => "ok",
        Verdict::Unknown => "unknown",
        Verdict::Wrong => "wrong",
        Verdict::Forbidden => "forbidden",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(about: &str, verdict: Verdict, what: &str, fix: Option<&str>) -> Row {
        Row {
            about: about.to_owned(),
            verdict: word(verdict),
            what: what.to_owned(),
            fix: fix.map(str::to_owned),
        }
    }

    fn online(findings: Vec<Row>) -> Online {
        Online { account: "123456789012".to_owned(), region: "eu-central-1".to_owned(), findings }
    }

    #[test]
    fn what_is_wrong_is_told_with_what_to_do() {
        let online = online(vec![
            row("zone eu-central-1a", Verdict::Fine, "it is in eu-central-1", None),
            row(
                "type m9.large",
                Verdict::Wrong,
                "it is not offered in eu-central-1a",
                Some("it is offered in eu-central-1b"),
            ),
            row("ec2:DeleteVolume", Verdict::Unknown, "it cannot be told now", None),
        ]);
        insta::assert_snapshot!(online.screen(&Look::plain(100)));
        assert_eq!(online.exit(), Exit::Failed);
    }

    #[test]
    fn what_is_not_permitted_has_an_exit_code_of_its_own() {
        let forbidden = || row("ec2:RunInstances for n", Verdict::Forbidden, "you may not", None);
        assert_eq!(online(vec![forbidden()]).exit(), Exit::Denied);
        assert_eq!(online(vec![row("k", Verdict::Unknown, "?", None)]).exit(), Exit::Done);
        let wrong = row("k", Verdict::Wrong, "no", None);
        assert_eq!(online(vec![forbidden(), wrong]).exit(), Exit::Failed);
    }
}
