//! Every kind of mistake in a definition, with all that is said about it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use wucluster_core::definition::{
    ClusterDefinition, Code, Diagnostic, Severity, decode, line_and_column,
};

/// Writes out what was found, one part a line: code, places, help, patch.
fn dump(text: &str, found: &[Diagnostic]) -> String {
    let mut out = String::new();
    let place = |span: &std::ops::Range<usize>| {
        let (line, column) = line_and_column(text, span.start);
        let shown: String = text[span.clone()].escape_debug().take(120).collect();
        format!("{line}:{column} `{shown}`")
    };
    for diagnostic in found {
        let Diagnostic { code, severity: _, message, labels, help, patch } = diagnostic;
        writeln!(out, "{code} {message}").expect("a string");
        for label in labels {
            writeln!(out, "  at {} {}", place(&label.span), label.text).expect("a string");
        }
        if let Some(help) = help {
            writeln!(out, "  help {help}").expect("a string");
        }
        if let Some(patch) = patch {
            let replacement = patch.replacement.escape_debug();
            writeln!(out, "  patch {} -> `{replacement}`", place(&patch.span)).expect("a string");
        }
    }
    out
}

fn diagnostics(text: &str) -> Vec<Diagnostic> {
    match ClusterDefinition::parse_with_warnings(text) {
        Ok((_, warnings)) => warnings,
        Err(found) => found,
    }
}

/// A definition with a line in `[cluster]`.
fn cluster(line: &str) -> String {
    format!("[cluster]\nname = \"c\"\n{line}\n[node.n]\n")
}

/// A definition with lines in a node group.
fn node(lines: &str) -> String {
    format!("[cluster]\nname = \"c\"\n[node.n]\n{lines}\n")
}

/// A definition with lines in a mount.
fn mount(lines: &str) -> String {
    node(&format!("[node.n.mount.m]\nat = \"/mnt/m\"\nsize = \"1 GiB\"\n{lines}"))
}

/// A definition with a mount at a place.
fn at(path: &str) -> String {
    node(&format!("mount.m = {{ at = {path}, size = \"1 GiB\" }}"))
}

/// A definition with a mount of a size.
fn size(size: &str) -> String {
    node(&format!("mount.m = {{ at = \"/mnt/m\", size = {size} }}"))
}

/// A definition with only these lines behind `[cluster]`.
fn rest(lines: &str) -> String {
    format!("[cluster]\nname = \"c\"\n{lines}\n")
}

fn with(make: impl Fn(&str) -> String, parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| make(part)).collect()
}

