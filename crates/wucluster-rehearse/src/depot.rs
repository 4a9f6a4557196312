//! The store of a run: in memory, and as slow as the scenario says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::sleep;
use wucluster_engine::store::objects::{Listed, MemoryObjects, Objects, ObjectsError};

use crate::mail::{Kind, Mail};

/// A store for operators in simulated time.
#[derive(Debug)]
pub struct Depot {
    objects: Arc<MemoryObjects>,
    /// How long it takes to make an object.
    takes: Duration,
    mail: Mail,
    /// The keys of all objects that were made, in the order of making; none is made twice.
    made: Arc<Mutex<Vec<String>>>,
}

/// What is in a store: bodies by their keys.
pub type Image = BTreeMap<String, Vec<u8>>;

/// The folders of a store.
const FOLDERS: [&str; 3] = ["leases", "phases", "runs"];

/// Makes an object, and notes that it was made.
async fn make(
    objects: &MemoryObjects,
    made: &Mutex<Vec<String>>,
    key: &str,
    body: &[u8],
) -> Result<bool, ObjectsError> {
    let is_made = objects.put_new(key, body).await?;
    if is_made {
        made.lock().unwrap_or_else(PoisonError::into_inner).push(key.to_owned());
    }
    Ok(is_made)
}

impl Depot {
    /// Makes an empty one, in which objects take that long to be made.
    #[must_use]
    pub fn new(takes: Duration, mail: Mail) -> Self {
        Self { objects: Arc::default(), takes, mail, made: Arc::default() }
    }

    /// Returns all that is in it.
    ///
    /// # Errors
    /// None: it is in memory.
    pub async fn image(&self) -> Result<Image, ObjectsError> {
        let mut image = Image::new();
        for folder in FOLDERS {
            for Listed { key, .. } in self.objects.list(folder).await? {
                let body = self.objects.get(&key).await?.unwrap_or_default();
                image.insert(key, body);
            }
        }
        Ok(image)
    }

    /// Puts other things into it, in the place of all that was there.
    ///
    /// # Errors
    /// None: it is in memory.
    pub async fn restore(&self, image: &Image) -> Result<(), ObjectsError> {
        self.clear();
        for (key, body) in image {
            self.objects.put(key, body).await?;
        }
        Ok(())
    }

    /// Lists the keys of all objects that were made, in the order of making.
    #[must_use]
    pub fn made(&self) -> Vec<String> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets everything, as if somebody had deleted it.
    pub fn clear(&self) {
        self.objects.clear();
    }
}

#[async_trait]
impl Objects for Depot {
    async fn put_new(&self, key: &str, body: &[u8]) -> Result<bool, ObjectsError> {
        if self.takes.is_zero() {
            return make(&self.objects, &self.made, key, body).await;
        }
        if !self.mail.is_kept() {
            sleep(self.takes).await;
            return make(&self.objects, &self.made, key, body).await;
        }
        let (objects, made) = (Arc::clone(&self.objects), Arc::clone(&self.made));
        let takes = self.takes;
        let (key, body) = (key.to_owned(), body.to_owned());
        let rest = async move {
            sleep(takes).await;
            make(&objects, &made, &key, &body).await
        };
        self.mail.carry(Kind::Object, rest).await
    }

    async fn put(&self, key: &str, body: &[u8]) -> Result<(), ObjectsError> {
        self.objects.put(key, body).await
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ObjectsError> {
        self.objects.get(key).await
    }

    async fn list(&self, folder: &str) -> Result<Vec<Listed>, ObjectsError> {
        self.objects.list(folder).await
    }

    fn place(&self) -> String {
        self.objects.place()
    }
}
