//! What every store keeps.

use wucluster_engine::store::objects::{Created, Objects, create};

/// Runs the suite on a store that is empty.
pub async fn every_store(objects: &dyn Objects) {
    made_once(objects).await;
    written_over(objects).await;
    missing(objects).await;
    listed(objects).await;
    any_key_and_body(objects).await;
}

async fn made_once(objects: &dyn Objects) {
    assert!(objects.put_new("once/a", b"first").await.unwrap());
    assert!(!objects.put_new("once/a", b"second").await.unwrap());
    assert!(!objects.put_new("once/a", b"first").await.unwrap(), "not even with the same body");
    assert_eq!(objects.get("once/a").await.unwrap().as_deref(), Some(&b"first"[..]));
    assert_eq!(create(objects, "once/b", b"mine").await.unwrap(), Created::Ours);
    assert_eq!(create(objects, "once/b", b"mine").await.unwrap(), Created::Ours);
    let theirs = create(objects, "once/b", b"yours").await.unwrap();
    assert_eq!(theirs, Created::Theirs(b"mine".to_vec()));
}

async fn written_over(objects: &dyn Objects) {
    objects.put("over/a", b"a long body").await.unwrap();
    objects.put("over/a", b"short").await.unwrap();
    assert_eq!(objects.get("over/a").await.unwrap().as_deref(), Some(&b"short"[..]));
    assert!(!objects.put_new("over/a", b"new").await.unwrap());
    assert!(objects.put_new("over/b", b"new").await.unwrap());
    objects.put("over/b", b"newer").await.unwrap();
    assert_eq!(objects.get("over/b").await.unwrap().as_deref(), Some(&b"newer"[..]));
}

async fn missing(objects: &dyn Objects) {
    assert_eq!(objects.get("nowhere").await.unwrap(), None);
    assert_eq!(objects.get("nowhere/at/all").await.unwrap(), None);
    objects.put("somewhere/a", b"").await.unwrap();
    assert_eq!(objects.get("somewhere").await.unwrap(), None, "a folder is no object");
    assert_eq!(objects.list("nowhere").await.unwrap(), []);
}

async fn listed(objects: &dyn Objects) {
    // Of names that begin alike, some sort before the slash and some behind it.
    for key in ["runs/2/b", "runs/10/a", "runs/2/a", "runs.d/x", "runs-2/x", "runs/2.end"] {
        objects.put(key, key.as_bytes()).await.unwrap();
    }
    assert_eq!(keys(objects, "runs").await, ["runs/10/a", "runs/2.end", "runs/2/a", "runs/2/b"]);
    assert_eq!(keys(objects, "runs/2").await, ["runs/2/a", "runs/2/b"]);
    assert_eq!(keys(objects, "run").await, Vec::<String>::new(), "whole names only");
}

/// Returns the keys of a listing.
pub async fn keys(objects: &dyn Objects, folder: &str) -> Vec<String> {
    objects.list(folder).await.unwrap().into_iter().map(|listed| listed.key).collect()
}

async fn any_key_and_body(objects: &dyn Objects) {
    let every_byte: Vec<u8> = (0..=255).collect();
    for key in [
        "any/leases/000000000042",
        "any/leases/000000000042.beat",
        "any/-begins_with_a_dash",
        "any/.begins-with-a-dot",
        "any/_..many...dots..",
        "any/abcdefghijklmnopqrstuvwxyz0123456789._-",
        "any/one/two/three/four/five/six",
    ] {
        assert!(objects.put_new(key, &every_byte).await.unwrap(), "{key}");
        assert_eq!(objects.get(key).await.unwrap().as_ref(), Some(&every_byte), "{key}");
        assert!(keys(objects, "any").await.iter().any(|listed| listed == key), "{key}");
    }
    objects.put("any/empty", b"").await.unwrap();
    assert_eq!(objects.get("any/empty").await.unwrap(), Some(Vec::new()));
    let large = every_byte.repeat(4 << 10);
    objects.put("any/large", &large).await.unwrap();
    assert!(objects.get("any/large").await.unwrap() == Some(large));
}

/// Checks that keys which would leave their place are refused, whatever is asked.
pub async fn keeps_to_its_place(objects: &dyn Objects) {
    for key in ["", "/a", "a/", "a//b", "../a", "a/../../b", "a/.", "A", "a b", "a#1", "a%2f", "ä"]
    {
        let text = objects.put_new(key, b"").await.unwrap_err().to_string();
        assert!(text.contains("cannot make") && text.contains(&objects.place()), "{text}");
        assert!(objects.put(key, b"").await.is_err(), "{key}");
        assert!(objects.get(key).await.is_err(), "{key}");
        assert!(objects.list(key).await.is_err(), "{key}");
    }
}