/// All texts with mistakes, by topic.
fn topics() -> Vec<(&'static str, Vec<String>)> {
    let long = "x".repeat(300);
    let many_tags: Vec<String> = (0..41).map(|number| format!("t{number} = \"\"")).collect();
    let many_zones: Vec<String> = (0..17).map(|number| format!("\"z{number}\"")).collect();
    let many_tags = format!("tags = {{ {} }}", many_tags.join(", "));
    let command = format!("ready = \"{}\"", "x".repeat(16_385));
    let many_mounts: String = (0..128)
        .map(|number| format!("mount.m{number} = {{ at = \"/mnt/{number}\", size = \"1 GiB\" }}\n"))
        .collect();
    let heavy = format!(
        "[node.a]\ncount = 10000\nready = [{}]",
        format!("\"{}\",", "x".repeat(9000)).repeat(4)
    );
    vec![
        (
            "whole_file",
            vec![
                String::new(),
                "\n  # nothing\n\t\n".to_owned(),
                "\u{feff}\n".to_owned(),
                "ELF\0\0binary".to_owned(),
                "#".repeat((1 << 20) + 1),
                "[node.n]\n".to_owned(),
                "name = \"c\"\n[node.n]\n".to_owned(),
                "[cluster]\n[node.n]\n".to_owned(),
                "cluster = {}\n[node.n]\n".to_owned(),
                "cluster = \"c\"\n".to_owned(),
            ],
        ),
        (
            "syntax",
            vec![
                "{ \"cluster\": { \"name\": \"c\" } }\n".to_owned(),
                "---\ncluster:\n  name: c\n".to_owned(),
                cluster("zone = us-east-1d"),
                cluster("zone ="),
                cluster("zone"),
                cluster("zone = \"us-east-1d"),
                cluster("zone = 'a' 'b'"),
                mount("mode = 0755"),
                mount("options = [\"noatime\"\nowner = \"A\""),
                "[cluster\nname = \"c\"\n[node n]\ncount = -1\n[node.good]\nsizee = 1\ncount = -1\n".to_owned(),
            ],
        ),
        (
            "keys_there_twice",
            vec![
                cluster("name = \"d\""),
                rest("[node.n]\ncpus = 1\n[node.m]\n[node.n]\ncpus = 2"),
                rest("[node.n]\nmount.m = { at = \"/mnt/m\", size = \"1 GiB\", at = \"/mnt/n\" }"),
                rest("[node.n]\nmount.m = { at = \"/mnt/m\", size = \"1 GiB\" }\n[node.n.mount.m]\nat = \"/mnt/n\""),
                rest("[node.n]\n\"cpus\" = 1\ncpus = 99999"),
            ],
        ),
        (
            "keys",
            vec![
                cluster("provder = \"aws\""),
                cluster("cloud = \"aws\"\nprovider = \"aws\""),
                cluster("colour = \"red\""),
                cluster("size = \"1 GiB\""),
                rest("[nodes.n]\n[default]\n[node.n]"),
                rest("[mount.m]\nat = \"/mnt/m\"\n[node.n]"),
                rest("[defaults]\ncount = 3\nimgae = \"i\"\n[defaults.mount]\nat = \"/mnt\"\nhome = { at = \"/mnt/home\" }\n[node.n]"),
                node("name = \"n\"\ninstance_type = \"t\"\nram = \"1 GiB\"\nbefore_halt = \"true\"\nowner = \"a\""),
                node("\"a\\u001b[31m\" = 1"),
                mount("type = \"xfs\"\nmode_ = \"755\"\nname = \"m\"\npath = \"/x\"\ncount = 2\nkeep = \"never\""),
                node("ready = { command = \"true\", timeot = \"1s\", run = \"true\" }"),
            ],
        ),
        (
            "wrong_types",
            vec![
                "node = 3\ncluster = []\ndefaults = true\n".to_owned(),
                cluster("zone = 1d"),
                cluster("zone = 1.5\nprovider = true\nrecent = 90"),
                cluster("recent = 1979-05-27"),
                rest("[[node]]\ncount = 2"),
                rest("[[node.n]]\n[[node.n]]"),
                rest("[defaults]\nmount = \"ext4\"\n[node.n]"),
                rest("[node.n]\ncount = \"03\"\ncpus = 2.0\nimage = [\"a\"]\nmemory = 512\nready = 1"),
                node("count = {}\nready = [1, [\"true\"], { run = true, timeout = 30, blocks = \"no\" }, { run = \"x\", blocks = 1 }]"),
                node("mount = \"/mnt/home\""),
                node("mount.home = \"/mnt/home\""),
                node("[[node.n.mount.home]]\nat = \"/mnt/home\""),
                mount("fs = 4\noptions = \"noatime, nodiratime\"\nowner = [\"a\"]\ngroup = 1.5\nmode = 755\nfrom = {}"),
                mount("options = [1, \"noatime\"]\nmode = 0o2775"),
                mount("options = {}\nmode = 999"),
                mount("mode = true"),
                node("mount.m = { at = 1, size = 40 }"),
                size("[40]"),
            ],
        ),
        (
            "missing",
            vec![
                node("mount.m = {}"),
                node("mount.m = { at = \"/mnt/m\" }"),
                node("mount.m.size = \"1 GiB\""),
                node("[node.n.mount.m]"),
                node("[node.n.mount.\"M m\"]\nsize = \"1 GiB\""),
                node("ready = [{ timeout = \"1s\" }]"),
                node("mount.at = \"/mnt/m\"\nmount.size = \"1 GiB\""),
                rest("[node]\nimage = \"debian\"\ncount = 2"),
            ],
        ),
        (
            "names",
            vec![
                "[cluster]\nname = \"My Cluster\"\n[node.n]\n".to_owned(),
                "[cluster]\nname = \"\"\n[node.n]\n".to_owned(),
                "[cluster]\nname = \"a\\n$(reboot)\"\n[node.n]\n".to_owned(),
                rest("[node.Chief]\n[node.\"\"]\n[node.-a]\n[node.\"a/b\"]"),
                rest("[node.a-name-that-is-longer-than-all-of-them]"),
                rest("[node.exactly-thirty-two-characters-x]\n[node.exactly-thirty-two-characters-y]\ncount = 1"),
                node("mount.My_Data = { at = \"/mnt/m\", size = \"1 GiB\" }"),
                rest("[node.worker]\ncount = 2\n[node.worker-1]\n[node.worker-2]"),
                rest("[node.a-1]\n[node.a]\ncount = 1"),
            ],
        ),
        (
            "cluster",
            vec![
                cluster("provider = \"amazon\""),
                cluster("provider = \"locl\""),
                cluster("provider = \"azure\""),
                cluster("zone = \"\""),
                cluster("zone = \"-d\""),
                cluster("zone = \"a b\""),
                cluster(&format!("zone = \"{long}\"")),
                cluster("recent = \"\""),
                cluster("recent = \"soon\""),
                cluster("recent = \"1.5h\""),
                cluster("recent = \"0s\""),
                cluster("recent = \"4000d\""),
            ],
        ),
        (
            "choices",
            vec![
                cluster("zone = []"),
                cluster("zone = [\"z-a\", \"z-b\", \"z-a\"]"),
                cluster("zone = [\"z-a\", 1]"),
                cluster("zone = [\"z-a\", \"z b\"]"),
                cluster("zone = { first = \"z-a\" }"),
                cluster(&format!("zone = [{}]", many_zones.join(", "))),
                node("type = []"),
                node("type = [\"large\", \"large\"]"),
                node("type = [\"\"]"),
                rest("[defaults]\ntype = [\"large\", true]\n[node.n]"),
                cluster("zone = [\"z-a\", \"z-b\"]\n[defaults]\nsubnet = \"subnet-1\""),
                "[cluster]\nname = \"c\"\nzone = [\"z-a\", \"z-b\"]\n[node.free]\n[node.bound]\nsubnet = \"subnet-1\"\n"
                    .to_owned(),
            ],
        ),
        (
            "groups",
            vec![
                node("count = -1"),
                node("count = 10001"),
                node("count = 99999999999999999999999"),
                rest("[node.a]\ncount = 10000\n[node.b]"),
                rest(&heavy),
                node("cpus = 0"),
                node("cpus = 2000"),
                node("image = \"a;b\"\ntype = \"\""),
                node("memory = \"512 MB\""),
                node("memory = \"0.5 GiB\""),
                node("memory = \"1 TiB\""),
                node("memory = \"lots\""),
                node("memory = \"0 MiB\""),
                node("memory = \"8 MiB\""),
                node("memory = \"99999 GiB\""),
                node(&many_mounts),
            ],
        ),
        (
            "sizes",
            with(
                size,
                &[
                    "\"200 GB\"",
                    "\"1.5 TB\"",
                    "\"500 MiB\"",
                    "\"20G\"",
                    "\"20 gib\"",
                    "\"20\"",
                    "\"20 apples\"",
                    "\"1.5 TiB\"",
                    "\"1_000 GiB\"",
                    "\"\"",
                    "\"big\"",
                    "\"-1 GiB\"",
                    "\"0 GiB\"",
                    "\"65 TiB\"",
                ],
            ),
        ),
        (
            "mount_points",
            with(
                at,
                &[
                    "\"\"",
                    "\"mnt/m\"",
                    "\"~/m\"",
                    "\"/mnt//m\"",
                    "\"/mnt/./m\"",
                    "\"/mnt/m/\"",
                    "\"/mnt/../etc\"",
                    "\"/mnt/a b\"",
                    "\"/mnt/$(reboot)\"",
                    "\"/mnt/a\\nb\"",
                    "\"/\"",
                    "\"/etc\"",
                    "\"/usr/local/data\"",
                    "\"/root\"",
                    "\"/var/lib\"",
                ],
            ),
        ),
        (
            "mount_points_together",
            vec![
                "[cluster]\nname = \"gibbon\"\nprovider = \"aws\"\nzone = \"us-east-1d\"\nrecent = \"1h\"\n\n\
                 [node.chief]\nimage = \"ami-0d9c2b3a41f7e6650\"\ntype = \"m7i.xlarge\"\n\
                 mount.home = { at = \"/mnt/home\", size = \"40 GiB\" }\n\
                 mount.data = { at = \"/mnt/home\", size = \"500 GiB\" }\n\n\
                 [node.worker]\ncount = 3\n[node.worker.mount.scratch]\nat = \"/mnt/scratch\"\nsize = \"200 GB\"\n"
                    .to_owned(),
                rest("node.n = { mount.a = { at = \"/mnt/b\", size = \"1 GiB\" }, mount.b = { at = \"/mnt/b\", size = \"1 GiB\" } }"),
                node("mount.a = { at = \"/mnt/a/b/c\", size = \"1 GiB\" }\nmount.b = { at = \"/mnt/a\", size = \"1 GiB\" }\nmount.c = { at = \"/mnt/ab\", size = \"1 GiB\" }"),
                node("mount.a = { at = \"/x\", size = \"1 GiB\" }\nmount.b = { at = \"/x\", size = \"1 GiB\" }\nmount.x = { at = \"/x\", size = \"1 GiB\" }"),
            ],
        ),
        (
            "options",
            with(
                |options| mount(&format!("options = [{options}]")),
                &[
                    "\"noatime,ro\"",
                    "\",\"",
                    "\"\"",
                    "\"a b\"",
                    "\"-o\"",
                    "\"context=\\\"x\\\"\"",
                    "\"ro\", \"noauto\", \"remount\", \"bind\", \"loop\", \"loop=/dev/loop0\"",
                    "\"user\", \"uhelper=udisks2\", \"norecovery\", \"barrier=0\", \"x-systemd.automount\"",
                    "\"discard\", \"barrier=1\", \"rw\"",
                ],
            ),
        ),
        (
            "store",
            with(
                |lines| cluster(&format!("[store]\n{lines}")),
                &[
                    "",
                    "bucket = \"s3://team\"",
                    "url = \"gs://team\"",
                    "url = \"s3://\"",
                    "url = \"state/store\"",
                    "url = \"/a\\u0007\"",
                    "url = 3",
                    "name = \"c\"\nurl = \"/srv/store\"",
                ],
            ),
        ),
        (
            "network",
            with(
                cluster,
                &[
                    "network = \"manged\"",
                    "network = \"vpc-1\"",
                    "network = true",
                    "ssh-from = \"auto\"",
                    "ssh_from = \"auto\"",
                    "public-key = \"~/.ssh/id_ed25519.pub\"",
                    "network = \"managed\"\nssh-from = \"203.0.113.7/24\"",
                    "network = \"managed\"\nssh-from = [\"203.0.113.7\", \"2001:db8::/129\", \"auto\", 7]",
                    "network = \"managed\"\nssh-from = []",
                    "network = \"managed\"\nssh-from = [\"0.0.0.0/0\", \"::/0\"]",
                    "network = \"managed\"\npublic-key = \"~/.ssh/id_ed25519\"",
                    "network = \"managed\"\npublic-key = \"ecdsa-sha2-nistp256 AAAA\"",
                    "network = \"managed\"\npublic-key = \"-----BEGIN OPENSSH PRIVATE KEY-----\"",
                ],
            ),
        ),
        (
            "former_names",
            [
                with(
                    mount,
                    &[
                        "was = \"Old\"",
                        "was = \"a/b/c\"",
                        "was = 3",
                        "was = [\"n/a\", \"n/b\"]",
                        "was = [\"a\"]",
                        "was = \"m\"",
                        "was = \"n/m\"",
                    ],
                ),
                with(
                    node,
                    &[
                        "was = \"Old\"",
                        "was = \"a/b\"",
                        "was = \"n\"",
                        "was = \"o\"\n[node.p]\nwas = \"o\"",
                        "count = 2\nmount.m = { at = \"/m\", size = \"1 GiB\", was = \"o/m\" }",
                        "mount.m = { at = \"/m\", size = \"1 GiB\", was = \"a\" }\n\
                         mount.o = { at = \"/o\", size = \"1 GiB\", was = \"a\" }",
                    ],
                ),
            ]
            .concat(),
        ),
        (
            "prices",
            with(
                |lines| cluster(&format!("[prices]\n{lines}")),
                &[
                    "as_of = \"2026-11\"",
                    "curency = \"USD\"",
                    "currency = \"usd\"",
                    "currency = \"Dollar\"",
                    "currency = 3",
                    "as-of = \"November\"",
                    "as-of = \"2026-13\"",
                    "as-of = \"2026-11-32\"",
                    "snapshot = -0.05",
                    "snapshot = 5e-2",
                    "snapshot = 0.00000005",
                    "snapshot = 1000001",
                    "snapshot = inf",
                    "snapshot = \"0.05\"",
                    "snapshot = \"cheap\"",
                    "volume = \"0.08\"",
                    "volume = { gp3 = \"0.08\" }",
                    "volume = { gb3 = 0.08 }",
                    "volume = { floppy = 0.08 }",
                    "instance = { \"m7i.large\" = 0.1008, t3 = true }",
                    "machines = 0.02",
                    "url = \"/srv/store\"",
                ],
            ),
        ),
        (
            "owners_modes_and_snapshots",
            with(
                mount,
                &[
                    "fs = \"ext3\"",
                    "fs = \"btrfs\"",
                    "owner = \"Alice\"",
                    "owner = \"alice:users\"",
                    "owner = \"\"",
                    "group = \"a b\"",
                    "group = 4294967295",
                    "group = -1",
                    "mode = \"u=rwx\"",
                    "mode = \"0o755\"",
                    "mode = \"888\"",
                    "mode = \"77777\"",
                    "from = \"vol-0123\"",
                    "from = \"snap-0ABC\"",
                    "from = \"snap-\"",
                    "from = []",
                    "from = [\"snap-1\", \"\"]",
                    "from = [\"vol-1\"]",
                    "from = [1]",
                ],
            ),
        ),
        (
            "ec2",
            vec![
                mount("volume-type = \"gp33\""),
                mount("volume-type = \"ssd\"\niops = 0\nthroughput = 1000000\ninitialization-rate = 99"),
                mount("volume_type = \"gp3\"\nkms = \"alias/k\"\nencrypted = \"yes\""),
                node("sg = \"sg-1\"\nsubnet_id = \"subnet-1\"\nkey-name = \"k\"\nspot = 1\nuser = \"A b\""),
                node("security-groups = [\"sg-1\", 2, \"a b\"]\nroot = \"30 GB\""),
                node("tags = [\"a\"]"),
                node("tags = { Name = \"x\", \"wucluster:node\" = \"n\", \"aws:x\" = \"y\", a = 1, b = \"\\u0007\" }"),
                node(&format!("tags = {{ a = \"{}\" }}", "x".repeat(257))),
                node(&many_tags),
                cluster("regoin = \"eu-central-1\""),
            ],
        ),
        (
            "hooks",
            vec![
                node("ready = \"\""),
                node("ready = [\" \", { run = \"\\u0000\" }]"),
                node(&command),
                node("before-halt = { run = \"true\", timeout = \"2h\" }"),
                node("before-unmount = { run = \"true\", timeout = \"0s\" }"),
                node("before-unmount = { run = \"true\", timeout = \"5 min\" }"),
            ],
        ),
        (
            "warnings",
            vec![
                rest(""),
                rest("[node]"),
                node("count = 0"),
                node("memory = \"128 MiB\""),
                mount("options = [\"noatime\", \"discard\", \"noatime\"]"),
                at("\"/home\""),
            ],
        ),
        (
            "examples",
            vec![
                include_str!("../../../examples/errors/two-mistakes.cluster.toml").to_owned(),
                include_str!("../../../examples/errors/many-mistakes.cluster.toml").to_owned(),
            ],
        ),
    ]
}

