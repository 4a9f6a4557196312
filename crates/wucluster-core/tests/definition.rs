//! What a good definition means.

use std::time::Duration;

use wucluster_core::definition::{
    ClusterDefinition, FilesystemKind, HOOK_TIMEOUT_DEFAULT, ManagedNetwork, Provider, PublicKey,
    Size, decode, template,
};
use wucluster_core::ids::{ClusterName, MountKey, MountName, NodeName, SnapshotId};

const FIRST: &str = include_str!("../../../examples/first.cluster.toml");
const DEMO: &str = include_str!("../../../examples/demo.cluster.toml");

fn parse(text: &str) -> ClusterDefinition {
    let (definition, warnings) = ClusterDefinition::parse_with_warnings(text)
        .unwrap_or_else(|found| panic!("refused: {found:#?}\n{text}"));
    assert_eq!(warnings, [], "{text}");
    definition
}

fn node_names(definition: &ClusterDefinition) -> Vec<&str> {
    definition.nodes.keys().map(NodeName::as_str).collect()
}

fn key(text: &str) -> MountKey {
    MountKey::try_from(text.to_owned()).expect("a good key")
}

#[test]
fn the_template_parses_without_warnings_for_every_provider() {
    for provider in [Provider::Local, Provider::Aws, Provider::Sim] {
        let name = ClusterName::new("gibbon").expect("a good name");
        let definition = parse(&template(&name, provider));
        assert_eq!(definition.name, name);
        assert_eq!(definition.provider, provider);
        assert_eq!(node_names(&definition), ["chief", "worker-1", "worker-2"]);
        let fs = |mount: &str| definition.mount(&key(mount)).map(|mount| mount.fs);
        assert_eq!(fs("chief/home"), Some(FilesystemKind::Ext4));
        assert_eq!(fs("worker-2/scratch"), Some(FilesystemKind::Xfs));
        assert_eq!(definition.mounts().count(), 3);
    }
}

#[test]
fn the_template_still_parses_with_all_that_is_commented_out() {
    let name = ClusterName::new("gibbon").expect("a good name");
    for provider in [Provider::Local, Provider::Aws, Provider::Sim] {
        let text = template(&name, provider);
        let all: String = text
            .lines()
            .map(|line| {
                let bare = line.strip_prefix("# ").unwrap_or(line);
                let is_key = bare.split_once(" = ").is_some_and(|(key, _)| {
                    key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
                });
                format!("{}\n", if is_key { bare } else { line })
            })
            .collect();
        assert!(all.matches('#').count() < text.matches('#').count() - 6, "{all}");
        let definition = parse(&all);
        let chief = &definition.nodes[0];
        assert_eq!(chief.hooks.ready.len(), 1);
        assert_eq!(chief.hooks.before_unmount[0].timeout, Duration::from_secs(300));
        assert!(!chief.hooks.before_halt[0].blocks);
        let scratch = definition.mount(&key("worker-1/scratch")).expect("it is there");
        assert_eq!(scratch.mode, Some(0o2775));
        assert_eq!(scratch.options, ["noatime"]);
        assert!(scratch.from.is_some());
    }
}

#[test]
fn the_first_example_is_the_template() {
    let name = ClusterName::new("first").expect("a good name");
    assert_eq!(FIRST, template(&name, Provider::Local));
    parse(FIRST);
}

#[test]
fn the_demo_has_three_machines_and_four_mounts() {
    let demo = parse(DEMO);
    assert_eq!(demo.name.as_str(), "demo");
    assert_eq!(demo.provider, Provider::Local);
    assert_eq!(node_names(&demo), ["chief", "worker-1", "worker-2"]);
    let mounts: Vec<String> = demo
        .mounts()
        .map(|(key, mount)| format!("{key} {} {} {}", mount.fs, mount.at, mount.size))
        .collect();
    assert_eq!(
        mounts,
        [
            "chief/home ext4 /mnt/home 1 GiB",
            "chief/data xfs /mnt/data 1 GiB",
            "worker-1/scratch ext4 /mnt/scratch 1 GiB",
            "worker-2/scratch ext4 /mnt/scratch 1 GiB",
        ]
    );
    assert_eq!(demo.nodes[0].hooks.ready.len(), 1);
}

