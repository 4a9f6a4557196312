//! Whatever stands in a file, it is read without a panic and answered to the point.

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use proptest::test_runner::TestCaseError;
use proptest::{prop_assert, prop_assert_eq};
use wucluster_core::definition::{
    ClusterDefinition, Diagnostic, Severity, check_mount_point, decode, line_and_column,
    parse_duration,
};

const GOOD: [&str; 4] = [
    include_str!("../../../examples/first.cluster.toml"),
    include_str!("../../../examples/demo.cluster.toml"),
    include_str!("../../../examples/errors/two-mistakes.cluster.toml"),
    include_str!("../../../examples/errors/many-mistakes.cluster.toml"),
];

/// Pieces that are likely to be mixed up.
const PIECES: [&str; 48] = [
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ",",
    ".",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "\n",
    "\r\n",
    "\\",
    "#",
    "\u{feff}",
    "\u{202e}",
    "é",
    "𝕊",
    "\u{1b}[2J",
    "\0",
    "\t",
    "-1",
    "0x",
    "0o",
    "1e999",
    "nan",
    "true",
    "1979-05-27",
    "count",
    "cluster",
    "node",
    "node.chief",
    "mount",
    "defaults",
    "size = \"9 GB\"",
    "at = \"/etc\"",
    "\"$(reboot)\"",
    "../..",
    "snap-",
    "[node.a]\n",
    "[cluster]\nname = \"a\"\n",
    "ready = [",
    "run",
    "99999999999999999999999",
    "\u{0}\u{7f}",
];

/// Values that a shell, a terminal or a careless reader would take wrongly.
const HOSTILE: [&str; 24] = [
    "$(touch /tmp/marker)",
    "`touch /tmp/marker`",
    "; touch /tmp/marker",
    "| sh",
    "&& reboot",
    "' ; reboot #",
    "\" ; reboot #",
    "-rf",
    "--help",
    "a\nb",
    "a\rb",
    "a\tb",
    "a\u{1b}[31mb",
    "a\u{0}b",
    "a\u{202e}b",
    "a b",
    "a\\b",
    "a*b",
    "a?b",
    "a{b,c}",
    "~root",
    "../../etc/passwd",
    "%h",
    "é",
];

fn check_diagnostics(text: &str, found: &[Diagnostic]) -> Result<(), TestCaseError> {
    let mut last = 0;
    for diagnostic in found {
        let patch = diagnostic.patch.iter().map(|patch| &patch.span);
        for span in diagnostic.labels.iter().map(|label| &label.span).chain(patch) {
            prop_assert!(span.start <= span.end, "{span:?}");
            prop_assert!(text.get(span.clone()).is_some(), "{span:?} of {}: {text:?}", text.len());
            let (line, column) = line_and_column(text, span.start);
            prop_assert!(line >= 1 && column >= 1);
        }
        let labels = diagnostic.labels.iter().map(|label| &label.text);
        for said in labels.chain([&diagnostic.message]).chain(&diagnostic.help) {
            prop_assert!(!said.chars().any(char::is_control), "{said:?}");
            prop_assert!(said.len() < 1000, "{said:?}");
        }
        let start = diagnostic.labels.first().map_or(0, |label| label.span.start);
        prop_assert!(last <= start, "not in the order of the file: {found:#?}");
        last = start;
    }
    Ok(())
}

fn check(text: &str) -> Result<(), TestCaseError> {
    match ClusterDefinition::parse_with_warnings(text) {
        Ok((definition, warnings)) => {
            prop_assert!(warnings.iter().all(|warning| warning.severity == Severity::Warning));
            check_diagnostics(text, &warnings)?;
            for (name, node) in &definition.nodes {
                prop_assert_eq!(name, &node.name);
            }
            for (_, mount) in definition.mounts() {
                prop_assert_eq!(check_mount_point(&mount.at), Ok(()));
                prop_assert!((1..=65536).contains(&mount.size.gib()));
            }
            prop_assert_eq!(definition.digest().len(), 64);
            prop_assert_eq!(ClusterDefinition::parse(text), Ok(definition));
        }
        Err(found) => {
            prop_assert!(
                found.iter().any(Diagnostic::is_error),
                "refused without a reason: {text:?}"
            );
            check_diagnostics(text, &found)?;
        }
    }
    Ok(())
}

fn nearest_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// A change of a text: a place, how many bytes go, and what comes in their place.
fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, String)>> {
    let piece = prop_oneof![
        4 => prop::sample::select(PIECES.as_slice()).prop_map(str::to_owned),
        2 => Just(String::new()),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), 0..12_usize, piece), 1..6)
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn any_mix_of_likely_pieces_is_read_without_a_panic(
        pieces in prop::collection::vec(prop::sample::select(PIECES.as_slice()), 0..40),
        space in prop::sample::select(["", " ", "\n"].as_slice()),
    ) {
        check(&pieces.join(space))?;
        check(&format!("[cluster]\nname = \"a\"\n[node.n]\n{}", pieces.join(space)))?;
    }

    #[test]
    fn any_change_of_a_good_text_is_read_without_a_panic(
        good in prop::sample::select(GOOD.as_slice()),
        edits in edits(),
    ) {
        let mut text = good.to_owned();
        for (place, length, replacement) in edits {
            let start = nearest_boundary(&text, place.index(text.len() + 1));
            let end = nearest_boundary(&text, start + length).max(start);
            text.replace_range(start..end, &replacement);
        }
        check(&text)?;
    }

    #[test]
    fn any_bytes_are_decoded_or_explained(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        match decode(&bytes) {
            Ok(text) => prop_assert_eq!(text.as_bytes(), bytes.as_slice()),
            Err(found) => {
                prop_assert_eq!(found.len(), 1);
                check_diagnostics("", &found)?;
            }
        }
    }

    #[test]
    fn any_length_of_time_is_read_or_explained_with_a_good_suggestion(text in "[0-9. dhmsinDHM-]{0,12}") {
        if let Some(suggestion) = parse_duration(&text).err().and_then(|error| error.suggestion) {
            prop_assert!(parse_duration(&suggestion).is_ok(), "{text:?} -> {suggestion:?}");
        }
    }
}

