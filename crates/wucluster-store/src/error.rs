//! Why a store cannot be opened.

use std::io;
use std::path::PathBuf;

/// A store cannot be opened. Nothing was written to it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is no URL of a store that there is.
    #[error(
        "`{url}` is no store: it is `s3://BUCKET/PREFIX`, `file:///PATH`, or a path that begins with `/`"
    )]
    Unknown {
        /// What was given.
        url: String,
    },
    /// A part of it cannot be what it is.
    #[error("`{url}` is no store: {why}")]
    Malformed {
        /// What was given.
        url: String,
        /// What is wrong with it, and how it would be right.
        why: String,
    },
    /// This build has no client for buckets.
    #[error(
        "`{url}` is a bucket, and this build has no S3: build it with `--features s3`, or keep the store in a folder"
    )]
    NoS3 {
        /// What was given.
        url: String,
    },
    /// The folder is not one to rely on.
    #[error("the store cannot be in {}: {why}; {fix}", path.display())]
    Unfit {
        /// The folder.
        path: PathBuf,
        /// Why not.
        why: String,
        /// What to do about it.
        fix: String,
    },
    /// The folder cannot be made or looked at.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        what: &'static str,
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What the environment says about S3 makes no sense.
    #[error("cannot use {url}: {why}; look at the variables `AWS_…` of the environment")]
    Environment {
        /// The bucket.
        url: String,
        /// What is wrong.
        why: String,
    },
}
