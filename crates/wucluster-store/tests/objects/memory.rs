//! The store in memory, which the engine's own tests rest on.

use std::sync::Arc;

use wucluster_engine::store::objects::MemoryObjects;

use crate::{race, suite};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_keeps_what_every_store_keeps() {
    suite::every_store(&MemoryObjects::default()).await;
    race::of_tasks(Arc::new(MemoryObjects::default())).await;
}
