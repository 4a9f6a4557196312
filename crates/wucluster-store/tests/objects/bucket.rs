//! A bucket as a store, on a server of moto's.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wucluster_engine::store::objects::{Objects, ObjectsError};
use wucluster_store::{Bucket, OpenError, Options, Place};

use crate::moto::{BUCKET, Moto, variables};
use crate::{race, suite};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_keeps_what_every_store_keeps() {
    let moto = Moto::begin();
    let whole = moto.open(&format!("s3://{BUCKET}"));
    suite::every_store(&whole).await;
    suite::keeps_to_its_place(&whole).await;
    let place = moto.open(&format!("s3://{BUCKET}/Group/a/")).below("local/gibbon").unwrap();
    assert_eq!(place.place(), format!("s3://{BUCKET}/Group/a/local/gibbon"));
    suite::every_store(&place).await;
    assert_eq!(place.get("once/a").await.unwrap(), whole.get("once/a").await.unwrap());
    let neighbour = moto.open(&format!("s3://{BUCKET}/Group/a/local/gibbo"));
    assert_eq!(suite::keys(&neighbour, "once").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_tasks_one_makes_an_object_in_a_bucket() {
    let moto = Moto::begin();
    race::of_tasks(Arc::new(moto.open(&format!("s3://{BUCKET}/race")))).await;
}

#[tokio::test]
async fn of_two_processes_one_makes_an_object_in_a_bucket() {
    let url = format!("s3://{BUCKET}/race");
    if let Some(racer) = race::racer() {
        return race::as_racer(&wucluster_store::open(&url).unwrap(), &racer).await;
    }
    let moto = Moto::begin();
    let test = "bucket::of_two_processes_one_makes_an_object_in_a_bucket";
    race::of_processes(&moto.open(&url), test, &moto.variables()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_has_every_page_and_the_time_of_each_object() {
    // A page has a thousand.
    const OBJECTS: usize = 1_005;
    let moto = Moto::begin();
    let place = moto.open(&format!("s3://{BUCKET}/p"));
    for number in 0..OBJECTS {
        place.put(&format!("runs/{number:06}"), b"").await.unwrap();
    }
    let listed = place.list("runs").await.unwrap();
    assert_eq!(listed.len(), OBJECTS);
    assert!(listed.is_sorted_by(|one, other| one.key < other.key));
    let year_2020 = 1_577_836_800_000;
    assert!(listed.iter().all(|listed| listed.written_at.as_millis() > year_2020));
}

/// Asks for one thing of each kind, and returns what it fails with.
async fn failures(place: &Place) -> [ObjectsError; 4] {
    [
        place.put_new("a/b", b"").await.unwrap_err(),
        place.put("a/b", b"").await.unwrap_err(),
        place.get("a/b").await.unwrap_err(),
        place.list("a").await.unwrap_err(),
    ]
}

#[tokio::test]
async fn what_is_not_permitted_is_told_as_such() {
    let moto = Moto::begin_closed();
    for error in failures(&moto.open(&format!("s3://{BUCKET}"))).await {
        assert!(error.is_denied, "{error}");
        assert!(error.why.starts_with("InvalidAccessKeyId: "), "{error}");
        assert!(!error.to_string().contains("a-secret"), "{error}");
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_not_an_empty_one() {
    let moto = Moto::begin();
    for error in failures(&moto.open("s3://nobody-made-it/p")).await {
        assert!(error.why.starts_with("NoSuchBucket: "), "{error}");
        assert!(!error.is_denied, "{error}");
    }
}

fn open_within(limit: Duration, variables: Vec<(String, String)>) -> Place {
    Bucket::open("s3://team/p", &Options { variables, limit }).unwrap()
}

#[tokio::test]
async fn who_does_not_answer_is_not_waited_for() {
    let limit = Duration::from_secs(2);
    // Connections are made to it, and nobody reads what comes.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let place = open_within(limit, variables(&format!("http://{address}")));
    let began = Instant::now();
    for error in failures(&place).await {
        assert!(!error.is_denied, "{error}");
    }
    assert!(began.elapsed() < limit * 4 + Duration::from_secs(20), "{:?}", began.elapsed());

    drop(silent);
    let began = Instant::now();
    for error in failures(&place).await {
        assert!(!error.is_denied, "{error}");
        println!("{error}");
    }
    assert!(began.elapsed() < limit * 4 + Duration::from_secs(20), "{:?}", began.elapsed());
}

#[tokio::test]
async fn without_credentials_it_is_told_how_to_give_them() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let variables = [
        ("AWS_ENDPOINT_URL", format!("http://{unused}")),
        ("AWS_METADATA_ENDPOINT", format!("http://{unused}")),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
    for error in failures(&open_within(Duration::from_secs(10), variables)).await {
        assert!(error.is_denied, "{error}");
        assert!(error.why.contains("AWS_ACCESS_KEY_ID"), "{error}");
    }
}

#[test]
fn what_cannot_be_a_bucket_is_refused_before_anything_is_asked() {
    let options =
        Options { variables: variables("http://127.0.0.1:9"), limit: Duration::from_secs(1) };
    for url in [
        "s3://",
        "s3:///a",
        "s3://a/..",
        "s3://a/b/../c",
        "s3://a//b",
        "s3://a/b c",
        "s3://u@a/b",
        "s3://a?b",
        "/a",
    ] {
        let error = Bucket::open(url, &options).unwrap_err();
        assert!(matches!(error, OpenError::Malformed { .. }), "{url}: {error}");
    }
    for url in ["s3://a", "s3://a/", "s3://a/b", "s3://a/b/"] {
        let place = Bucket::open(url, &options).unwrap();
        assert_eq!(place.place(), url.trim_end_matches('/'));
        assert!(!format!("{place:?} {options:?}").contains("a-secret"));
    }
    let half = vec![("AWS_ACCESS_KEY_ID".to_owned(), "ann".to_owned())];
    let error = Bucket::open("s3://a", &Options { variables: half, ..options }).unwrap_err();
    assert!(matches!(error, OpenError::Environment { .. }), "{error}");
}
