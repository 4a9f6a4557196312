//! The form of what is kept in a store: lines of JSON between a head and a checksum, each object naming the one before.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wucluster_core::ids::hex;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub schema: String,
    /// Which run wrote it.
    pub run: u64,
    /// Its number.
    pub seq: u64,
    /// The checksum of the object before it; empty for the first.
    pub before: String,
    pub nonce: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Tail {
    end: String,
}

/// Puts an object together; returns its body and checksum.
pub(super) fn compose<T: Serialize>(head: &Head, items: &[T]) -> (Vec<u8>, String) {
    let mut body = Vec::new();
    let mut line = |value: serde_json::Result<Vec<u8>>| {
        // Nothing of it is what JSON cannot hold.
        body.extend(value.unwrap_or_default());
        body.push(b'\n');
    };
    line(serde_json::to_vec(head));
    for item in items {
        line(serde_json::to_vec(item));
    }
    let sum = hex(&Sha256::digest(&body));
    let tail = Tail { end: sum.clone() };
    body.extend(serde_json::to_vec(&tail).unwrap_or_default());
    body.push(b'\n');
    (body, sum)
}

/// Why an object is not what it should be.
pub(super) enum Bad {
    /// It ends before its end.
    Short,
    Wrong(String),
    Newer(String),
}

/// Reads an object of that schema; returns its head, its items and its checksum.
pub(super) fn parse<T: for<'de> Deserialize<'de>>(
    schema: &str,
    body: &[u8],
) -> Result<(Head, Vec<T>, String), Bad> {
    let wrong = |why: &str| Bad::Wrong(why.to_owned());
    let text = std::str::from_utf8(body).map_err(|_| wrong("it is no text"))?;
    let first = text.lines().next().unwrap_or_default();
    let Ok(head) = serde_json::from_str::<Head>(first) else {
        // A later version may have another head; a torn one is cut off anywhere.
        let other = serde_json::from_str::<serde_json::Value>(first).ok();
        let other = other.as_ref().and_then(|head| head.get("schema")?.as_str());
        return Err(match other {
            Some(other) if other != schema => Bad::Newer(other.to_owned()),
            _ => Bad::Short,
        });
    };
    if head.schema != schema {
        return Err(Bad::Newer(head.schema));
    }
    let Some(whole) = text.strip_suffix('\n') else { return Err(Bad::Short) };
    let Some((above, last)) = whole.rsplit_once('\n') else { return Err(Bad::Short) };
    let Ok(tail) = serde_json::from_str::<Tail>(last) else { return Err(Bad::Short) };
    let sum = hex(&Sha256::digest(format!("{above}\n")));
    if sum != tail.end {
        return Err(wrong("its checksum is another one"));
    }
    let items = above.lines().skip(1).map(serde_json::from_str::<T>);
    let items = items.collect::<Result<Vec<_>, _>>();
    let items = items.map_err(|error| Bad::Wrong(format!("a line makes no sense: {error}")))?;
    Ok((head, items, sum))
}