#[test]
fn hostile_values_never_reach_a_name_or_path_or_option() {
    let quoted = |value: &str| {
        let escaped: String = value
            .chars()
            .map(|c| match c {
                '"' | '\\' => format!("\\{c}"),
                c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
                c => c.to_string(),
            })
            .collect();
        format!("\"{escaped}\"")
    };
    let fields = [
        "[cluster]\nname = @\n[node.n]\n",
        "[cluster]\nname = \"c\"\nzone = @\n[node.n]\n",
        "[cluster]\nname = \"c\"\nprovider = @\n[node.n]\n",
        "[cluster]\nname = \"c\"\nrecent = @\n[node.n]\n",
        "[cluster]\nname = \"c\"\n[node.@]\n",
        "[cluster]\nname = \"c\"\n[node.n]\nimage = @\n",
        "[cluster]\nname = \"c\"\n[node.n]\ntype = @\n",
        "[cluster]\nname = \"c\"\n[node.n]\nmemory = @\n",
        "[cluster]\nname = \"c\"\n[node.n.mount.@]\nat = \"/mnt/m\"\nsize = \"1 GiB\"\n",
        "[cluster]\nname = \"c\"\n[node.n.mount.m]\nat = @\nsize = \"1 GiB\"\n",
        "[cluster]\nname = \"c\"\n[node.n.mount.m]\nat = \"/mnt/m\"\nsize = @\n",
        "[cluster]\nname = \"c\"\n[node.n.mount.m]\nat = \"/mnt/m\"\nsize = \"1 GiB\"\nfs = @\n",
        "[cluster]\nname = \"c\"\n[node.n.mount.m]\nat = \"/mnt/m\"\nsize = \"1 GiB\"\noptions = [@]\n",
        "[cluster]\nname = \"c\"\n[node.n.mount.m]\nat = \"/mnt/m\"\nsize = \"1 GiB\"\nowner = @\n",
        "[cluster]\nname = \"c\"\n[node.n.mount.m]\nat = \"/mnt/m\"\nsize = \"1 GiB\"\ngroup = @\n",
        "[cluster]\nname = \"c\"\n[node.n.mount.m]\nat = \"/mnt/m\"\nsize = \"1 GiB\"\nmode = @\n",
        "[cluster]\nname = \"c\"\n[node.n.mount.m]\nat = \"/mnt/m\"\nsize = \"1 GiB\"\nfrom = @\n",
    ];
    // Paths within a name of an image go to the provider as they are and are no danger there.
    let harmless = |field: &str, value: &str| {
        value == "../../etc/passwd"
            && ["zone", "image", "type", "options"]
                .iter()
                .any(|key| field.contains(&format!("{key} = ")))
    };
    for field in fields {
        for value in HOSTILE {
            for value in [value.to_owned(), format!("/mnt/{value}"), format!("a{value}")] {
                if harmless(field, value.trim_start_matches("/mnt/").trim_start_matches('a')) {
                    continue;
                }
                let text = field.replace('@', &quoted(&value));
                let Ok(definition) = ClusterDefinition::parse(&text) else { continue };
                let plain = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-.".contains(&b));
                let is_option = value.starts_with('-');
                assert!(plain && !is_option, "{value:?} came through {field:?}: {definition:?}");
            }
        }
    }
}

#[test]
fn large_hostile_files_are_read_to_the_end_and_refused() {
    let repeated = |piece: &str| piece.repeat((1 << 18) / piece.len() - 100);
    let numbered = |make: fn(usize) -> String| {
        let mut text = String::new();
        let mut number = 0;
        while text.len() < (1 << 18) - 200 {
            text.push_str(&make(number));
            number += 1;
        }
        text
    };
    let head = "[cluster]\nname = \"c\"\n[node.n]\n";
    let texts = [
        repeated("a b\n"),
        repeated("[x\n"),
        repeated("x = [\n"),
        repeated("{"),
        repeated("a = 1\n"),
        repeated("[node.n]\n"),
        repeated("\"\\q\""),
        format!("{head}{}", numbered(|n| format!("key{n} = 1\n"))),
        format!("{head}{}", numbered(|n| format!("mount.m{n}={{at=\"/x\",size=\"1 GiB\"}}\n"))),
        numbered(|n| format!("[node.g{n}]\ncount=0\n")),
        numbered(|n| format!("[node.g{n}]\ncount=10000\n")),
        numbered(|n| format!("[node.g{n}.mount.m]\nsize = 1 GB\n")),
    ];
    for text in texts {
        let begin: String = text.chars().take(80).collect();
        assert!(ClusterDefinition::parse(&text).is_err(), "{begin:?}");
    }
}
