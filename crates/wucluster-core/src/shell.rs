//! Words for shells: commands that are told can be copied.

/// Quotes a word for a shell, where it has signs that a shell would take for its own.
#[must_use]
pub fn quoted(word: &str) -> String {
    let is_plain =
        |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+' | ':' | '@' | '%');
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell_where_that_is_needed() {
        assert_eq!(quoted("a/b.cluster.toml"), "a/b.cluster.toml");
        assert_eq!(quoted("worker-*"), "'worker-*'");
        assert_eq!(quoted("my cluster's.toml"), r"'my cluster'\''s.toml'");
    }
}
