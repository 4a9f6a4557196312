//! The program against moto's EC2: what needs no machine. Moto has none, so that nothing is mounted here.
#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used, reason = "a test panics")]

#[path = "../../wucluster-store/tests/moto/server.rs"]
mod server;
#[path = "support/aws.rs"]
mod user;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
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
        // Moto's addresses are somebody's: nobody is spoken to.
        let mut command = user::program(self.home.path(), &self.url, Path::new("/bin/false"));
        command.args(arguments);
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

/// A public key of nobody's.
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE4gDO+6U5PylZRj5vvJJ/XB6Safa1HSkYRjNT3DX/02 ann@mill\n";

/// A cluster whose network is its own. It has no mounts, so that nobody need speak to its machines.
const MANAGED: &str = r#"
[cluster]
name = "apes"
provider = "aws"
zone = "eu-central-1a"
network = "managed"
[node.n]
image = "ami-0123456789abcdef0"
type = "t3.micro"
user = "admin"
"#;

/// Asks moto for something by itself, as somebody else does.
fn by_hand(moto: &Server, form: &str) -> String {
    let mut stream = TcpStream::connect(&moto.address).unwrap();
    let scope = "Credential=bob/20260101/eu-central-1/ec2/aws4_request";
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Authorization: AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0\r\nContent-Length: {}\r\n\r\n{form}",
        moto.address,
        form.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{form}: {answer}");
    answer
}

/// Lists what stands in an answer between two words.
fn all<'a>(answer: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    answer.split(begin).skip(1).filter_map(|rest| Some(rest.split_once(end)?.0)).collect()
}

/// The groups of that name, with the blocks that they let in.
fn groups(moto: &Server) -> Vec<(String, Vec<String>)> {
    let asked =
        "Action=DescribeSecurityGroups&Filter.1.Name=group-name&Filter.1.Value.1=wucluster-apes";
    let answer = by_hand(moto, asked);
    let ids = all(&answer, "<groupId>", "</groupId>");
    // Rules between groups would name groups, too.
    assert!(ids.len() <= 1, "{answer}");
    let ingress = all(&answer, "<ipPermissions>", "</ipPermissions>").concat();
    let blocks: Vec<String> =
        all(&ingress, "<cidrIp>", "</cidrIp>").into_iter().map(str::to_owned).collect();
    ids.into_iter().map(|id| (id.to_owned(), blocks.clone())).collect()
}

/// The names of all key pairs.
fn keys(moto: &Server) -> Vec<String> {
    let answer = by_hand(moto, "Action=DescribeKeyPairs");
    all(&answer, "<keyName>", "</keyName>").into_iter().map(str::to_owned).collect()
}

/// A page that tells everybody the same address, until the test ends.
fn page(address: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{address}",
                address.len()
            );
        }
    });
    url
}

impl User {
    /// A user with a cluster of its own network, and with a key.
    fn managed(moto: &Server) -> Self {
        let user = Self::new(&moto.url());
        user.define(MANAGED);
        let folder = user.home.path().join("home/.ssh");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("id_ed25519.pub"), KEY).unwrap();
        user
    }

    fn define(&self, text: &str) {
        fs::write(self.home.path().join("apes.cluster.toml"), text).unwrap();
    }

    fn run_from(&self, page: &str, arguments: &[&str]) -> (i32, String) {
        let mut command = self.command(arguments);
        said(&command.env("WUCLUSTER_ADDRESS_PAGE", page).output().unwrap())
    }
}