#[test]
fn every_key_arrives_where_it_belongs() {
    let cluster = parse(
        r#"
[cluster]
name = "gibbon"
provider = "aws"
zone = "us-east-1d"
recent = "1h 30m"
[node.chief]
image = "ami-0d9c2b3a41f7e6650"
type = "m7i.xlarge"
memory = "2 GiB"
cpus = 4
ready = "systemctl is-active slurmd"
before-unmount = { run = "sync", timeout = "5m" }
before-halt = ["true", { run = "test ! -e /busy", blocks = false }]
[node.chief.mount.home]
at = "/mnt/home"
size = "2 TiB"
fs = "xfs"
options = ["noatime", "logbsize=256k"]
owner = "alice"
group = 100
mode = "2775"
from = "snap-07be14aa90c2d3e51"
"#,
    );
    assert_eq!(cluster.provider, Provider::Aws);
    assert_eq!(cluster.zone.as_deref(), Some("us-east-1d"));
    assert_eq!(cluster.recent, Some(Duration::from_secs(5400)));
    let chief = &cluster.nodes[0];
    assert_eq!((chief.group.as_str(), chief.line), ("chief", 7));
    assert_eq!(chief.machine.image.as_deref(), Some("ami-0d9c2b3a41f7e6650"));
    assert_eq!(chief.machine.instance_type.as_deref(), Some("m7i.xlarge"));
    assert_eq!((chief.machine.memory_mib, chief.machine.cpus), (Some(2048), Some(4)));
    assert_eq!(chief.hooks.ready[0].run, "systemctl is-active slurmd");
    assert_eq!(chief.hooks.ready[0].timeout, HOOK_TIMEOUT_DEFAULT);
    assert!(chief.hooks.ready[0].blocks);
    assert_eq!(chief.hooks.before_unmount[0].timeout, Duration::from_secs(300));
    let blocks: Vec<bool> = chief.hooks.before_halt.iter().map(|hook| hook.blocks).collect();
    assert_eq!(blocks, [true, false]);
    let home = cluster.mount(&key("chief/home")).expect("it is there");
    assert_eq!((home.at.as_str(), home.size.gib(), home.line), ("/mnt/home", 2048, 15));
    assert_eq!(home.fs, FilesystemKind::Xfs);
    assert_eq!(home.options, ["noatime", "logbsize=256k"]);
    assert_eq!((home.owner.as_deref(), home.group.as_deref()), (Some("alice"), Some("100")));
    assert_eq!(home.mode, Some(0o2775));
    assert_eq!(home.from.as_ref().map(SnapshotId::as_str), Some("snap-07be14aa90c2d3e51"));
}

#[test]
fn what_ec2_must_know_arrives_where_it_belongs() {
    let cluster = parse(
        r#"
[cluster]
name = "gibbon"
provider = "aws"
region = "eu-central-1"
[defaults]
user = "ubuntu"
key = "team"
security-groups = "sg-1"
tags = { project = "apes" }
[defaults.mount]
volume-type = "gp3"
encrypted = true
[node.chief]
user = "ann"
subnet = "subnet-1"
profile = "arn:aws:iam::123456789012:instance-profile/reader"
root = "30 GiB"
spot = true
tags = {}
mount.home = { at = "/mnt/home", size = "1 GiB", volume-type = "io2", iops = 4000, encrypted = false, kms-key = "alias/k" }
[node.worker]
security-groups = ["sg-2", "sg-3"]
mount.data = { at = "/mnt/data", size = "1 GiB", throughput = 500 }
"#,
    );
    assert_eq!(cluster.region.as_deref(), Some("eu-central-1"));
    let chief = &cluster.nodes[0].machine.ec2;
    assert_eq!((chief.user.as_deref(), chief.key.as_deref()), (Some("ann"), Some("team")));
    assert_eq!(chief.subnet.as_deref(), Some("subnet-1"));
    assert_eq!(chief.security_groups, ["sg-1"]);
    assert!(chief.profile.as_deref().is_some_and(|profile| profile.starts_with("arn:")));
    assert_eq!((chief.root.map(Size::gib), chief.spot), (Some(30), true));
    assert!(chief.tags.is_empty(), "a table of its own takes the place of the default one");
    let worker = &cluster.nodes[1].machine.ec2;
    assert_eq!((worker.user.as_deref(), worker.spot), (Some("ubuntu"), false));
    assert_eq!(worker.security_groups, ["sg-2", "sg-3"]);
    assert_eq!(worker.tags.get("project").map(String::as_str), Some("apes"));
    let home = &cluster.mount(&key("chief/home")).expect("it is there").ebs;
    assert_eq!((home.kind.as_deref(), home.iops, home.throughput), (Some("io2"), Some(4000), None));
    assert_eq!((home.encrypted, home.kms_key.as_deref()), (Some(false), Some("alias/k")));
    let data = &cluster.mount(&key("worker/data")).expect("it is there").ebs;
    assert_eq!((data.kind.as_deref(), data.throughput), (Some("gp3"), Some(500)));
    assert_eq!(data.encrypted, Some(true));
}

