//! The recipe of the node image: everything that decides what is in it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest, Sha256};
use wucluster_core::ids::hex;

use crate::error::LocalError;
use crate::program;

/// Packages of a node, beside Debian's smallest set. The kernel and xfsprogs are taken apart by
/// `customize.sh`; `usr-is-merged` keeps out `usrmerge`, which would bring perl.
const PACKAGES: &[&str] = &[
    "usr-is-merged",
    "systemd-sysv",
    "udev",
    "openssh-server",
    "e2fsprogs",
    "util-linux",
    "mount",
    "iproute2",
    "kmod",
    "procps",
    "psmisc",
    "iputils-ping",
    "less",
    "ca-certificates",
    "rsync",
];

/// Parts of packages that a node does without.
const EXCLUDED: &[&str] = &[
    "/usr/share/man/*",
    "/usr/share/doc/*",
    "/usr/share/locale/*",
    "/usr/share/info/*",
    "/usr/lib/udev/hwdb.d/*",
    "/lib/udev/hwdb.d/*",
];

/// What turns Debian into a node; runs as mmdebstrap's customize hook.
pub(crate) const CUSTOMIZE: &str = include_str!("node/customize.sh");
/// What turns the tree into a disk and a kernel.
pub(crate) const ASSEMBLE: &str = include_str!("node/assemble.sh");

/// Where the root file system begins on the disk. Unit: bytes.
pub(crate) const ROOT_OFFSET: u64 = 1 << 20;
/// Size of the root file system; sparse. Unit: bytes.
pub(crate) const ROOT_BYTES: u64 = 8 << 30;
/// Signature of the disk's partition table. With it the kernel finds its root by itself, without an
/// initramfs and whatever names NVMe disks get: those depend on the order in which they answer.
pub(crate) const DISK_SIGNATURE: u32 = 0x7775_6301;

/// Environment variable: a file with apt sources to build from, instead of the host's own.
pub const APT_SOURCES_VARIABLE: &str = "WUCLUSTER_LOCAL_APT_SOURCES";
/// Environment variable: the Debian suite to build, instead of the host's own.
pub const SUITE_VARIABLE: &str = "WUCLUSTER_LOCAL_SUITE";

/// One image's recipe.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    /// The Debian suite.
    pub(crate) suite: String,
    /// Apt sources in whatever form apt takes.
    pub(crate) sources: String,
}

impl Recipe {
    /// Makes the recipe for this host: its own Debian suite from its own package sources.
    ///
    /// # Errors
    /// [`LocalError::Unsupported`] when it is no Debian on x86-64 and nothing else was given.
    pub(crate) fn of_host() -> Result<Self, LocalError> {
        let suite = match std::env::var(SUITE_VARIABLE) {
            Ok(suite) if !suite.is_empty() => suite,
            _ => host_suite()?,
        };
        let sources = match std::env::var_os(APT_SOURCES_VARIABLE) {
            Some(path) if !path.is_empty() => {
                let path = PathBuf::from(path);
                fs::read_to_string(&path).map_err(LocalError::file("read", &path))?
            }
            _ => host_sources(&suite),
        };
        if sources.trim().is_empty() {
            return Err(LocalError::Unsupported {
                why: format!(
                    "its apt sources do not offer Debian {suite}; set {APT_SOURCES_VARIABLE} to a file with \
                     sources that do, and {SUITE_VARIABLE} if the suite is another"
                ),
            });
        }
        Ok(Self { suite, sources })
    }

    /// Returns the recipe's name: a hash over everything that decides what is in the image.
    ///
    /// Where the packages come from is left out: a mirror does not change what they are.
    pub(crate) fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        for part in [std::env::consts::ARCH, &self.suite, CUSTOMIZE, ASSEMBLE]
            .into_iter()
            .chain(PACKAGES.iter().copied())
            .chain(EXCLUDED.iter().copied())
        {
            hasher.update(part.len().to_le_bytes());
            hasher.update(part);
        }
        hasher.update(ROOT_BYTES.to_le_bytes());
        hasher.update(DISK_SIGNATURE.to_le_bytes());
        hex(&hasher.finalize())[..16].to_owned()
    }

    /// Lists mmdebstrap's options, all but mode, format, hook, target and sources.
    pub(crate) async fn options(&self) -> Vec<String> {
        let mut options = vec![
            "--variant=minbase".to_owned(),
            "--architectures=amd64".to_owned(),
            format!("--include={}", PACKAGES.join(",")),
            "--aptopt=APT::Install-Recommends \"false\"".to_owned(),
            "--aptopt=Acquire::Languages \"none\"".to_owned(),
        ];
        options.extend(EXCLUDED.iter().map(|path| format!("--dpkgopt=path-exclude={path}")));
        options.extend(
            host_apt_options().await.into_iter().map(|option| format!("--aptopt={option}")),
        );
        options
    }
}

/// Returns the options by which the host's apt reaches its sources: proxies and clock checks.
async fn host_apt_options() -> Vec<String> {
    const WANTED: &[&str] = &[
        "Acquire::http::Proxy ",
        "Acquire::https::Proxy ",
        "Acquire::Check-Valid-Until ",
        "Acquire::Check-Date ",
    ];
    let dump = program::command("apt-config", ["dump"]);
    let text = program::run(dump, Duration::from_secs(10)).await.unwrap_or_default();
    text.lines()
        .filter(|line| WANTED.iter().any(|wanted| line.starts_with(wanted)))
        .map(|line| line.trim_end_matches(';').to_owned())
        .collect()
}

