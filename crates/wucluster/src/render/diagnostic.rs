//! Mistakes of a definition, with the lines that they are in.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Patch, Renderer, Snippet};
use wucluster_core::definition::{Diagnostic, Severity};

use super::look::Look;
use super::text::clean;
use super::words::count;

/// Writes all mistakes, each ended by a line.
pub(crate) fn diagnostics(found: &[Diagnostic], path: &str, source: &str, look: &Look) -> String {
    let base = if look.colour { Renderer::styled() } else { Renderer::plain() };
    let decor = if look.ascii { DecorStyle::Ascii } else { DecorStyle::Unicode };
    let renderer = base.decor_style(decor).term_width(look.width);
    let mut out = String::new();
    for diagnostic in found {
        out.push_str(&one(&renderer, diagnostic, path, source));
        out.push('\n');
    }
    out
}

/// Writes the last line: how many mistakes, and that nothing was touched.
pub(crate) fn tally(found: &[Diagnostic]) -> String {
    let errors = found.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let warnings = found.len() - errors;
    let mut parts = Vec::new();
    if errors > 0 {
        parts.push(count(errors, "error"));
    }
    if warnings > 0 {
        parts.push(count(warnings, "warning"));
    }
    format!("{}. Nothing was touched.", parts.join(", "))
}

fn one(renderer: &Renderer, diagnostic: &Diagnostic, path: &str, source: &str) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let message = clean(&diagnostic.message);
    let title = level.primary_title(message).id(diagnostic.code);
    let mut group = Group::with_title(title);
    if diagnostic.labels.is_empty() {
        group = group.element(Element::from(Origin::path(path)));
    } else {
        let mut snippet = Snippet::source(source).path(path).line_start(1);
        for (at, label) in diagnostic.labels.iter().enumerate() {
            let span = within(source, &label.span);
            let kind = match (at, label.text.is_empty()) {
                (0, _) => AnnotationKind::Primary,
                (_, true) => AnnotationKind::Visible,
                (_, false) => AnnotationKind::Context,
            };
            let mut annotation = kind.span(span);
            if !label.text.is_empty() {
                annotation = annotation.label(clean(&label.text));
            }
            snippet = snippet.annotation(annotation);
        }
        group = group.element(snippet);
    }
    let mut report = vec![group];
    match (&diagnostic.help, &diagnostic.patch) {
        (help, Some(patch)) => {
            let help = help.as_deref().unwrap_or("change it so");
            let fix = Snippet::source(source)
                .line_start(1)
                .patch(Patch::new(within(source, &patch.span), patch.replacement.clone()));
            report.push(Level::HELP.secondary_title(clean(help)).element(fix));
        }
        (Some(help), None) => {
            report.push(Group::with_title(Level::HELP.secondary_title(clean(help))));
        }
        (None, None) => {}
    }
    renderer.render(&report).to_string()
}

/// Keeps a range inside the text and at its characters' borders.
fn within(source: &str, span: &std::ops::Range<usize>) -> std::ops::Range<usize> {
    let border = |at: usize| {
        let mut at = at.min(source.len());
        while !source.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = border(span.start);
    start..border(span.end).max(start)
}

#[cfg(test)]
mod tests {
    use wucluster_core::definition::ClusterDefinition;

    use super::*;

    const BAD: &str = r#"[cluster]
name     = "gibbon"
provider = "local"

[node.chief]
mount.home = { at = "/mnt/home", size = "40 GiB" }
mount.data = { at = "/mnt/home", size = "500 GB" }
"#;

    #[test]
    fn mistakes_show_their_place_and_the_change_that_mends_them() {
        let found = ClusterDefinition::parse(BAD).unwrap_err();
        let text = diagnostics(&found, "gibbon.cluster.toml", BAD, &Look::plain(100));
        insta::assert_snapshot!(text);
        assert_eq!(tally(&found), "2 errors. Nothing was touched.");
    }

    #[test]
    fn in_ascii_there_is_nothing_but_ascii() {
        let found = ClusterDefinition::parse(BAD).unwrap_err();
        let look = Look { ascii: true, ..Look::plain(100) };
        assert!(diagnostics(&found, "gibbon.cluster.toml", BAD, &look).is_ascii());
    }

    #[test]
    fn a_place_behind_the_end_is_no_panic() {
        assert_eq!(within("aä", &(2..99)), 1..3);
    }
}
