//! The store of a run: in memory, and as slow as the scenario says.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::sleep;
use wucluster_engine::store::objects::{Listed, MemoryObjects, Objects, ObjectsError};

/// A store for operators in simulated time.
#[derive(Debug)]
pub struct Depot {
    objects: MemoryObjects,
    /// How long it takes to make an object.
    takes: Duration,
}

impl Depot {
    /// Makes an empty one.
    #[must_use]
    pub fn new(takes: Duration) -> Self {
        Self { objects: MemoryObjects::default(), takes }
    }

    /// Forgets everything, as if somebody had deleted it.
    pub fn clear(&self) {
        self.objects.clear();
    }
}

#[async_trait]
impl Objects for Depot {
    async fn put_new(&self, key: &str, body: &[u8]) -> Result<bool, ObjectsError> {
        if !self.takes.is_zero() {
            sleep(self.takes).await;
        }
        self.objects.put_new(key, body).await
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
