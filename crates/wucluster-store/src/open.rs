//! Opening a store by what a person writes for it.

use std::path::Path;

use crate::error::OpenError;
use crate::folder::Folder;
use crate::place::Place;

/// Opens a store: `s3://BUCKET/PREFIX`, `file:///PATH`, or a path that begins with a slash.
///
/// A folder is made when it is missing. A bucket is not asked for anything: whether it is there and may be written to
/// shows with the first object.
///
/// # Errors
/// [`OpenError`], which says what would do instead.
pub fn open(url: &str) -> Result<Place, OpenError> {
    if url.starts_with("s3://") {
        return open_bucket(url);
    }
    let path = match url.strip_prefix("file://") {
        Some(path) if path.contains('%') => {
            return Err(OpenError::Malformed {
                url: url.to_owned(),
                why: "signs written with `%` are not read; give the path itself".to_owned(),
            });
        }
        Some(path) => path,
        None => url,
    };
    if !path.starts_with('/') {
        return Err(OpenError::Unknown { url: url.to_owned() });
    }
    Folder::open(Path::new(path))
}

#[cfg(feature = "s3")]
fn open_bucket(url: &str) -> Result<Place, OpenError> {
    crate::bucket::Bucket::open(url, &crate::bucket::Options::from_environment())
}

#[cfg(not(feature = "s3"))]
fn open_bucket(url: &str) -> Result<Place, OpenError> {
    Err(OpenError::NoS3 { url: url.to_owned() })
}

#[cfg(test)]
mod tests {
    use wucluster_engine::store::objects::Objects as _;

    use super::*;

    #[test]
    fn a_folder_is_opened_by_its_path_and_by_its_url() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let text = path.to_str().unwrap();
        assert_eq!(open(text).unwrap().place(), text);
        assert_eq!(open(&format!("file://{text}/")).unwrap().place(), text);
        assert!(path.is_dir());
    }

    #[test]
    fn what_is_no_store_is_told_what_would_be_one() {
        for url in ["gs://a/b", "a/b", "", "~/store", "file://a/b", "S3://a", "http://a/b"] {
            let error = open(url).unwrap_err();
            assert!(matches!(error, OpenError::Unknown { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains("s3://") && text.contains("file:///"), "{text}");
        }
        assert!(matches!(open("file:///a%20b"), Err(OpenError::Malformed { .. })));
    }

    #[cfg(not(feature = "s3"))]
    #[test]
    fn a_build_without_buckets_says_so() {
        let text = open("s3://a/b").unwrap_err().to_string();
        assert!(text.contains("--features s3"), "{text}");
    }
}
