//! The port to an object store: named bodies that are made once and never changed.
//!
//! Nothing but *make it if it is not there* is asked of a store, because that is all that a local folder, a bucket and
//! memory have in common. Whoever wants to change something makes the next numbered object.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use wucluster_core::time::Timestamp;

/// A store of objects under keys such as `leases/000000000042`.
///
/// Keys are relative to where the cluster has its place in the store. They are made of `[a-z0-9._-]` and `/`.
#[async_trait]
pub trait Objects: Send + Sync + Debug {
    /// Makes an object, durably, unless one of that key is there.
    ///
    /// Returns whether it was made by this call. Whoever is told that it was not, or gets an error, does not know who
    /// made it: use [`create`], which looks.
    ///
    /// # Errors
    /// [`ObjectsError`]; the object may or may not have been made.
    async fn put_new(&self, key: &str, body: &[u8]) -> Result<bool, ObjectsError>;

    /// Makes an object or takes the place of the one that is there, whole. For what one holder alone writes.
    ///
    /// # Errors
    /// [`ObjectsError`]; it may or may not have been written.
    async fn put(&self, key: &str, body: &[u8]) -> Result<(), ObjectsError>;

    /// Reads an object; `None` when there is none of that key.
    ///
    /// # Errors
    /// [`ObjectsError`] when it cannot be told.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ObjectsError>;

    /// Lists the objects whose keys begin with `folder` and a slash, at any depth, in the order of their keys.
    ///
    /// # Errors
    /// [`ObjectsError`] when the listing could not be had whole.
    async fn list(&self, folder: &str) -> Result<Vec<Listed>, ObjectsError>;

    /// Returns where the store is, for people: a path or a URL.
    fn place(&self) -> String;
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// When it was last written, by the clock of the store.
    pub written_at: Timestamp,
}

/// The store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot {what} `{key}` in {place}: {why}")]
pub struct ObjectsError {
    /// What was tried: `make`, `write`, `read` or `list`.
    pub what: &'static str,
    /// The key, or the folder.
    pub key: String,
    /// The store, see [`Objects::place`].
    pub place: String,
    /// Why not, in words.
    pub why: String,
    /// Whether it is a matter of rights or credentials: repeating it is useless then.
    pub is_denied: bool,
}

/// Whose object is there after [`create`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// Ours: it has our body.
    Ours,
    /// It was there, with this body.
    Theirs(Vec<u8>),
}

/// How often an object is tried to be made before it counts as failed.
const TRIES: u32 = 3;

/// Makes an object whose body nobody else would write (it holds a nonce), and says whose is there.
///
/// Whatever the store answers, it is read back and compared: a client that tries again by itself is told that its own
/// object exists, some stores say so where nothing was written, and an answer may be lost after the effect.
///
/// # Errors
/// The store's [`ObjectsError`] when it cannot be told; the object may have been made.
pub async fn create(
    objects: &dyn Objects,
    key: &str,
    body: &[u8],
) -> Result<Created, ObjectsError> {
    let mut last = None;
    for _ in 0..TRIES {
        match objects.put_new(key, body).await {
            Ok(true) => return Ok(Created::Ours),
            Ok(false) => {}
            Err(error) if error.is_denied => return Err(error),
            Err(error) => last = Some(error),
        }
        match objects.get(key).await {
            Ok(Some(there)) if there == body => return Ok(Created::Ours),
            Ok(Some(there)) => return Ok(Created::Theirs(there)),
            Ok(None) => {}
            Err(error) if error.is_denied => return Err(error),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| ObjectsError {
        what: "make",
        key: key.to_owned(),
        place: objects.place(),
        why: "the store says that it exists, and shows nothing".to_owned(),
        is_denied: false,
    }))
}

/// A store in memory, for tests and for simulations.
#[derive(Debug, Default)]
pub struct MemoryObjects {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl MemoryObjects {
    /// Forgets everything, as if somebody had deleted the store.
    pub fn clear(&self) {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[async_trait]
impl Objects for MemoryObjects {
    async fn put_new(&self, key: &str, body: &[u8]) -> Result<bool, ObjectsError> {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        if objects.contains_key(key) {
            return Ok(false);
        }
        objects.insert(key.to_owned(), body.to_owned());
        Ok(true)
    }

    async fn put(&self, key: &str, body: &[u8]) -> Result<(), ObjectsError> {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.insert(key.to_owned(), body.to_owned());
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ObjectsError> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(objects.get(key).cloned())
    }

    async fn list(&self, folder: &str) -> Result<Vec<Listed>, ObjectsError> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let prefix = format!("{folder}/");
        let keys = objects.keys().filter(|key| key.starts_with(&prefix));
        Ok(keys.map(|key| Listed { key: key.clone(), written_at: Timestamp::default() }).collect())
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}
