//! Which store it is: an id that the cluster's resources are marked with, and how often the cluster was adopted.
//!
//! ```text
//! identity/000000000001    {"schema":"wucluster/identity/1","id":"6f2a...","adoptions":0,"place":"mill:/home/ann/..."}
//! identity/000000000002    the same id; the cluster was adopted for it, and its runs count as later than all before
//! ```
//!
//! It is drawn when the store is first used for a cluster, and never changes. Two operators with two stores see by it that
//! they do not see each other.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wucluster_core::ids::hex;
use wucluster_core::tags::StoreMark;

use super::lease::Lease;
use super::objects::{Created, Objects, create};
use super::tenure::Dismissed;

const SCHEMA: &str = "wucluster/identity/1";
const IDENTITY: &str = "identity";

#[derive(Debug, Serialize, Deserialize)]
struct Body {
    schema: String,
    #[serde(flatten)]
    mark: StoreMark,
    /// Makes the object one that nobody else would have written.
    nonce: String,
}

fn key_of(number: u64) -> String {
    format!("{IDENTITY}/{number:012}")
}

/// Reads which store it is; `None`: no cluster was driven from it so far.
///
/// # Errors
/// [`Dismissed::Store`] and [`Dismissed::Damaged`]: nothing may be driven from it then. What is damaged can be moved away,
/// and the cluster adopted anew.
pub async fn read(objects: &dyn Objects) -> Result<Option<StoreMark>, Dismissed> {
    Ok(newest(objects).await?.map(|(_, mark)| mark))
}

async fn newest(objects: &dyn Objects) -> Result<Option<(u64, StoreMark)>, Dismissed> {
    let listed = objects.list(IDENTITY).await?;
    let number = |key: &str| key.rsplit_once('/').and_then(|(_, name)| name.parse::<u64>().ok());
    let Some(number) = listed.iter().filter_map(|one| number(&one.key)).max() else {
        return Ok(None);
    };
    let key = key_of(number);
    let failed = |why: String| Dismissed::Damaged { key: key.clone(), place: objects.place(), why };
    let Some(body) = objects.get(&key).await? else {
        return Err(failed("it is listed and not there".to_owned()));
    };
    Ok(Some((number, parse(&body).map_err(failed)?)))
}

fn parse(body: &[u8]) -> Result<StoreMark, String> {
    let body: Body = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if body.schema != SCHEMA {
        return Err(format!("a later version wrote it ({})", body.schema));
    }
    // What cannot be read back from a tag would be everybody else's.
    match body.mark.to_string().parse() {
        Ok(mark) => Ok(mark),
        Err(()) => Err("its id is none".to_owned()),
    }
}

/// Reads which store it is, or draws an id for it.
///
/// # Errors
/// As [`read`].
pub(super) async fn open(objects: &dyn Objects, lease: &Lease) -> Result<StoreMark, Dismissed> {
    if let Some((_, mark)) = newest(objects).await? {
        return Ok(mark);
    }
    let id = hex(&Sha256::digest(lease.nonce.as_bytes())[..8]);
    let place = objects.place();
    // A path is one of many machines'.
    let place = match lease.operator.who.split_once('@') {
        Some((_, host)) if place.starts_with('/') => format!("{host}:{place}"),
        _ => place,
    };
    make(objects, 1, StoreMark::new(&id, 0, &place), &lease.nonce).await
}

async fn make(
    objects: &dyn Objects,
    number: u64,
    mark: StoreMark,
    nonce: &str,
) -> Result<StoreMark, Dismissed> {
    let body = Body { schema: SCHEMA.to_owned(), mark, nonce: nonce.to_owned() };
    let bytes = serde_json::to_vec(&body).unwrap_or_default();
    match create(objects, &key_of(number), &bytes).await? {
        Created::Ours => Ok(body.mark),
        Created::Theirs(bytes) => parse(&bytes).map_err(|why| Dismissed::Damaged {
            key: key_of(number),
            place: objects.place(),
            why,
        }),
    }
}

/// Writes down that a person adopts the cluster for this store: whoever drove it from another one, up to so many
/// adoptions, counts as earlier from then on.
///
/// # Errors
/// As [`read`].
pub(super) async fn adopt(
    objects: &dyn Objects,
    lease: &Lease,
    seen: u64,
) -> Result<StoreMark, Dismissed> {
    let own = open(objects, lease).await?;
    if own.adoptions > seen {
        return Ok(own);
    }
    let number = newest(objects).await?.map_or(0, |(number, _)| number);
    make(objects, number + 1, StoreMark { adoptions: seen + 1, ..own }, &lease.nonce).await
}

#[cfg(test)]
mod tests {
    use super::super::lease::{Operator, Purpose};
    use super::super::objects::MemoryObjects;
    use super::*;

    fn lease(nonce: &str) -> Lease {
        Lease {
            schema: String::new(),
            run: 1,
            nonce: nonce.to_owned(),
            operator: Operator { who: "ann@mill".to_owned(), ..Operator::default() },
            purpose: Purpose { command: String::new(), demand: None, only: Vec::new() },
            since: wucluster_core::time::Timestamp::default(),
            took_over: None,
            fence: 0,
        }
    }

    fn at_once<T>(done: impl Future<Output = T>) -> T {
        futures_util::future::FutureExt::now_or_never(done).unwrap()
    }

    #[test]
    fn an_id_is_drawn_once_and_kept() {
        let objects = MemoryObjects::default();
        assert_eq!(at_once(read(&objects)).unwrap(), None);
        let first = at_once(open(&objects, &lease("a"))).unwrap();
        let again = at_once(open(&objects, &lease("b"))).unwrap();
        assert_eq!(first, again);
        assert_eq!((first.adoptions, first.place.as_str()), (0, "memory"));
        let other = at_once(open(&MemoryObjects::default(), &lease("b"))).unwrap();
        assert_ne!(first.id, other.id);
    }

    #[test]
    fn each_adoption_is_later_than_all_that_were_seen() {
        let objects = MemoryObjects::default();
        let first = at_once(adopt(&objects, &lease("a"), 4)).unwrap();
        assert_eq!(first.adoptions, 5);
        assert_eq!(at_once(read(&objects)).unwrap(), Some(first.clone()));
        // Repeated, after it was interrupted: what is still the other's was seen before.
        assert_eq!(at_once(adopt(&objects, &lease("b"), 4)).unwrap(), first);
        assert_eq!(at_once(adopt(&objects, &lease("c"), 5)).unwrap().adoptions, 6);
        assert!(first.fence(1) > StoreMark { adoptions: 4, ..first.clone() }.fence(999_999));
    }

    #[test]
    fn what_is_damaged_is_nobody_s() {
        let objects = MemoryObjects::default();
        at_once(open(&objects, &lease("a"))).unwrap();
        let whole = at_once(objects.get(&key_of(1))).unwrap().unwrap();
        for end in 0..whole.len() {
            at_once(objects.put(&key_of(1), &whole[..end])).unwrap();
            assert!(at_once(read(&objects)).is_err(), "cut at {end}");
            assert!(at_once(open(&objects, &lease("b"))).is_err());
        }
    }
}