#[test]
fn a_store_is_taken_as_it_is_written_and_makes_no_other_cluster() {
    let text = |store: &str| format!("[cluster]\nname = \"c\"\n{store}\n[node.n]\n");
    let plain = parse(&text(""));
    assert_eq!(plain.store, None);
    for url in ["s3://team/wucluster", "file:///srv/store", "/srv/our store"] {
        let cluster = parse(&text(&format!("[store]\nurl = \"{url}\"")));
        assert_eq!(cluster.store.as_deref(), Some(url));
        assert_eq!(cluster.digest(), plain.digest());
    }
}

#[test]
fn each_key_of_ec2_changes_the_digest_and_its_absence_does_not() {
    let text = |cluster: &str, node: &str, mount: &str| {
        format!(
            "[cluster]\nname = \"c\"\n{cluster}\n[node.n]\n{node}\n[node.n.mount.m]\nat = \"/mnt/m\"\nsize = \"1 GiB\"\n{mount}\n"
        )
    };
    let plain = parse(&text("", "", "")).digest();
    let mut digests = std::collections::BTreeSet::from([plain]);
    for line in [
        "user = \"u\"",
        "subnet = \"u\"",
        "security-groups = [\"u\"]",
        "key = \"u\"",
        "profile = \"u\"",
        "root = \"8 GiB\"",
        "spot = true",
        "tags = { a = \"b\" }",
    ] {
        assert!(digests.insert(parse(&text("", line, "")).digest()), "{line}");
    }
    for line in [
        "volume-type = \"io1\"",
        "iops = 3000",
        "throughput = 3000",
        "initialization-rate = 100",
        "encrypted = true",
        "encrypted = false",
        "kms-key = \"k\"",
    ] {
        let line = line.replace("throughput = 3000", "throughput = 300");
        assert!(digests.insert(parse(&text("", "", &line)).digest()), "{line}");
    }
    for line in [
        "region = \"r\"",
        "network = \"managed\"",
        "network = \"managed\"\nssh-from = \"203.0.113.7\"",
        "network = \"managed\"\npublic-key = \"~/k.pub\"",
    ] {
        assert!(digests.insert(parse(&text(line, "", "")).digest()), "{line}");
    }
}

