//! The program against moto's EC2: what needs no machine. Moto has none, so that nothing is mounted here.
#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used, reason = "a test panics")]

#[path = "../../wucluster-store/tests/moto/server.rs"]
mod server;

use std::fs;
use std::process::{Command, Output};

use server::Server;

const DEFINITION: &str = r#"
[cluster]
name = "apes"
provider = "aws"
zone = "eu-central-1a"
[node.n]
count = 2
image = "ami-0123456789abcdef0"
type = "t3.micro"
user = "admin"
mount.a = { at = "/mnt/a", size = "1 GiB" }
"#;

/// A user with a folder, who reaches AWS by environment variables alone.
struct User {
    home: tempfile::TempDir,
    url: String,
}

impl User {
    fn new(url: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("apes.cluster.toml"), DEFINITION).unwrap();
        Self { home, url: url.to_owned() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let path = |name: &str| self.home.path().join(name);
        let mut command = Command::new(env!("CARGO_BIN_EXE_wucluster"));
        command
            .args(arguments)
            .current_dir(self.home.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", path("home"))
            .env("WUCLUSTER_STATE", path("state"))
            .env("WUCLUSTER_CACHE", path("cache"))
            .env("XDG_RUNTIME_DIR", path("run"))
            // Moto's addresses are somebody's: nobody is spoken to.
            .env("WUCLUSTER_SSH", "/bin/false")
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "ann")
            .env("AWS_SECRET_ACCESS_KEY", "a-secret")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    fn run(&self, arguments: &[&str]) -> (i32, String) {
        said(&self.command(arguments).output().unwrap())
    }
}

fn said(output: &Output) -> (i32, String) {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn a_cluster_is_instantiated_seen_and_pinned_to_its_account() {
    let moto = Server::begin_ec2();
    let user = User::new(&moto.url());
    let (status, text) = user.run(&["status", "--is", "away"]);
    assert_eq!(status, 0, "{text}");
    let (status, text) = user.run(&["plan", "launched"]);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("t3.micro"), "{text}");

    let (status, text) = user.run(&["become", "instantiated"]);
    assert_eq!(status, 0, "{text}");
    let (status, text) = user.run(&["status", "--is", "instantiated"]);
    assert_eq!(status, 0, "{text}");
    let (status, text) = user.run(&["status", "--json"]);
    assert!(text.contains("\"running\"") && text.contains("vol-"), "{status} {text}");

    // The same cluster is not taken for another one's, whoever asks, and is not made a second time.
    for arguments in [&["status"][..], &["become", "instantiated"]] {
        let mut elsewhere = user.command(arguments);
        let (status, text) = said(&elsewhere.env("AWS_REGION", "us-east-1").output().unwrap());
        assert_eq!(status, 1, "{text}");
        assert!(text.contains("lives in account 123456789012 in eu-central-1"), "{text}");
    }
}

#[test]
fn without_credentials_nothing_is_asked_and_it_is_told_how_to_get_some() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let user = User::new(&format!("http://{unused}"));
    let mut command = user.command(&["status"]);
    let command = command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let (status, text) = said(&command.output().unwrap());
    assert_eq!(status, 6, "{text}");
    assert!(text.contains("CredentialsNotLoaded") && text.contains("aws sso login"), "{text}");
}

#[test]
fn without_a_region_it_is_told_where_to_name_one() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let user = User::new(&format!("http://{unused}"));
    let (status, text) =
        said(&user.command(&["status"]).env_remove("AWS_REGION").output().unwrap());
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("AWS_REGION") && text.contains("`region`"), "{text}");
}

#[test]
fn what_cannot_be_launched_is_told_before_anything_is_made() {
    let moto = Server::begin_ec2();
    let user = User::new(&moto.url());
    let definition = "[cluster]\nname = \"apes\"\nprovider = \"aws\"\n[node.n]\n";
    fs::write(user.home.path().join("apes.cluster.toml"), definition).unwrap();
    let (status, text) = user.run(&["launch"]);
    assert_eq!(status, 2, "{text}");
    assert!(
        text.contains("`image`") && text.contains("`type`") && text.contains("`zone`"),
        "{text}"
    );
}

/// The images that moto is begun with.
const IMAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../wucluster-aws/tests/images.json");

/// A definition that names the newest of them.
fn named_image() -> String {
    DEFINITION.replace("ami-0123456789abcdef0", "136693071363/debian-12-amd64-*")
}

#[test]
fn an_image_that_is_named_by_its_owner_is_settled_once_for_the_cluster() {
    let moto = Server::begin_ec2_with_images(IMAGES);
    let user = User::new(&moto.url());
    fs::write(user.home.path().join("apes.cluster.toml"), named_image()).unwrap();
    let (status, text) = user.run(&["become", "instantiated"]);
    assert_eq!(status, 0, "{text}");
    let record = fs::read_dir(user.home.path().join("state/clusters/aws/apes/images")).unwrap();
    let records: Vec<_> = record.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(fs::read_to_string(&records[0]).unwrap(), "ami-0000000000000012b\n");
}

#[test]
fn a_definition_is_checked_against_the_account() {
    let moto = Server::begin_ec2_with_images(IMAGES);
    let user = User::new(&moto.url());
    fs::write(user.home.path().join("apes.cluster.toml"), named_image()).unwrap();
    let (status, text) = user.run(&["check", "--online"]);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("account 123456789012 in eu-central-1"), "{text}");
    assert!(text.contains("ec2:RunInstances for n") && text.contains("it would be done"), "{text}");
    let (status, text) = user.run(&["check", "--online", "--json"]);
    assert_eq!(status, 0, "{text}");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["online"]["region"], "eu-central-1", "{text}");

    let (status, text) = user.run(&["doctor", "--permissions"]);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("ec2:CreateVolume") && !text.contains("zone eu-central-1a"), "{text}");

    // Moto has no such image.
    fs::write(user.home.path().join("apes.cluster.toml"), DEFINITION).unwrap();
    let (status, text) = user.run(&["check", "--online"]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("wrong") && text.contains("ami-0123456789abcdef0"), "{text}");
}

#[test]
fn the_policy_is_written_without_asking_anybody() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let user = User::new(&format!("http://{unused}"));
    let (status, text) = user.run(&["iam-policy", "--for", "away", "-q"]);
    assert_eq!(status, 0, "{text}");
    let policy: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");
    assert!(!text.contains("RunInstances") && text.contains("ec2:CreateSnapshot"), "{text}");
}
