//! Filters of listings.

use wucluster_core::ids::ClusterName;
use wucluster_core::tags::{KEY_CLUSTER, Tags};

use crate::form::Form;
use crate::refusal::{Failure, misunderstood};

/// A filter: one of its values must fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    name: String,
    values: Vec<String>,
}

/// All filters of a listing: each of them must fit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filters {
    all: Vec<Filter>,
    /// The name of the filter by ids, such as `instance-id`.
    id: &'static str,
    /// The names of filters by something else.
    others: &'static [&'static str],
}

impl Filters {
    /// Takes the filters of a request. `id` is the name of the one by ids; beside it those by tags are known, and `others`.
    pub(crate) fn take(
        form: &mut Form,
        id: &'static str,
        others: &'static [&'static str],
    ) -> Result<Self, Failure> {
        let mut all = Vec::new();
        for at in 1.. {
            let Some(name) = form.take(&format!("Filter.{at}.Name")) else { break };
            let values = form.list(&format!("Filter.{at}.Value"));
            if name != id && !name.starts_with("tag:") && !others.contains(&name.as_str()) {
                let why = format!("The filter '{name}' is invalid");
                return Err(misunderstood("InvalidParameterValue", why));
            }
            all.push(Filter { name, values });
        }
        Ok(Self { all, id, others })
    }

    /// Returns the one cluster that they are about, if they name it.
    pub(crate) fn cluster(&self) -> Result<Option<ClusterName>, Failure> {
        let name = format!("tag:{KEY_CLUSTER}");
        let Some(filter) = self.all.iter().find(|filter| filter.name == name) else {
            return Ok(None);
        };
        let named = match filter.values.as_slice() {
            [one] => literal(one).and_then(|name| ClusterName::new(name).ok()),
            _ => None,
        };
        named.map(Some).ok_or_else(|| {
            let why = format!("the filter {name} must name one cluster here: {:?}", filter.values);
            misunderstood("InvalidParameterValue", why)
        })
    }

    /// Returns the ids that they name one by one, if they do.
    pub(crate) fn ids(&self) -> Option<Vec<String>> {
        let filter = self.all.iter().find(|filter| filter.name == self.id)?;
        filter.values.iter().map(|value| literal(value)).collect()
    }

    /// Says whether they are about all of the account, by something else than a tag or an id.
    pub(crate) fn are_about_all(&self) -> bool {
        !self.all.is_empty() && self.all.iter().all(|filter| self.is_other(filter))
    }

    fn is_other(&self, filter: &Filter) -> bool {
        self.others.contains(&filter.name.as_str())
    }

    /// Says whether a thing with that value is to be listed, if there is a filter of that name.
    pub(crate) fn allows(&self, name: &str, value: &str) -> bool {
        let named = self.all.iter().filter(|filter| filter.name == name);
        named.into_iter().all(|filter| filter.values.iter().any(|pattern| fits(pattern, value)))
    }

    /// Says whether a thing is to be listed, by its id and tags.
    pub(crate) fn fit(&self, id: &str, tags: &Tags) -> bool {
        self.all.iter().filter(|filter| !self.is_other(filter)).all(|filter| {
            let value = match filter.name.strip_prefix("tag:") {
                Some(key) => tags.get(key),
                None => Some(id),
            };
            value.is_some_and(|value| filter.values.iter().any(|pattern| fits(pattern, value)))
        })
    }
}

/// A letter of a filter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Letter {
    One(char),
    Any,
    Some,
}

/// Reads a filter's value. Source: EC2 API reference, `Filter`: `*` and `?` stand for anything, `\` takes that from them.
fn letters(pattern: &str) -> Vec<Letter> {
    let mut all = Vec::new();
    let mut rest = pattern.chars();
    while let Some(letter) = rest.next() {
        all.push(match letter {
            '*' => Letter::Some,
            '?' => Letter::Any,
            '\\' => Letter::One(rest.next().unwrap_or('\\')),
            letter => Letter::One(letter),
        });
    }
    all
}

/// Returns what a value stands for, if that is one text only.
fn literal(pattern: &str) -> Option<String> {
    let one = |letter: Letter| match letter {
        Letter::One(letter) => Some(letter),
        Letter::Any | Letter::Some => None,
    };
    letters(pattern).into_iter().map(one).collect()
}

fn fits(pattern: &str, text: &str) -> bool {
    fn rest(pattern: &[Letter], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([Letter::Some, more @ ..], _) => {
                (0..=text.len()).any(|skipped| rest(more, &text[skipped..]))
            }
            ([Letter::Any, more @ ..], [_, others @ ..]) => rest(more, others),
            ([Letter::One(a), more @ ..], [b, others @ ..]) if a == b => rest(more, others),
            _ => false,
        }
    }
    rest(&letters(pattern), &text.chars().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything_unless_they_are_escaped() {
        assert!(fits("gib*n", "gibbon") && fits("?bbon", "xbbon") && fits(r"a\*", "a*"));
        assert!(!fits(r"a\*", "ab") && !fits("?", "") && !fits("a", "ab"));
        assert_eq!(literal(r"a\*b"), Some("a*b".to_owned()));
        assert_eq!(literal("a*b"), None);
    }

    #[test]
    fn a_filter_that_is_not_known_is_not_understood() {
        let mut form = Form::read(b"Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-1");
        let refused =
            Filters::take(&mut form, "instance-id", &["instance-state-name"]).unwrap_err();
        assert!(matches!(refused, Failure::Refused(refusal) if refusal.is_misunderstood));
    }

    #[test]
    fn a_filter_by_something_else_is_about_all_and_fits_by_its_own_value() {
        let body = b"Filter.1.Name=volume-type&Filter.1.Value.1=gp3&Filter.1.Value.2=io1";
        let filters = Filters::take(&mut Form::read(body), "volume-id", &["volume-type"]).unwrap();
        assert!(filters.are_about_all() && filters.fit("vol-1", &Tags::default()));
        assert!(filters.allows("volume-type", "io1") && !filters.allows("volume-type", "gp2"));
        assert!(!Filters::default().are_about_all());
    }

    #[test]
    fn every_filter_must_fit_and_one_of_its_values() {
        let body = b"Filter.1.Name=tag:a&Filter.1.Value.1=1&Filter.1.Value.2=2&Filter.2.Name=volume-id&Filter.2.Value.1=vol-1";
        let filters = Filters::take(&mut Form::read(body), "volume-id", &[]).unwrap();
        let mut tags = Tags::default();
        tags.set("a", "2");
        assert!(filters.fit("vol-1", &tags) && !filters.fit("vol-2", &tags));
        assert!(!filters.fit("vol-1", &Tags::default()));
        assert_eq!(filters.ids(), Some(vec!["vol-1".to_owned()]));
    }
}