#[test]
fn a_network_of_its_own_comes_and_goes_with_the_cluster() {
    let moto = Server::begin_ec2();
    let user = User::managed(&moto);
    let (office, home) = (page("203.0.113.7\n"), page("198.51.100.9\n"));
    let (status, text) = user.run_from(&office, &["check", "--online"]);
    // Moto has no such image.
    assert_eq!(status, 1, "{text}");
    assert!(
        text.contains("let in from 203.0.113.7/32") && text.contains("a launch makes it"),
        "{text}"
    );
    assert!(text.contains("uploads your public key"), "{text}");
    assert!(groups(&moto).is_empty() && keys(&moto).is_empty(), "nothing is made by a look");

    let (status, text) = user.run_from(&office, &["become", "instantiated"]);
    assert_eq!(status, 0, "{text}");
    let there = groups(&moto);
    assert_eq!(there.len(), 1, "{text}");
    assert_eq!(there[0].1, ["203.0.113.7/32"], "one rule, and no more");
    assert_eq!(keys(&moto), ["wucluster-apes"]);
    let instances = by_hand(&moto, "Action=DescribeInstances");
    assert!(
        instances.contains(&there[0].0) && instances.contains("<keyName>wucluster-apes<"),
        "{instances}"
    );

    // Again: nothing is made. From elsewhere: one comes, and the other goes.
    let (status, text) = user.run_from(&office, &["become", "instantiated"]);
    assert_eq!((status, groups(&moto)), (0, there.clone()), "{text}");
    let (status, text) = user.run_from(&home, &["become", "instantiated"]);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("from 198.51.100.9/32 now, no longer from 203.0.113.7/32"), "{text}");
    assert_eq!(groups(&moto), [(there[0].0.clone(), vec!["198.51.100.9/32".to_owned()])]);

    let (_, text) = user.run_from(&home, &["doctor", "--permissions"]);
    assert!(text.contains(&there[0].0), "{text}");
    assert!(
        text.contains("ec2:DeleteSecurityGroup") && text.contains("ec2:ImportKeyPair"),
        "{text}"
    );

    let (status, text) = user.run_from(&home, &["doctor", "--permissions", "--json", "-q"]);
    assert_eq!(status, 0, "{text}");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let findings = document["findings"].as_array().unwrap();
    let verdict = |about: &str| {
        let found = findings.iter().find(|one| one["about"] == about);
        found.map(|found| found["verdict"].clone()).unwrap_or_default()
    };
    for about in
        ["ec2:RunInstances for n", "ec2:ImportKeyPair", "ec2:RevokeSecurityGroupIngress", "network"]
    {
        assert_eq!(verdict(about), "ok", "{about}: {text}");
    }

    // The machines go behind its back: what it has of its own is left, and told, and goes with the next put-away.
    let ids = all(&instances, "<instanceId>", "</instanceId>");
    by_hand(&moto, &format!("Action=TerminateInstances&InstanceId.1={}", ids[0]));
    let (_, text) = user.run_from(&home, &["doctor"]);
    assert!(text.contains("left of a cluster"), "{text}");
    let (_, text) = user.run_from(&home, &["status"]);
    assert!(text.contains("is left of it; the next put-away deletes it"), "{text}");
    let (status, text) = user.run_from(&home, &["put-away", "--yes"]);
    assert_eq!(status, 0, "{text}");
    assert!(
        text.contains(&format!(
            "deleted with it: security group {}, key pair wucluster-apes",
            there[0].0
        )),
        "{text}"
    );
    assert!(groups(&moto).is_empty() && keys(&moto).is_empty(), "{text}");
    let (status, text) = user.run_from(&home, &["put-away", "--yes"]);
    assert_eq!(status, 0, "{text}");
    assert!(!text.contains("deleted with it"), "{text}");
}

#[test]
fn the_put_away_that_ends_the_last_machine_deletes_its_network() {
    let moto = Server::begin_ec2();
    let user = User::managed(&moto);
    let office = page("203.0.113.7");
    let (status, text) = user.run_from(&office, &["become", "instantiated"]);
    assert_eq!(status, 0, "{text}");
    // On a machine that is stopped nothing is mounted, so that nobody need speak to it.
    let instances = by_hand(&moto, "Action=DescribeInstances");
    let ids = all(&instances, "<instanceId>", "</instanceId>");
    by_hand(&moto, &format!("Action=StopInstances&InstanceId.1={}", ids[0]));
    let (status, text) = user.run_from(&office, &["put-away", "--yes"]);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("deleted with it: security group sg-"), "{text}");
    assert!(groups(&moto).is_empty() && keys(&moto).is_empty(), "{text}");
    let instances = by_hand(&moto, "Action=DescribeInstances");
    assert!(instances.contains("<name>terminated</name>"), "{instances}");
}

#[test]
fn what_somebody_else_made_under_its_name_is_neither_used_nor_deleted() {
    let moto = Server::begin_ec2();
    let user = User::managed(&moto);
    by_hand(&moto, "Action=CreateSecurityGroup&GroupName=wucluster-apes&GroupDescription=mine");
    let office = page("203.0.113.7");
    let (status, text) = user.run_from(&office, &["become", "instantiated"]);
    assert_eq!(status, 1, "{text}");
    assert!(
        text.contains("somebody else's") && text.contains("no machine was asked for"),
        "{text}"
    );
    let (status, text) = user.run_from(&office, &["put-away", "--yes"]);
    assert_eq!(status, 0, "{text}");
    assert_eq!(groups(&moto).len(), 1, "{text}");
    assert!(groups(&moto)[0].1.is_empty(), "nobody is let in");
    assert!(!by_hand(&moto, "Action=DescribeInstances").contains("<instanceId>"));
}

#[test]
fn without_a_public_key_it_is_told_before_anything_is_made() {
    let moto = Server::begin_ec2();
    let user = User::new(&moto.url());
    user.define(&MANAGED.replace("user = ", "security-groups = \"sg-1\"\nuser = "));
    let (status, text) = user.run(&["become", "instantiated"]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("ssh-keygen -t ed25519") && text.contains("public-key"), "{text}");
    assert!(keys(&moto).is_empty());
    assert!(!by_hand(&moto, "Action=DescribeInstances").contains("<instanceId>"));
}

#[test]
fn a_newcomer_is_told_what_keeps_ssh_out() {
    let moto = Server::begin_ec2();
    let user = User::new(&moto.url());
    let (status, text) = user.run(&["become", "instantiated"]);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("no `key` in `n`: ssh will not get in"), "{text}");
    assert!(text.contains("network = \"managed\""), "{text}");
    assert!(groups(&moto).is_empty() && keys(&moto).is_empty(), "nobody asked for any");
}
