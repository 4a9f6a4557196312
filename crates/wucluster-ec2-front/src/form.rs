//! The parameters of a request. Each is taken by whoever understands it; what is left in the end is refused.

use std::collections::BTreeMap;
use std::str::FromStr;

use wucluster_core::tags::Tags;

use crate::refusal::{Failure, misunderstood, refuse};

/// The parameters that nobody has taken yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads the body of a request.
    pub(crate) fn read(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// Says whether a parameter is there that nobody has taken.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Takes a parameter.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// Takes a parameter that must be there.
    pub(crate) fn need(&mut self, name: &str) -> Result<String, Failure> {
        let missing =
            || refuse("MissingParameter", format!("The request must contain the parameter {name}"));
        self.take(name).filter(|value| !value.is_empty()).ok_or_else(missing)
    }

    /// Takes a parameter and reads it.
    pub(crate) fn read_as<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, Failure> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match value.parse() {
            Ok(read) => Ok(Some(read)),
            Err(_) => Err(misunderstood(
                "InvalidParameterValue",
                format!("Value ({value}) for parameter {name} is invalid"),
            )),
        }
    }

    /// Takes a list: `name.1`, `name.2` and so on.
    pub(crate) fn list(&mut self, name: &str) -> Vec<String> {
        (1..).map_while(|at| self.take(&format!("{name}.{at}"))).collect()
    }

    /// Takes tags: `name.1.Key`, `name.1.Value` and so on.
    pub(crate) fn tags(&mut self, name: &str) -> Tags {
        let mut tags = Tags::default();
        for at in 1.. {
            let Some(key) = self.take(&format!("{name}.{at}.Key")) else { break };
            tags.set(&key, self.take(&format!("{name}.{at}.Value")).unwrap_or_default());
        }
        tags
    }

    /// Takes the tags for each type of thing that is made.
    pub(crate) fn tag_specifications(&mut self) -> Result<BTreeMap<String, Tags>, Failure> {
        let mut all = BTreeMap::new();
        for at in 1.. {
            let name = format!("TagSpecification.{at}");
            let Some(kind) = self.take(&format!("{name}.ResourceType")) else { break };
            let tags = self.tags(&format!("{name}.Tag"));
            if all.insert(kind.clone(), tags).is_some() {
                let why = format!("the resource type {kind} is specified twice");
                return Err(misunderstood("InvalidParameterValue", why));
            }
        }
        Ok(all)
    }

    /// Ends the reading: refuses what nobody took, and a request that is only tried.
    ///
    /// Nothing may be asked of the cloud before.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let is_dry = self.read_as::<bool>("DryRun")?.unwrap_or_default();
        if let Some((name, value)) = self.0.first_key_value() {
            let why = format!("The parameter {name} is not recognized (its value is {value:?})");
            return Err(misunderstood("UnknownParameter", why));
        }
        if is_dry {
            let why = "Request would have succeeded, but DryRun flag is set.";
            return Err(refuse("DryRunOperation", why));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(failure: Result<(), Failure>) -> (String, bool) {
        match failure {
            Err(Failure::Refused(refusal)) => (refusal.code, refusal.is_misunderstood),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_nobody_takes_is_refused_and_a_dry_run_only_if_all_was_taken() {
        let body = b"InstanceId.1=i-1&InstanceId.2=i-2&Tag.1.Key=a+b&Tag.1.Value=%3C&DryRun=true";
        let mut form = Form::read(body);
        assert_eq!(form.list("InstanceId"), ["i-1", "i-2"]);
        let half = form.clone();
        assert_eq!(code(half.finish()), ("UnknownParameter".to_owned(), true));
        assert_eq!(form.tags("Tag").get("a b"), Some("<"));
        assert_eq!(code(form.finish()), ("DryRunOperation".to_owned(), false));
    }

    #[test]
    fn a_list_with_a_hole_is_not_understood() {
        let mut form = Form::read(b"VolumeId.1=vol-1&VolumeId.3=vol-3");
        assert_eq!(form.list("VolumeId"), ["vol-1"]);
        assert_eq!(code(form.finish()), ("UnknownParameter".to_owned(), true));
    }
}
