//! The listings of a look: by a filter, such as the cluster's tag, page by page, whole or not at all.
//!
//! Not by the SDK's paginator, which ends without a word where a token comes twice: half a listing would pass for
//! a whole one.

use std::collections::BTreeSet;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, Instance, Snapshot, Volume};
use wucluster_core::ids::ClusterName;
use wucluster_core::ports::CloudError;
use wucluster_core::tags::KEY_CLUSTER;

use crate::errors;

/// How many things a page may have. Source: EC2 API reference, `MaxResults`.
const PAGE: i32 = 1000;

/// What a listing came to, and what it cost.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    pub(crate) all: Vec<T>,
    pub(crate) requests: u32,
}

/// Makes the filter by the cluster's tag.
pub(crate) fn of_cluster(cluster: &ClusterName) -> Vec<Filter> {
    let tag = Filter::builder().name(format!("tag:{KEY_CLUSTER}"));
    vec![tag.values(literal(cluster.as_str())).build()]
}

/// Makes a filter's value that stands for itself only.
///
/// Source: EC2 API reference, `Filter`: `*` and `?` stand for anything, `\` takes that from them.
fn literal(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '*' | '?' | '\\') {
            value.push('\\');
        }
        value.push(letter);
    }
    value
}

/// Takes the next page's token. A page may be empty and have one; `None`: it was the last.
fn next(
    request: &str,
    token: Option<String>,
    before: &mut BTreeSet<String>,
) -> Result<Option<String>, CloudError> {
    match token.filter(|token| !token.is_empty()) {
        Some(token) if !before.insert(token.clone()) => {
            Err(errors::garbled(request, "its pages go round in a circle"))
        }
        token => Ok(token),
    }
}

macro_rules! listing {
    ($(#[$doc:meta])* $name:ident, $request:literal, $call:ident, $item:ty, $take:expr $(, $more:ident($value:expr))*) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// As [`errors::translate`]; when any page cannot be had.
        pub(crate) async fn $name(
            client: &Client,
            filters: Vec<Filter>,
        ) -> Result<Listed<$item>, CloudError> {
            let mut listed = Listed { all: Vec::new(), requests: 0 };
            let (mut token, mut before) = (None, BTreeSet::new());
            loop {
                let page = client
                    .$call()
                    .set_filters(Some(filters.clone()))
                    .max_results(PAGE)
                    $(.$more($value))*
                    .set_next_token(token)
                    .send()
                    .await
                    .map_err(|error| errors::translate($request, &error))?;
                listed.requests += 1;
                token = next($request, page.next_token.clone(), &mut before)?;
                listed.all.extend($take(page));
                if token.is_none() {
                    return Ok(listed);
                }
            }
        }
    };
}

listing!(
    /// Lists instances, terminated ones as long as they have their tags.
    instances,
    "DescribeInstances",
    describe_instances,
    Instance,
    |page: aws_sdk_ec2::operation::describe_instances::DescribeInstancesOutput| {
        page.reservations
            .unwrap_or_default()
            .into_iter()
            .flat_map(|reservation| reservation.instances.unwrap_or_default())
    }
);

listing!(
    /// Lists volumes.
    volumes,
    "DescribeVolumes",
    describe_volumes,
    Volume,
    |page: aws_sdk_ec2::operation::describe_volumes::DescribeVolumesOutput| {
        page.volumes.unwrap_or_default()
    }
);

listing!(
    /// Lists snapshots, of this account only: without that all public ones are gone through.
    snapshots,
    "DescribeSnapshots",
    describe_snapshots,
    Snapshot,
    |page: aws_sdk_ec2::operation::describe_snapshots::DescribeSnapshotsOutput| {
        page.snapshots.unwrap_or_default()
    },
    owner_ids("self")
);

/// Passes over an answer that there is no such thing.
fn or_none<T>(answer: Result<T, CloudError>) -> Result<Option<T>, CloudError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        // `InvalidVolume.NotFound`, and `InvalidVolumeID.Malformed` for what is no id.
        Err(error) if error.code.ends_with(".NotFound") || error.code.ends_with(".Malformed") => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Finds an instance by its id, whosever it is.
///
/// # Errors
/// As [`errors::translate`].
pub(crate) async fn instance(client: &Client, id: &str) -> Result<Option<Instance>, CloudError> {
    let answer = client.describe_instances().instance_ids(id).send().await;
    let found = or_none(answer.map_err(|error| errors::translate("DescribeInstances", &error)))?;
    let reservations = found.and_then(|page| page.reservations).unwrap_or_default();
    Ok(reservations.into_iter().flat_map(|one| one.instances.unwrap_or_default()).next())
}

/// Finds a volume by its id, whosever it is.
///
/// # Errors
/// As [`errors::translate`].
pub(crate) async fn volume(client: &Client, id: &str) -> Result<Option<Volume>, CloudError> {
    let answer = client.describe_volumes().volume_ids(id).send().await;
    let found = or_none(answer.map_err(|error| errors::translate("DescribeVolumes", &error)))?;
    Ok(found.and_then(|page| page.volumes).unwrap_or_default().into_iter().next())
}

/// Finds a snapshot of this account by its id: no other takes our tags.
///
/// # Errors
/// As [`errors::translate`].
pub(crate) async fn snapshot(client: &Client, id: &str) -> Result<Option<Snapshot>, CloudError> {
    let answer = client.describe_snapshots().snapshot_ids(id).owner_ids("self").send().await;
    let found = or_none(answer.map_err(|error| errors::translate("DescribeSnapshots", &error)))?;
    Ok(found.and_then(|page| page.snapshots).unwrap_or_default().into_iter().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_anything_is_taken_literally() {
        assert_eq!(literal(r"a*b?c\d"), r"a\*b\?c\\d");
        assert_eq!(literal("gibbon-1"), "gibbon-1");
    }

    #[test]
    fn a_token_that_comes_twice_is_no_end() {
        let mut before = BTreeSet::new();
        assert_eq!(next("DescribeVolumes", Some("a".into()), &mut before), Ok(Some("a".into())));
        assert_eq!(next("DescribeVolumes", Some(String::new()), &mut before), Ok(None));
        assert!(next("DescribeVolumes", Some("a".into()), &mut before).is_err());
    }
}
