//! A store in memory that can be odd, and whose questions are counted.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use wucluster_engine::store::objects::{Listed, MemoryObjects, Objects, ObjectsError};
use wucluster_sim::Rng;

use crate::depot::Image;

/// How often a store may be asked before whoever asks does not come to an end.
const QUESTIONS_MAX: u64 = 20_000;

/// A store in memory that may list in another order, and whose questions are counted.
#[derive(Debug, Default)]
pub(super) struct Odd {
    inner: MemoryObjects,
    shuffles: Option<u64>,
    questions: AtomicU64,
    read: Mutex<BTreeSet<String>>,
}

impl Odd {
    /// Makes one that holds an image, and lists in another order where a seed is given.
    pub(super) async fn new(image: &Image, shuffles: Option<u64>) -> Self {
        let odd = Self { shuffles, ..Self::default() };
        for (key, body) in image {
            // It is in memory.
            let _ = odd.inner.put(key, body).await;
        }
        odd
    }

    /// Returns the keys of all objects that were read.
    pub(super) fn read(&self) -> BTreeSet<String> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn ask(&self, key: &str) -> Result<(), ObjectsError> {
        if self.questions.fetch_add(1, Ordering::Relaxed) < QUESTIONS_MAX {
            return Ok(());
        }
        Err(ObjectsError {
            what: "read",
            key: key.to_owned(),
            place: self.place(),
            why: "it is asked for ever".to_owned(),
            is_denied: true,
        })
    }

    /// Says whether whoever asked did not come to an end.
    pub(super) fn is_asked_for_ever(&self) -> bool {
        self.questions.load(Ordering::Relaxed) >= QUESTIONS_MAX
    }
}

#[async_trait]
impl Objects for Odd {
    async fn put_new(&self, key: &str, body: &[u8]) -> Result<bool, ObjectsError> {
        self.ask(key)?;
        self.inner.put_new(key, body).await
    }

    async fn put(&self, key: &str, body: &[u8]) -> Result<(), ObjectsError> {
        self.inner.put(key, body).await
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ObjectsError> {
        self.ask(key)?;
        self.read.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned());
        self.inner.get(key).await
    }

    async fn list(&self, folder: &str) -> Result<Vec<Listed>, ObjectsError> {
        self.ask(folder)?;
        let mut listed = self.inner.list(folder).await?;
        if let Some(seed) = self.shuffles {
            Rng::new(seed, folder).shuffle(&mut listed);
        }
        Ok(listed)
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}
