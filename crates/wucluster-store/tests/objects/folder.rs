//! A folder as a store, on the disk that temporary folders are on.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use wucluster_engine::store::objects::Objects as _;
use wucluster_store::{Folder, MAX_BODY_BYTES, OpenError, Place};

use crate::{race, suite};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn fresh() -> (tempfile::TempDir, Place) {
    let dir = tempfile::tempdir().unwrap();
    let place = Folder::open(&dir.path().join("store")).unwrap();
    (dir, place)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_keeps_what_every_store_keeps() {
    let (_dir, place) = fresh();
    suite::every_store(&place).await;
    suite::keeps_to_its_place(&place).await;
    suite::every_store(&place.below("local/gibbon").unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_tasks_one_makes_an_object_in_a_folder() {
    let (dir, place) = fresh();
    race::of_tasks(Arc::new(place)).await;
    let left = fs::read_dir(dir.path().join("store/tasks")).unwrap().count();
    assert_eq!(left, 100, "no temporary file is left");
}

/// Where two processes race.
const RACE_FOLDER: &str = "WUCLUSTER_TEST_RACE_FOLDER";

#[tokio::test]
async fn of_two_processes_one_makes_an_object_in_a_folder() {
    if let Some(racer) = race::racer() {
        let path = std::env::var(RACE_FOLDER).unwrap();
        return race::as_racer(&Folder::open(Path::new(&path)).unwrap(), &racer).await;
    }
    let (_dir, place) = fresh();
    let variables = [(RACE_FOLDER.to_owned(), place.place())];
    let test = "folder::of_two_processes_one_makes_an_object_in_a_folder";
    race::of_processes(&place, test, &variables).await;
}

#[tokio::test]
async fn a_place_below_is_apart_from_its_neighbours() {
    let (dir, place) = fresh();
    let one = place.below("local/gibbon").unwrap();
    let other = place.below("local").unwrap().below("gibbon-2").unwrap();
    assert!(one.put_new("leases/1", b"one").await.unwrap());
    assert!(other.put_new("leases/1", b"other").await.unwrap());
    assert_eq!(suite::keys(&one, "leases").await, ["leases/1"]);
    assert_eq!(other.get("leases/1").await.unwrap().unwrap(), b"other");
    assert_eq!(one.place(), format!("{}/local/gibbon", place.place()));
    assert!(dir.path().join("store/local/gibbon/leases/1").is_file());
    for out in ["..", "local/..", "", "/local", "local/", "a//b", ".", "a b"] {
        assert!(matches!(place.below(out), Err(OpenError::Malformed { .. })), "{out}");
    }
}

#[tokio::test]
async fn a_listing_tells_when_something_was_written() {
    let (_dir, place) = fresh();
    let now = || i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis());
    let before = now().unwrap();
    place.put_new("a/b", b"").await.unwrap();
    let listed = place.list("a").await.unwrap();
    let written_at = listed[0].written_at.as_millis();
    // A file's time is that of the last tick of the kernel.
    assert!((before - 100..=now().unwrap()).contains(&written_at), "{before} {written_at}");
}

#[tokio::test]
async fn a_listing_passes_over_what_is_not_from_us() {
    let (dir, place) = fresh();
    place.put_new("a/b", b"").await.unwrap();
    let folder = dir.path().join("store/a");
    // The last one is what a writer leaves that was killed before it was done.
    for name in ["README", "b~", "a b", "b#1"] {
        fs::write(folder.join(name), "").unwrap();
    }
    assert_eq!(suite::keys(&place, "a").await, ["a/b"]);
    assert!(place.put_new("a/c", b"").await.unwrap());
    assert!(!place.put_new("a/b", b"").await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_is_had_while_others_write() {
    let (_dir, place) = fresh();
    let writer = tokio::spawn({
        let place = place.clone();
        async move {
            for number in 0..200 {
                place.put_new(&format!("a/{number:03}"), b"").await.unwrap();
                place.put("a/beat", b"").await.unwrap();
            }
        }
    });
    let mut seen = 0;
    while seen < 201 {
        let keys = suite::keys(&place, "a").await;
        assert!(keys.len() >= seen, "what was there stays there");
        seen = keys.len();
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn a_body_that_is_too_large_is_neither_written_nor_read() {
    let (dir, place) = fresh();
    let error = place.put_new("a", &vec![0; MAX_BODY_BYTES + 1]).await.unwrap_err();
    assert!(error.to_string().contains("larger than 64 MiB"), "{error}");
    assert_eq!(place.get("a").await.unwrap(), None);
    let file = fs::File::create(dir.path().join("store/a")).unwrap();
    file.set_len(MAX_BODY_BYTES as u64 + 1).unwrap();
    let error = place.get("a").await.unwrap_err();
    assert!(error.to_string().contains("larger than 64 MiB"), "{error}");
}

#[tokio::test]
async fn what_is_made_is_for_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let above = dir.path().join("a");
    let path = above.join("b");
    let place = Folder::open(&path).unwrap();
    assert_eq!(mode(&above), 0o700);
    assert_eq!(mode(&path), 0o700);
    place.put_new("leases/1", b"").await.unwrap();
    // What is inside has what the umask gives it: the folder keeps others out.
    assert_eq!(mode(&path.join("leases/1")) & 0o600, 0o600);
    assert_eq!(mode(&path), 0o700);
    Folder::open(&path).unwrap();
}

#[test]
fn a_folder_that_others_may_enter_is_refused_with_the_command_that_mends_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shared store");
    fs::create_dir(&path).unwrap();
    for (bits, others) in
        [(0o770, "change"), (0o702, "change"), (0o1777, "change"), (0o755, "read")]
    {
        fs::set_permissions(&path, Permissions::from_mode(bits)).unwrap();
        let error = Folder::open(&path).unwrap_err();
        assert!(matches!(error, OpenError::Unfit { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&format!("others may {others}")), "{text}");
        assert!(text.contains(&format!("`chmod 700 '{}'`", path.display())), "{text}");
        assert_eq!(mode(&path), bits, "nothing is mended unasked");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    Folder::open(&path).unwrap();
}

#[test]
fn a_link_or_a_file_in_place_of_the_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (path, link) = (dir.path().join("store"), dir.path().join("link"));
    Folder::open(&path).unwrap();
    symlink(&path, &link).unwrap();
    for name in [link.clone(), link.join(""), link.join(".")] {
        let text = Folder::open(&name).unwrap_err().to_string();
        assert!(text.contains("symbolic link") && text.contains(path.to_str().unwrap()), "{text}");
    }
    Folder::open(&link.join("below")).unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let text = Folder::open(&dir.path().join("file")).unwrap_err().to_string();
    assert!(text.contains("it is no folder"), "{text}");
    assert!(Folder::open(&dir.path().join("file/below")).is_err());
}

#[test]
fn a_folder_of_somebody_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let error = if rustix::process::geteuid().is_root() {
        let path = dir.path().join("store");
        Folder::open(&path).unwrap();
        chown(&path, Some(12_345), None).unwrap();
        Folder::open(&path).unwrap_err()
    } else {
        Folder::open(Path::new("/")).unwrap_err()
    };
    assert!(error.to_string().contains("it belongs to the user"), "{error}");
}

/// Measures, and asserts nothing about time.
#[tokio::test]
async fn a_hundred_objects_are_made_durably() {
    let (_dir, place) = fresh();
    let mut took = Vec::new();
    for number in 0..100 {
        let began = Instant::now();
        assert!(place.put_new(&format!("leases/{number:012}"), &[b'x'; 300]).await.unwrap());
        took.push(began.elapsed());
    }
    took.sort();
    println!("made durably: median {:?}, longest {:?}", took[50], took[99]);
}
