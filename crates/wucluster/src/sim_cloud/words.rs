//! A command line for a simulated node, taken apart: words, where output goes, what follows what.

use std::iter::Peekable;
use std::str::Chars;

/// One command with its words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Simple {
    /// The words, quotes removed.
    pub(crate) words: Vec<String>,
    /// The file that its output goes to, and whether it is added to what is there.
    pub(crate) into: Option<(String, bool)>,
    /// When it runs, by how the one before it ended.
    pub(crate) when: After,
}

/// When a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum After {
    /// In any case: `;`, `&`, a new line, or it is the first.
    #[default]
    Any,
    /// If the one before it succeeded: `&&`.
    Success,
    /// If the one before it failed: `||`.
    Failure,
}

/// Takes a command line apart.
///
/// # Errors
/// Says what a simulated node does not know.
pub(crate) fn commands(line: &str) -> Result<Vec<Simple>, String> {
    let mut commands = Vec::new();
    let mut simple = Simple::default();
    let mut rest = line.chars().peekable();
    loop {
        while rest.next_if(|c| *c == ' ' || *c == '\t').is_some() {}
        let Some(&c) = rest.peek() else { break };
        match c {
            ';' | '\n' | '&' | '|' => {
                rest.next();
                let is_double = rest.next_if_eq(&c).is_some();
                let when = match (c, is_double) {
                    ('&', true) => After::Success,
                    ('|', true) => After::Failure,
                    ('|', false) => return Err(unknown("|")),
                    (_, _) => After::Any,
                };
                push(&mut commands, &mut simple);
                simple.when = when;
            }
            '>' => {
                rest.next();
                let adds = rest.next_if_eq(&'>').is_some();
                while rest.next_if_eq(&' ').is_some() {}
                let file = word(&mut rest)?;
                if file.is_empty() {
                    return Err("a file is missing behind `>`".to_owned());
                }
                simple.into = Some((file, adds));
            }
            '<' | '(' | ')' | '`' => return Err(unknown(&c.to_string())),
            '#' => break,
            _ => simple.words.push(word(&mut rest)?),
        }
    }
    push(&mut commands, &mut simple);
    Ok(commands)
}

fn push(commands: &mut Vec<Simple>, simple: &mut Simple) {
    let simple = std::mem::take(simple);
    if !simple.words.is_empty() || simple.into.is_some() {
        commands.push(simple);
    }
}

fn unknown(what: &str) -> String {
    format!("a simulated node does not know `{what}`")
}

fn word(rest: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    let mut word = String::new();
    while let Some(&c) = rest.peek() {
        match c {
            ' ' | '\t' | '\n' | ';' | '&' | '|' | '>' | '<' | '(' | ')' => break,
            '$' | '`' => return Err(unknown(&c.to_string())),
            '\\' => {
                rest.next();
                word.extend(rest.next());
            }
            '\'' | '"' => {
                rest.next();
                quoted(c, rest, &mut word)?;
            }
            _ => {
                rest.next();
                word.push(c);
            }
        }
    }
    Ok(word)
}

fn quoted(quote: char, rest: &mut Peekable<Chars<'_>>, word: &mut String) -> Result<(), String> {
    loop {
        match rest.next() {
            None => return Err(format!("a closing {quote} is missing")),
            Some(c) if c == quote => return Ok(()),
            Some('\\') if quote == '"' => word.extend(rest.next()),
            Some(c @ ('$' | '`')) if quote == '"' => return Err(unknown(&c.to_string())),
            Some(c) => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Told = (String, Option<(String, bool)>, After);

    fn told(line: &str) -> Vec<Told> {
        let commands = commands(line).unwrap().into_iter();
        commands.map(|one| (one.words.join("_"), one.into, one.when)).collect()
    }

    #[test]
    fn a_line_is_taken_apart_as_a_shell_would() {
        let note = Some(("/mnt/home/note".to_owned(), false));
        assert_eq!(
            told("echo 'a b' \"c'd\" e\\ f >/mnt/home/note"),
            [("echo_a b_c'd_e f".to_owned(), note, After::Any)]
        );
        assert_eq!(
            told("echo x >> f; cat f && sync || false # end"),
            [
                ("echo_x".to_owned(), Some(("f".to_owned(), true)), After::Any),
                ("cat_f".to_owned(), None, After::Any),
                ("sync".to_owned(), None, After::Success),
                ("false".to_owned(), None, After::Failure),
            ]
        );
        assert_eq!(told("tail -f f &").len(), 1);
        assert!(told(" ; ;").is_empty());
    }

    #[test]
    fn what_is_not_known_is_said_and_never_guessed() {
        for line in ["ls | wc", "echo $HOME", "echo `id`", "echo \"$x\"", "(ls)", "cat <f"] {
            assert!(commands(line).unwrap_err().contains("does not know"), "{line}");
        }
        assert!(commands("echo 'a").unwrap_err().contains("missing"));
        assert!(commands("echo a >").unwrap_err().contains("missing"));
    }
}