#[test]
fn every_kind_of_mistake_is_explained() {
    for (topic, texts) in topics() {
        let mut out = String::new();
        for text in texts {
            let found = diagnostics(&text);
            let shown: String = text.chars().take(1000).collect();
            let shown =
                if shown.lines().any(|line| line.len() > 200) { "(long)\n" } else { &shown };
            let rule = "-".repeat(80);
            let tail = if shown.ends_with('\n') { "" } else { "\n" };
            let shown = shown.replace(['\0', '\u{feff}'], "?");
            write!(out, "{rule}\n{shown}{tail}=>\n{}", dump(&text, &found)).expect("a string");
        }
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("definition_{topic}"), out);
        });
    }
}

#[test]
fn every_code_is_unique_documented_and_reported_somewhere() {
    let mut reported = BTreeSet::new();
    for (_, texts) in topics() {
        for text in texts {
            reported.extend(diagnostics(&text).into_iter().map(|found| found.code));
        }
    }
    let all: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(all.len(), Code::ALL.len(), "two kinds share a code");
    assert_eq!(reported, all);
    for code in Code::ALL {
        assert!(code.meaning().ends_with('.'), "{code}: {:?}", code.meaning());
        let is_warning = code.as_str().starts_with('W');
        assert_eq!(code.severity() == Severity::Warning, is_warning, "{code}");
    }
}

