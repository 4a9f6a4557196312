//! How data travels to a node and back: one word or field each, never shell text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Writes a value as one word of a request.
///
/// `=` and the value itself, where it is made of harmless characters; otherwise `+` and base64 of the
/// value and a dot, by which the node sees that nothing was cut.
pub(super) fn word(value: &str) -> String {
    let harmless = |b: u8| b.is_ascii_alphanumeric() || b"._/:,@%+=-".contains(&b);
    if value.bytes().all(harmless) {
        format!("={value}")
    } else {
        format!("+{}", STANDARD.encode(format!("{value}.")))
    }
}

/// Reads one field of an answer: `=text`, or `+` and base64. Anything else is none.
pub(super) fn field(text: &str) -> Option<String> {
    if let Some(plain) = text.strip_prefix('=') {
        return Some(plain.to_owned());
    }
    let bytes = STANDARD.decode(text.strip_prefix('+')?).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Splits an answer into lines of fields. What follows the last newline was cut, and is left out.
pub(super) fn lines(output: &[u8]) -> Vec<Vec<String>> {
    let whole = output.iter().rposition(|&b| b == b'\n').map_or(&[][..], |end| &output[..end]);
    String::from_utf8_lossy(whole)
        .split('\n')
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

/// Cleans text of a node for people: no control characters or terminal codes, and only its end when
/// it is longer than `length_max` characters. Newlines stay.
pub(super) fn clean(text: &str, length_max: usize) -> String {
    let mut cleaned = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => {
                // A terminal code: `ESC [`, parameters, and one letter.
                if rest.next_if_eq(&'[').is_some() {
                    while rest.next_if(|c| ('\u{20}'..'\u{40}').contains(c)).is_some() {}
                    rest.next_if(|c| ('\u{40}'..'\u{7f}').contains(c));
                }
            }
            '\n' => cleaned.push('\n'),
            '\t' | '\0' => cleaned.push(' '),
            // Marks that turn the direction of writing can make text read as another.
            '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}' => {}
            c if c.is_control() => {}
            c => cleaned.push(c),
        }
    }
    let cleaned = cleaned.trim();
    match cleaned.char_indices().rev().nth(length_max.saturating_sub(1)) {
        Some((start, _)) if start > 0 => format!("…{}", &cleaned[start..]),
        Some(_) | None => cleaned.to_owned(),
    }
}

/// Cleans text like [`clean`], and makes it one line.
pub(super) fn clean_line(text: &str, length_max: usize) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    clean(&lines.join("; "), length_max)
}

/// Says whether a serial number is one that a node would tell: letters, digits, `.`, `_`, `-`.
pub(super) fn is_serial(serial: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    !serial.is_empty() && serial.len() <= 64 && serial.bytes().all(good)
}

/// Says whether a hook's environment may hold a variable of that name.
pub(super) fn is_variable(name: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    !name.is_empty()
        && name.len() <= 128
        && name.bytes().all(good)
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.starts_with("wu_")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn harmless_values_travel_as_they_are_and_others_in_base64() {
        assert_eq!(word("vol0123"), "=vol0123");
        assert_eq!(word(""), "=");
        assert_eq!(word("a b"), "+YSBiLg==");
        assert_eq!(word("$(id)\n").get(..1), Some("+"));
    }

    #[test]
    fn terminal_codes_and_turning_marks_are_removed() {
        assert_eq!(
            clean("\u{1b}[1;31mred\u{1b}[0m \u{7}bell\u{202e}x\r\nnext\tone", 100),
            "red bellx\nnext one"
        );
        assert_eq!(clean("0123456789", 4), "…6789");
        assert_eq!(clean("0123", 4), "0123");
        assert_eq!(clean_line("a\n\n  b\n", 100), "a; b");
    }

    #[test]
    fn a_line_without_its_newline_is_left_out() {
        assert_eq!(lines(b"a\tb\nend"), [["a".to_owned(), "b".to_owned()]]);
        assert!(lines(b"end").iter().all(|line| line == &[""]));
    }

    #[test]
    fn names_of_variables_follow_the_shells_rule() {
        assert!(is_variable("WUCLUSTER_NODE") && is_variable("http_proxy") && is_variable("_x"));
        for bad in ["", "1A", "A-B", "A B", "A=B", "Ä", "wu_env_count", "A\n"] {
            assert!(!is_variable(bad), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn every_word_is_free_of_blanks_and_quotes(value in any::<String>()) {
            let word = word(&value);
            prop_assert!(word.bytes().all(|b| b.is_ascii_graphic() && !b"'\"`$\\;&|<>()*?[]#~!".contains(&b)));
        }

        #[test]
        fn cleaning_never_leaves_a_control_character_and_keeps_the_limit(text in any::<String>(), most in 0_usize..50) {
            let cleaned = clean(&text, most);
            prop_assert!(cleaned.chars().all(|c| c == '\n' || !c.is_control()));
            prop_assert!(cleaned.chars().count() <= most.max(1) + 1);
        }

        #[test]
        fn arbitrary_bytes_never_break_reading(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for line in lines(&bytes) {
                for text in line {
                    let _ = field(&text);
                }
            }
        }
    }
}
