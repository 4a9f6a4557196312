//! Which keys each section knows, and what was meant by one that it does not know.

use toml::de::DeValue;

use super::section::{Field, Section, Sink};
use crate::definition::code::Code;
use crate::definition::diagnostic::{Diagnostic, shown};

/// A kind of section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The file itself.
    Root,
    /// `[cluster]`.
    Cluster,
    /// `[store]`.
    Store,
    /// `[defaults]`.
    Defaults,
    /// `[defaults.mount]`.
    DefaultsMount,
    /// `[node.NAME]`.
    Group,
    /// `[node.NAME.mount.NAME]`.
    Mount,
    /// A hook in braces.
    Hook,
    /// Tags of the user's own.
    Tags,
    /// `[prices]`.
    Prices,
    /// Prices by type.
    PriceTable,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Root,
        Self::Cluster,
        Self::Store,
        Self::Group,
        Self::Mount,
        Self::Hook,
        Self::Defaults,
        Self::DefaultsMount,
        Self::Prices,
    ];

    /// Returns the keys that the section knows.
    pub(super) const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Root => &["cluster", "store", "prices", "defaults", "node"],
            Self::Store => &["url"],
            Self::Cluster => &[
                "name",
                "provider",
                "region",
                "zone",
                "network",
                "ssh-from",
                "public-key",
                "recent",
            ],
            Self::Defaults => &[
                "image",
                "type",
                "memory",
                "cpus",
                "ready",
                "before-unmount",
                "before-halt",
                "mount",
                "user",
                "subnet",
                "security-groups",
                "key",
                "profile",
                "root",
                "spot",
                "tags",
            ],
            Self::DefaultsMount => &[
                "size",
                "fs",
                "options",
                "owner",
                "group",
                "mode",
                "volume-type",
                "iops",
                "throughput",
                "initialization-rate",
                "encrypted",
                "kms-key",
            ],
            Self::Group => &[
                "count",
                "was",
                "image",
                "type",
                "memory",
                "cpus",
                "mount",
                "ready",
                "before-unmount",
                "before-halt",
                "user",
                "subnet",
                "security-groups",
                "key",
                "profile",
                "root",
                "spot",
                "tags",
            ],
            Self::Mount => &[
                "at",
                "size",
                "fs",
                "options",
                "owner",
                "group",
                "mode",
                "from",
                "was",
                "volume-type",
                "iops",
                "throughput",
                "initialization-rate",
                "encrypted",
                "kms-key",
            ],
            Self::Hook => &["run", "timeout", "blocks"],
            Self::Prices => &["currency", "as-of", "instance", "volume", "snapshot"],
            Self::Tags | Self::PriceTable => &[],
        }
    }

    /// Returns where the section is written.
    const fn header(self) -> &'static str {
        match self {
            Self::Root => "the top of the file",
            Self::Cluster => "`[cluster]`",
            Self::Store => "`[store]`",
            Self::Defaults => "`[defaults]`",
            Self::DefaultsMount => "`[defaults.mount]`",
            Self::Group => "`[node.NAME]`",
            Self::Mount => "`[node.NAME.mount.NAME]`",
            Self::Hook => "a hook in braces",
            Self::Tags => "the tags",
            Self::Prices => "`[prices]`",
            Self::PriceTable => "the prices by type",
        }
    }

    /// Returns other words for its keys, with the key that is meant.
    const fn aliases(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Root => &[
                ("nodes", "node"),
                ("group", "node"),
                ("groups", "node"),
                ("default", "defaults"),
                ("price", "prices"),
            ],
            Self::Store => &[("uri", "url"), ("path", "url"), ("bucket", "url"), ("place", "url")],
            Self::Cluster => &[
                ("cloud", "provider"),
                ("backend", "provider"),
                ("az", "zone"),
                ("availability-zone", "zone"),
                ("availability_zone", "zone"),
                ("ssh_from", "ssh-from"),
                ("allow-ssh", "ssh-from"),
                ("public_key", "public-key"),
                ("ssh-key", "public-key"),
            ],
            Self::Defaults | Self::Group => &[
                ("ami", "image"),
                ("instance-type", "type"),
                ("instance_type", "type"),
                ("ram", "memory"),
                ("mem", "memory"),
                ("cpu", "cpus"),
                ("vcpus", "cpus"),
                ("cores", "cpus"),
                ("replicas", "count"),
                ("nodes", "count"),
                ("mounts", "mount"),
                ("volume", "mount"),
                ("volumes", "mount"),
                ("check", "ready"),
                ("checks", "ready"),
                ("healthcheck", "ready"),
                ("ssh-user", "user"),
                ("login", "user"),
                ("subnet-id", "subnet"),
                ("subnet_id", "subnet"),
                ("security-group", "security-groups"),
                ("security_groups", "security-groups"),
                ("sg", "security-groups"),
                ("key-name", "key"),
                ("key_name", "key"),
                ("key-pair", "key"),
                ("instance-profile", "profile"),
                ("iam-instance-profile", "profile"),
                ("root-size", "root"),
                ("labels", "tags"),
            ],
            Self::DefaultsMount | Self::Mount => &[
                ("path", "at"),
                ("target", "at"),
                ("mountpoint", "at"),
                ("mount-point", "at"),
                ("mount_point", "at"),
                ("capacity", "size"),
                ("type", "fs"),
                ("fstype", "fs"),
                ("filesystem", "fs"),
                ("opts", "options"),
                ("user", "owner"),
                ("permissions", "mode"),
                ("snapshot", "from"),
                ("renamed", "was"),
                ("formerly", "was"),
                ("moved", "was"),
                ("volume_type", "volume-type"),
                ("encrypt", "encrypted"),
                ("kms", "kms-key"),
                ("kms_key", "kms-key"),
            ],
            Self::Prices => &[
                ("as_of", "as-of"),
                ("date", "as-of"),
                ("instances", "instance"),
                ("machine", "instance"),
                ("machines", "instance"),
                ("volumes", "volume"),
                ("disk", "volume"),
                ("snapshots", "snapshot"),
            ],
            Self::Tags | Self::PriceTable => &[],
            Self::Hook => &[
                ("command", "run"),
                ("cmd", "run"),
                ("exec", "run"),
                ("script", "run"),
                ("blocking", "blocks"),
            ],
        }
    }

    /// Returns the key that was probably meant.
    fn meant(self, key: &str) -> Option<&'static str> {
        let alias = self.aliases().iter().find(|(other, _)| *other == key).map(|(_, meant)| *meant);
        alias.filter(|meant| self.keys().contains(meant)).or_else(|| nearest(key, self.keys()))
    }
}

