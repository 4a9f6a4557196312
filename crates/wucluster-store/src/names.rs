//! What keys and places are made of.

/// Says what is wrong with a key: it is made of `[a-z0-9._-]` between slashes, and never leaves its place.
pub(crate) fn fault_of_key(key: &str) -> Option<&'static str> {
    if key.chars().any(|letter| letter.is_ascii_uppercase()) {
        return Some("a key has no capital letters");
    }
    fault_of_place(key)
}

/// Says what is wrong with where something is below a place: like a key, and with capital letters.
pub(crate) fn fault_of_place(place: &str) -> Option<&'static str> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    for part in place.split('/') {
        match part {
            "" => return Some("there must be something before, between and behind its slashes"),
            "." | ".." => return Some("`.` and `..` would leave its place"),
            _ if !part.chars().all(is_part) => {
                return Some("only letters, digits, `.`, `_` and `-` may be between its slashes");
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_leaves_its_place() {
        for key in ["leases/000000000042", "leases/000000000042.beat", "a", "a-b_c.d/e..f/.g"] {
            assert_eq!(fault_of_key(key), None, "{key}");
        }
        for key in ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "../a", "a/..", "a/./b"] {
            assert!(fault_of_key(key).is_some(), "{key}");
            assert!(fault_of_place(key).is_some(), "{key}");
        }
        for key in ["a b", "a#1", "a%2e", "a\\b", "a\0", "ä", "a\n", "a:b", "~"] {
            assert!(fault_of_key(key).is_some(), "{key}");
            assert!(fault_of_place(key).is_some(), "{key}");
        }
        assert!(fault_of_key("A").is_some());
        assert_eq!(fault_of_place("Team/A"), None);
    }
}