#[test]
fn a_managed_network_says_from_where_and_for_whom() {
    let network =
        |lines: &str| parse(&format!("[cluster]\nname = \"c\"\n{lines}\n[node.n]\n")).network;
    assert_eq!(network(""), None);
    let plain = ManagedNetwork::default();
    assert_eq!(network("network = \"managed\""), Some(plain.clone()));
    assert_eq!(network("network = \"managed\"\nssh-from = \"auto\""), Some(plain));
    let ssh_from = |lines: &str| {
        let blocks = network(&format!("network = \"managed\"\n{lines}")).unwrap().ssh_from;
        blocks.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(ssh_from("ssh-from = \"203.0.113.7\""), ["203.0.113.7/32"]);
    let list = "ssh-from = [\"2001:db8::/32\", \"10.0.0.0/8\", \"10.0.0.0/8\"]";
    assert_eq!(ssh_from(list), ["10.0.0.0/8", "2001:db8::/32"]);
    let key = |text: &str| {
        network(&format!("network = \"managed\"\npublic-key = \"{text}\"")).unwrap().public_key
    };
    assert_eq!(key("~/.ssh/k.pub"), Some(PublicKey::File("~/.ssh/k.pub".to_owned())));
    let text = "ssh-rsa AAAA ann@mill";
    assert_eq!(key(text), Some(PublicKey::Text(text.to_owned())));
}

#[test]
fn what_is_left_out_has_its_default() {
    let cluster =
        parse("[cluster]\nname = \"a\"\n[node.n.mount.m]\nat = \"/mnt/m\"\nsize = \"1 GiB\"\n");
    assert_eq!(cluster.provider, Provider::Local);
    assert_eq!((cluster.zone.as_deref(), cluster.recent), (None, None));
    let node = &cluster.nodes[0];
    assert_eq!(node.machine, Default::default());
    assert_eq!(node.hooks, Default::default());
    let mount = &node.mounts[0];
    assert_eq!(mount.fs, FilesystemKind::Ext4);
    assert!(mount.options.is_empty());
    assert_eq!((&mount.owner, &mount.group, mount.mode, &mount.from), (&None, &None, None, &None));
}

#[test]
fn nodes_and_mounts_keep_the_order_of_the_file() {
    let cluster = parse(
        r#"
[node.zebra]
mount.z = { at = "/mnt/z", size = "1 GiB" }
mount.a = { at = "/mnt/a", size = "1 GiB" }
[node.worker]
count = 11
[node.ant]
[cluster]
name = "order"
"#,
    );
    let mut expected = vec!["zebra".to_owned()];
    expected.extend((1..=11).map(|number| format!("worker-{number}")));
    expected.push("ant".to_owned());
    assert_eq!(node_names(&cluster), expected);
    let mounts: Vec<_> = cluster.nodes[0].mounts.keys().map(MountName::as_str).collect();
    assert_eq!(mounts, ["z", "a"]);
}

#[test]
fn a_count_of_one_is_numbered_and_no_count_is_not() {
    let cluster = parse("[cluster]\nname = \"a\"\n[node.one]\ncount = 1\n[node.alone]\n");
    assert_eq!(node_names(&cluster), ["one-1", "alone"]);
    assert_eq!(cluster.nodes[0].group, "one");
}

#[test]
fn a_count_of_zero_has_no_nodes_and_a_warning() {
    let text = "[cluster]\nname = \"a\"\n[node.none]\ncount = 0\n[node.one]\n";
    let (cluster, warnings) = ClusterDefinition::parse_with_warnings(text).expect("it is good");
    assert_eq!(node_names(&cluster), ["one"]);
    assert_eq!(warnings.iter().map(|w| w.code).collect::<Vec<_>>(), ["W0201"]);
    assert_eq!(ClusterDefinition::parse(text).expect("warnings are passed over"), cluster);
}

#[test]
fn defaults_give_way_to_what_a_group_or_mount_says_itself() {
    let cluster = parse(
        r#"
[cluster]
name = "a"
[defaults]
image = "debian"
type = "small"
memory = "1 GiB"
cpus = 2
ready = ["one", "two"]
before-halt = "three"
[defaults.mount]
size = "5 GiB"
fs = "xfs"
options = ["noatime", "discard"]
owner = "alice"
mode = "0750"
[node.plain]
mount.m = { at = "/mnt/m" }
[node.own]
image = "fedora"
cpus = 8
ready = []
before-halt = "four"
mount.m = { at = "/mnt/m", size = "6 GiB", fs = "ext4", options = [], owner = "bob", mode = "0700" }
"#,
    );
    let [plain, own] = [&cluster.nodes[0], &cluster.nodes[1]];
    assert_eq!(plain.machine.image.as_deref(), Some("debian"));
    assert_eq!(own.machine.image.as_deref(), Some("fedora"));
    assert_eq!(own.machine.instance_type.as_deref(), Some("small"));
    assert_eq!((plain.machine.cpus, own.machine.cpus), (Some(2), Some(8)));
    assert_eq!((plain.machine.memory_mib, own.machine.memory_mib), (Some(1024), Some(1024)));
    assert_eq!(plain.hooks.ready.len(), 2);
    assert_eq!(own.hooks.ready, [], "an empty list takes the place of the default one");
    assert_eq!(own.hooks.before_halt[0].run, "four");
    let [plain, own] = [&plain.mounts[0], &own.mounts[0]];
    assert_eq!((plain.size.gib(), own.size.gib()), (5, 6));
    assert_eq!((plain.fs, own.fs), (FilesystemKind::Xfs, FilesystemKind::Ext4));
    assert_eq!((plain.options.len(), own.options.len()), (2, 0));
    assert_eq!((plain.owner.as_deref(), own.owner.as_deref()), (Some("alice"), Some("bob")));
    assert_eq!((plain.mode, own.mode), (Some(0o750), Some(0o700)));
}

#[test]
fn a_byte_order_mark_and_carriage_returns_do_not_matter() {
    let text = format!("\u{feff}{}", DEMO.replace('\n', "\r\n"));
    let definition = parse(decode(text.as_bytes()).expect("it is text"));
    assert_eq!(definition, parse(DEMO));
}

#[test]
fn the_digest_changes_with_the_meaning_only() {
    let demo = parse(DEMO);
    let digest = demo.digest();
    assert_eq!(digest.len(), 64);
    assert!(digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{digest}");

    let moved = DEMO.replace("[node", "\n# a comment\n[node").replace("\"1h\"", "\"60m\"");
    assert_ne!(moved, DEMO);
    assert_eq!(parse(&moved).digest(), digest, "comments and lines do not matter");
    let worker = DEMO.find("[node.worker]").expect("it is there");
    let chief = DEMO.find("[node.chief]").expect("it is there");
    let (head, chief, worker) = (&DEMO[..chief], &DEMO[chief..worker], &DEMO[worker..]);
    let reordered = format!("{head}{worker}{chief}");
    assert_eq!(parse(&reordered).digest(), digest, "the order of nodes does not matter");

    for (from, to) in [
        ("name = \"demo\"", "name = \"other\""),
        ("\"local\"", "\"sim\""),
        ("\"1h\"", "\"2h\""),
        ("recent = ", "zone = \"z\"\nrecent = "),
        ("512 MiB", "513 MiB"),
        ("cpus = 1", "cpus = 2"),
        ("count = 2", "count = 3"),
        ("/mnt/scratch", "/mnt/scratch2"),
        ("fs = \"xfs\"", "fs = \"ext4\""),
        ("size = \"1 GiB\"\nfs", "size = \"2 GiB\"\nfs"),
        ("size = \"1 GiB\"\nfs", "mode = \"755\"\nsize = \"1 GiB\"\nfs"),
        ("size = \"1 GiB\"\nfs", "options = [\"noatime\"]\nsize = \"1 GiB\"\nfs"),
        ("size = \"1 GiB\"\nfs", "from = \"snap-0\"\nsize = \"1 GiB\"\nfs"),
        ("ready = ", "before-halt = "),
        ("test -d /mnt/home", "test -d /mnt"),
    ] {
        assert!(DEMO.contains(from), "{from}");
        let changed = parse(&DEMO.replacen(from, to, 1)).digest();
        assert_ne!(changed, digest, "{from} -> {to}");
    }
}

#[test]
fn a_list_of_snapshots_has_one_for_each_node() {
    let cluster = parse(
        "[cluster]\nname = \"a\"\n[node.worker]\ncount = 3\n\
         mount.m = { at = \"/mnt/m\", size = \"1 GiB\", from = [\"snap-1\", \"\", \"snap-3\"] }\n",
    );
    let from: Vec<Option<&str>> = cluster
        .mounts()
        .map(|(_, mount)| mount.from.as_ref().map(wucluster_core::ids::SnapshotId::as_str))
        .collect();
    assert_eq!(from, [Some("snap-1"), None, Some("snap-3")]);
}

#[test]
fn zones_and_types_may_be_lists_and_one_word_is_a_list_of_one() {
    let cluster = parse(
        "[cluster]\nname = \"a\"\nzone = [\"z-b\", \"z-a\"]\n[defaults]\ntype = [\"large\", \"small\"]\n\
         [node.plain]\n[node.own]\ntype = \"huge\"\n",
    );
    assert_eq!(cluster.zones().collect::<Vec<_>>(), ["z-b", "z-a"], "in the order of the file");
    assert_eq!(cluster.zone.as_deref(), Some("z-b"));
    let [plain, own] = [&cluster.nodes[0], &cluster.nodes[1]];
    assert_eq!(plain.types().collect::<Vec<_>>(), ["large", "small"]);
    assert_eq!(plain.machine.instance_type.as_deref(), Some("large"));
    assert_eq!(own.types().collect::<Vec<_>>(), ["huge"], "it takes the place of the default list");
    let one = |zone: &str, kind: &str| {
        let text = format!("[cluster]\nname = \"a\"\nzone = {zone}\n[node.n]\ntype = {kind}\n");
        parse(&text).digest()
    };
    let plain = one("\"z-a\"", "\"large\"");
    assert_eq!(one("[\"z-a\"]", "[\"large\"]"), plain);
    let others = [
        one("[\"z-a\", \"z-b\"]", "\"large\""),
        one("[\"z-b\", \"z-a\"]", "\"large\""),
        one("\"z-a\"", "[\"large\", \"small\"]"),
        one("\"z-a\"", "[\"small\", \"large\"]"),
        plain,
    ];
    let distinct: std::collections::BTreeSet<&String> = others.iter().collect();
    assert_eq!(distinct.len(), others.len(), "what is tried, and in which order, is meant");
}

#[test]
fn the_largest_cluster_is_expanded() {
    let text = "[cluster]\nname = \"a\"\n[node.worker]\ncount = 10000\nmount.m = { at = \"/mnt/m\", size = \"1 GiB\" }\n";
    let cluster = parse(text);
    assert_eq!(cluster.nodes.len(), 10_000);
    assert_eq!(cluster.nodes.last().map(|(name, _)| name.as_str()), Some("worker-10000"));
}
