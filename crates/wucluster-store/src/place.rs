//! A place in a store: what the port to an object store is implemented on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use object_store::path::Path as Key;
use object_store::{Error, GetOptions, ObjectStore, PutMode, PutOptions, PutPayload};
use wucluster_core::time::Timestamp;
use wucluster_engine::store::objects::{Listed, Objects, ObjectsError};

use crate::error::OpenError;
use crate::names::{fault_of_key, fault_of_place};
use crate::words::{is_denied, is_whole_store_missing, words};

/// The largest body that is written or read. Unit: bytes.
///
/// Source: far more than any object of a lease or a journal, and no more than any machine can hold at once.
pub const MAX_BODY_BYTES: usize = 64 << 20;

/// A place in a folder or a bucket, below which all keys are.
///
/// Cloning is cheap, and clones share connections.
#[derive(Clone)]
pub struct Place {
    store: Arc<dyn ObjectStore>,
    /// Where the keys begin: empty, or without slashes at its ends.
    prefix: String,
    /// Where the store is, for people, without the prefix.
    root: String,
    /// After how long a call has failed; `None`: when it says so itself.
    limit: Option<Duration>,
}

/// What one call is about.
#[derive(Clone, Copy)]
struct Call<'a> {
    what: &'static str,
    key: &'a str,
}

impl Place {
    pub(crate) fn new(
        store: Arc<dyn ObjectStore>,
        prefix: &str,
        root: String,
        limit: Option<Duration>,
    ) -> Self {
        Self { store, prefix: prefix.to_owned(), root, limit }
    }

    /// Returns the place below this one, such as `local/gibbon` for the keys of a cluster.
    ///
    /// Nothing is made: a place is there as soon as an object is in it.
    ///
    /// # Errors
    /// [`OpenError::Malformed`] when it would not be below: an empty part, `.`, `..`, or other signs than letters,
    /// digits, `.`, `_`, `-` and slashes between them.
    pub fn below(&self, place: &str) -> Result<Self, OpenError> {
        if let Some(why) = fault_of_place(place) {
            let url = format!("{}/{place}", self.place());
            return Err(OpenError::Malformed { url, why: why.to_owned() });
        }
        let prefix = self.name_of(place);
        Ok(Self { prefix, ..self.clone() })
    }

    /// Returns the name in the store of what is below this place.
    fn name_of(&self, key: &str) -> String {
        if self.prefix.is_empty() { key.to_owned() } else { format!("{}/{key}", self.prefix) }
    }

    fn key_of(&self, call: Call<'_>) -> Result<Key, ObjectsError> {
        if let Some(why) = fault_of_key(call.key) {
            return Err(self.error(call, why.to_owned(), false));
        }
        let name = self.name_of(call.key);
        Key::parse(&name).map_err(|error| self.error(call, error.to_string(), false))
    }

    fn error(&self, call: Call<'_>, why: String, is_denied: bool) -> ObjectsError {
        let Call { what, key } = call;
        ObjectsError { what, key: key.to_owned(), place: self.place(), why, is_denied }
    }

    fn too_large(&self, call: Call<'_>) -> ObjectsError {
        let why = format!("it is larger than {} MiB", MAX_BODY_BYTES >> 20);
        self.error(call, why, false)
    }

    /// Waits for the store, and no longer than the limit.
    async fn within<T>(
        &self,
        call: Call<'_>,
        asked: impl Future<Output = Result<T, Error>>,
    ) -> Result<Result<T, Error>, ObjectsError> {
        let Some(limit) = self.limit else { return Ok(asked.await) };
        tokio::time::timeout(limit, asked).await.map_err(|_| {
            let why = format!("no answer within {} s; is the network there?", limit.as_secs());
            self.error(call, why, false)
        })
    }

    fn failed(&self, call: Call<'_>, error: &Error) -> ObjectsError {
        self.error(call, words(error), is_denied(error))
    }

    async fn write(
        &self,
        call: Call<'_>,
        body: &[u8],
        mode: PutMode,
    ) -> Result<bool, ObjectsError> {
        let key = self.key_of(call)?;
        if body.len() > MAX_BODY_BYTES {
            return Err(self.too_large(call));
        }
        let payload = PutPayload::from(body.to_owned());
        let asked = self.store.put_opts(&key, payload, PutOptions::from(mode));
        match self.within(call, asked).await? {
            Ok(_) => Ok(true),
            // Buckets answer so too while somebody else is making it: it was not made by this call.
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(self.failed(call, &error)),
        }
    }

    /// Reads a body; `Ok(None)` where it is too large.
    async fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        let found = self.store.get_opts(key, GetOptions::default()).await?;
        if found.meta.size > MAX_BODY_BYTES as u64 {
            return Ok(None);
        }
        let mut parts = found.into_stream();
        let mut body = Vec::new();
        while let Some(part) = parts.try_next().await? {
            if body.len() + part.len() > MAX_BODY_BYTES {
                return Ok(None);
            }
            body.extend_from_slice(&part);
        }
        Ok(Some(body))
    }
}

/// Tells the place alone: a client for buckets would tell its credentials.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.place()).finish()
    }
}

#[async_trait]
impl Objects for Place {
    async fn put_new(&self, key: &str, body: &[u8]) -> Result<bool, ObjectsError> {
        self.write(Call { what: "make", key }, body, PutMode::Create).await
    }

    async fn put(&self, key: &str, body: &[u8]) -> Result<(), ObjectsError> {
        let call = Call { what: "write", key };
        if self.write(call, body, PutMode::Overwrite).await? {
            return Ok(());
        }
        Err(self.error(call, "somebody else is writing it".to_owned(), false))
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ObjectsError> {
        let call = Call { what: "read", key };
        let name = self.key_of(call)?;
        match self.within(call, self.read(&name)).await? {
            Ok(Some(body)) => Ok(Some(body)),
            Ok(None) => Err(self.too_large(call)),
            Err(error @ Error::NotFound { .. }) if !is_whole_store_missing(&error) => Ok(None),
            Err(error) => Err(self.failed(call, &error)),
        }
    }

    /// Passes over what has a name that no key has: it is not from us.
    async fn list(&self, folder: &str) -> Result<Vec<Listed>, ObjectsError> {
        let call = Call { what: "list", key: folder };
        let name = self.key_of(call)?;
        let asked = self.store.list(Some(&name)).try_collect::<Vec<_>>();
        let found = match self.within(call, asked).await? {
            Ok(found) => found,
            Err(error) => return Err(self.failed(call, &error)),
        };
        let start = self.name_of("");
        let mut listed: Vec<Listed> = found
            .into_iter()
            .filter_map(|object| {
                let key = object.location.as_ref().strip_prefix(start.as_str())?;
                let written_at = Timestamp::from_millis(object.last_modified.timestamp_millis());
                fault_of_key(key).is_none().then(|| Listed { key: key.to_owned(), written_at })
            })
            .collect();
        listed.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(listed)
    }

    fn place(&self) -> String {
        if self.prefix.is_empty() {
            self.root.clone()
        } else {
            format!("{}/{}", self.root, self.prefix)
        }
    }
}
