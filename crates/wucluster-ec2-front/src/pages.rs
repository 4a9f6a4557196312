//! Pages of a listing.
//!
//! Each page is a look of its own, which goes on after the last id of the page before: what changes between two pages may be
//! missed or seen late, as with any listing that goes on for long.

use crate::form::Form;
use crate::refusal::{Failure, misunderstood, refuse};

/// What a token begins with.
const MARK: &str = "after/";

/// Which page is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    after: Option<String>,
    length_max: usize,
    is_asked_for: bool,
}

impl Page {
    /// Takes it from a request; `length_max` is the most that the server ever puts on one.
    pub(crate) fn take(form: &mut Form, length_max: usize) -> Result<Self, Failure> {
        let asked: Option<usize> = form.read_as("MaxResults")?;
        // Source: EC2 API reference, `DescribeInstances`: from 5 to 1000.
        if asked.is_some_and(|asked| !(5..=1000).contains(&asked)) {
            let why = "MaxResults is from 5 to 1000";
            return Err(misunderstood("InvalidParameterValue", why));
        }
        let after = match form.take("NextToken") {
            None => None,
            Some(token) => match token.strip_prefix(MARK) {
                Some(id) => Some(id.to_owned()),
                None => return Err(refuse("InvalidNextToken", "The token is not valid")),
            },
        };
        // Without a length a listing of EC2 comes whole.
        let length_max = asked.map_or(usize::MAX, |asked| asked.min(length_max));
        Ok(Self { after, length_max, is_asked_for: asked.is_some() })
    }

    /// Says whether pages were asked for, which does not go with ids.
    pub(crate) fn is_asked_for(&self) -> bool {
        self.is_asked_for
    }

    /// Returns what is on the page, of all that there is, and the token of the next one.
    pub(crate) fn of<T>(
        &self,
        mut all: Vec<T>,
        id: impl Fn(&T) -> &str,
    ) -> (Vec<T>, Option<String>) {
        all.sort_by(|a, b| id(a).cmp(id(b)));
        all.retain(|one| self.after.as_deref().is_none_or(|after| id(one) > after));
        let has_more = all.len() > self.length_max;
        all.truncate(self.length_max);
        let last = all.last().filter(|_| has_more);
        let next = last.map(|last| format!("{MARK}{}", id(last)));
        (all, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_go_on_where_the_last_one_ended() {
        let all = || (0..12).rev().map(|n| format!("i-{n:02}")).collect::<Vec<_>>();
        let (mut seen, mut token) = (Vec::new(), None::<String>);
        for _ in 0..3 {
            let next = token.map_or(String::new(), |token| format!("&NextToken={token}"));
            let mut form = Form::read(format!("MaxResults=1000{next}").as_bytes());
            let page = Page::take(&mut form, 5).unwrap();
            let (items, next) = page.of(all(), String::as_str);
            seen.extend(items);
            token = next;
        }
        assert_eq!((seen.len(), token), (12, None));
        assert!(seen.is_sorted());
        assert!(Page::take(&mut Form::read(b"MaxResults=4"), 5).is_err());
        assert!(Page::take(&mut Form::read(b"NextToken=mine"), 5).is_err());
    }
}