/// Returns the word that is nearest to another, if one is near enough to have been meant.
pub(super) fn nearest(word: &str, words: &[&'static str]) -> Option<&'static str> {
    const WORD_LENGTH_MAX: usize = 64;
    if word.len() > WORD_LENGTH_MAX {
        return None;
    }
    let word = word.to_lowercase();
    words
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).clamp(1, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Reports all keys that the section does not know.
pub(super) fn check(section: &Section<'_, '_>, sink: &mut Sink) {
    for field in section.fields() {
        if !section.kind.keys().contains(&field.name) {
            sink.push(unknown(section, &field));
        }
    }
}

fn unknown(section: &Section<'_, '_>, field: &Field<'_, '_>) -> Diagnostic {
    let name = shown(field.name);
    let of = match section.kind {
        Kind::Root => Kind::Root.header(),
        _ => &section.of,
    };
    let elsewhere = Kind::ALL
        .into_iter()
        .find(|kind| *kind != section.kind && kind.keys().contains(&field.name));
    let meant = section.kind.meant(field.name);
    match (meant, elsewhere) {
        (Some(meant), None) => meant_other(section, field, meant),
        (Some(meant), Some(_)) if section.kind.aliases().contains(&(field.name, meant)) => {
            meant_other(section, field, meant)
        }
        (_, Some(kind)) => {
            Diagnostic::new(Code::MisplacedKey, format!("`{name}` does not belong to {of}"))
                .at(field.key.clone(), "out of place here")
                .help(misplaced_help(section.kind, field.name, kind))
        }
        (None, None) => {
            let keys: Vec<String> =
                section.kind.keys().iter().map(|key| format!("`{key}`")).collect();
            let mut diagnostic =
                Diagnostic::new(Code::UnknownKey, format!("{of} has no key `{name}`"))
                    .at(field.key.clone(), "unknown key")
                    .help(format!("its keys are {}", keys.join(", ")));
            if section.kind == Kind::DefaultsMount && matches!(field.value, DeValue::Table(_)) {
                diagnostic = diagnostic.help(
                    "`[defaults.mount]` holds settings for all mounts; a mount itself belongs to a \
                     node group: `[node.NAME.mount.NAME]`",
                );
            }
            diagnostic
        }
    }
}

fn meant_other(section: &Section<'_, '_>, field: &Field<'_, '_>, meant: &str) -> Diagnostic {
    let message = format!("{} has no key `{}`", section.of, field.shown());
    let diagnostic =
        Diagnostic::new(Code::UnknownKey, message).at(field.key.clone(), "unknown key");
    match section.field(meant) {
        Some(there) => diagnostic
            .at(there.key, format!("`{meant}` is here already"))
            .help(format!("did you mean `{meant}`? Then keep one of the two")),
        None => diagnostic
            .help(format!("did you mean `{meant}`?"))
            .patch(field.key.clone(), Some(meant.to_owned())),
    }
}

fn misplaced_help(here: Kind, key: &str, there: Kind) -> String {
    match (here, key) {
        (Kind::Group, "name") => "a node takes its name from its table: `[node.NAME]`".to_owned(),
        (Kind::Mount, "name") => {
            "a mount takes its name from its table: `[node.NAME.mount.NAME]`".to_owned()
        }
        (Kind::Defaults, "count") => {
            "each node group has its own count: `[node.NAME]`, then `count = 3`".to_owned()
        }
        (Kind::DefaultsMount, "at" | "from" | "was") => {
            format!("each mount has its own `{key}`: `[node.NAME.mount.NAME]`")
        }
        _ => format!("`{key}` belongs to {}", there.header()),
    }
}