/// Returns the suite of the Debian that this host runs.
fn host_suite() -> Result<String, LocalError> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value = |key: &str| {
        release.lines().find_map(|line| {
            Some(line.strip_prefix(key)?.strip_prefix('=')?.trim_matches('"').to_owned())
        })
    };
    match (value("ID").as_deref(), value("VERSION_CODENAME")) {
        (Some("debian"), Some(suite)) => Ok(suite),
        (id, _) => Err(LocalError::Unsupported {
            why: format!(
                "nodes are built from Debian packages, and this host is `{}`; set {SUITE_VARIABLE} to a Debian \
                 suite and {APT_SOURCES_VARIABLE} to a file with apt sources for it",
                id.unwrap_or("unknown")
            ),
        }),
    }
}

/// Returns those of the host's apt sources that offer the suite, as one text.
///
/// mmdebstrap takes both forms of sources, but not mixed; the newer form is preferred.
fn host_sources(suite: &str) -> String {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(entries) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    files.sort();
    let texts: Vec<(bool, String)> = files
        .iter()
        .filter_map(|path| {
            let is_new_form = path.extension().is_some_and(|ext| ext == "sources");
            Some((is_new_form, fs::read_to_string(path).ok()?))
        })
        .collect();
    let join = |wanted: bool, pick: fn(&str, &str) -> Vec<String>, separator: &str| {
        let parts = texts.iter().filter(|(new_form, _)| *new_form == wanted);
        parts.flat_map(|(_, text)| pick(text, suite)).collect::<Vec<_>>().join(separator)
    };
    let stanzas = join(true, stanzas_of, "\n\n");
    if stanzas.is_empty() { join(false, lines_of, "\n") } else { stanzas }
}

/// Says whether a suite's name is `suite` itself or its updates.
fn is_of_suite(name: &str, suite: &str) -> bool {
    let rest = name.strip_prefix(suite);
    rest.is_some_and(|rest| ["", "-updates", "-security", "/updates"].contains(&rest))
}

/// Picks the stanzas of the newer form that offer the suite's `main`.
fn stanzas_of(text: &str, suite: &str) -> Vec<String> {
    let plain: Vec<&str> =
        text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let plain = plain.join("\n");
    let field = |stanza: &str, key: &str| -> Vec<String> {
        let line = stanza.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(key).then(|| value.to_owned())
        });
        line.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    plain
        .split("\n\n")
        .map(str::trim)
        .filter(|stanza| {
            let suites = field(stanza, "Suites");
            field(stanza, "Types").iter().any(|kind| kind == "deb")
                && field(stanza, "Enabled") != ["no"]
                && field(stanza, "Components").iter().any(|component| component == "main")
                && !suites.is_empty()
                && suites.iter().all(|name| is_of_suite(name, suite))
        })
        .map(str::to_owned)
        .collect()
}

/// Picks the lines of the older form that offer the suite's `main`.
fn lines_of(text: &str, suite: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| {
            let Some(rest) = line.strip_prefix("deb ") else { return false };
            let rest = rest.trim_start();
            let rest = if rest.starts_with('[') { rest.split_once(']').map_or("", |(_, rest)| rest) } else { rest };
            let words: Vec<&str> = rest.split_whitespace().collect();
            matches!(words.as_slice(), [_, name, components @ ..] if is_of_suite(name, suite) && components.contains(&"main"))
        })
        .map(str::to_owned)
        .collect()
}

/// Makes the first sector of the disk: a partition table with the root file system as its first.
pub(crate) fn partition_table() -> [u8; 512] {
    let mut sector = [0_u8; 512];
    sector[440..444].copy_from_slice(&DISK_SIGNATURE.to_le_bytes());
    let entry = &mut sector[446..462];
    entry[4] = 0x83;
    // Both fit: 8 GiB are 2^24 sectors.
    entry[8..12].copy_from_slice(&((ROOT_OFFSET / 512) as u32).to_le_bytes());
    entry[12..16].copy_from_slice(&((ROOT_BYTES / 512) as u32).to_le_bytes());
    sector[510] = 0x55;
    sector[511] = 0xaa;
    sector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_of_the_suite_are_taken() {
        let text = "Types: deb\n# note\nURIs: http://a/debian\nSuites: bookworm bookworm-updates\nComponents: main\n\n\
                    Types: deb\nURIs: http://b\nSuites: nodistro\nComponents: main\n\n\
                    Types: deb\nEnabled: no\nURIs: http://c\nSuites: bookworm\nComponents: main\n";
        let taken = stanzas_of(text, "bookworm");
        assert_eq!(taken.len(), 1);
        assert!(taken[0].contains("http://a/debian") && !taken[0].contains("note"));
        let lines = "deb [signed-by=/x y] http://a bookworm main contrib\ndeb http://b cloud-bookworm main\n\
                     deb-src http://a bookworm main\ndeb http://d bookworm stable\n";
        assert_eq!(
            lines_of(lines, "bookworm"),
            ["deb [signed-by=/x y] http://a bookworm main contrib"]
        );
    }

    #[test]
    fn the_name_depends_on_the_content_and_not_on_the_mirror() {
        let recipe = |suite: &str, sources: &str| {
            Recipe { suite: suite.into(), sources: sources.into() }.hash()
        };
        assert_eq!(recipe("bookworm", "a"), recipe("bookworm", "b"));
        assert_ne!(recipe("bookworm", "a"), recipe("trixie", "a"));
    }

    #[test]
    fn the_partition_table_names_the_root() {
        let sector = partition_table();
        assert_eq!(sector[510..], [0x55, 0xaa]);
        assert_eq!(u32::from_le_bytes([sector[454], sector[455], sector[456], sector[457]]), 2048);
    }
}