#[test]
fn every_patch_mends_its_mistake_and_breaks_nothing() {
    let mut patches = 0;
    for (_, texts) in topics() {
        for text in texts {
            let before = diagnostics(&text);
            for diagnostic in &before {
                let Some(patch) = &diagnostic.patch else { continue };
                let mut mended = text.clone();
                mended.replace_range(patch.span.clone(), &patch.replacement);
                let after = diagnostics(&mended);
                let count = |all: &[Diagnostic]| {
                    all.iter().filter(|other| other.code == diagnostic.code).count()
                };
                assert!(
                    count(&after) < count(&before),
                    "{}\n-- mended:\n{mended}\n-- found:\n{}",
                    dump(&text, std::slice::from_ref(diagnostic)),
                    dump(&mended, &after)
                );
                patches += 1;
            }
        }
    }
    assert!(patches > 50, "{patches}");
}

#[test]
fn what_is_found_is_in_the_order_of_the_file() {
    for (topic, texts) in topics() {
        for text in texts {
            let starts: Vec<usize> = diagnostics(&text)
                .iter()
                .map(|found| found.labels.first().map_or(0, |label| label.span.start))
                .collect();
            assert!(starts.is_sorted(), "{topic}: {text}");
        }
    }
}

#[test]
fn bytes_that_are_no_text_are_explained() {
    let mut out = String::new();
    for bytes in [
        b"\xff\xfe[\0c\0".as_slice(),
        b"\x7fELF\x02\x01\0\0\xf0",
        b"[cluster]\nname = \"caf\xe9\"\n",
    ] {
        let found = decode(bytes).expect_err("it is no text");
        assert!(found.iter().all(|diagnostic| diagnostic.labels.is_empty()));
        out.push_str(&dump("", &found));
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("definition_bytes", out);
    });
    assert_eq!(decode("[cluster]\n# é\n".as_bytes()), Ok("[cluster]\n# é\n"));
}
