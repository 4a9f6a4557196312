//! Where a cluster's leases and journals are kept: in a folder of this machine, or in a bucket of S3.
//!
//! Both are a [`Place`], which implements [`Objects`](wucluster_engine::store::objects::Objects). A cluster has its
//! own below the store: `open("s3://team/wucluster")?.below("local/gibbon")?`.
//!
//! Buckets need the feature `s3`, which brings an HTTP client and TLS; without it [`open`] says so.

#[cfg(feature = "s3")]
mod bucket;
mod error;
mod folder;
mod names;
mod open;
mod place;
mod words;

#[cfg(feature = "s3")]
pub use bucket::{Bucket, LIMIT, Options};
pub use error::OpenError;
pub use folder::Folder;
pub use open::open;
pub use place::{MAX_BODY_BYTES, Place};
