//! A short fingerprint of what a definition means.

use std::fmt::Write as _;
use std::time::Duration;

use indexmap::IndexMap;
use sha2::{Digest as _, Sha256};

use super::{
    ClusterDefinition, EbsVolume, Ec2Machine, Hook, ManagedNetwork, MountDefinition, NodeDefinition,
};
use crate::ids::{NodeName, SnapshotId};

impl ClusterDefinition {
    /// Returns the SHA-256 of the definition's meaning. Unit: 64 lower-case hexadecimal digits.
    ///
    /// Comments, blanks, line numbers and the order of nodes and mounts do not change it; everything
    /// that changes what is made, mounted or run does. Equal digests mean equal clusters.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut form = CanonicalForm::default();
        form.text("wucluster definition", "1");
        form.text("name", self.name.as_str());
        form.text("provider", &self.provider.to_string());
        form.set("region", self.region.as_deref());
        form.optional("zone", self.zone.as_deref());
        for zone in &self.other_zones {
            form.text("other-zone", zone);
        }
        form.network(self.network.as_ref());
        form.duration("recent", self.recent);
        for node in sorted(&self.nodes) {
            form.node(node);
        }
        Sha256::digest(&form.0).iter().fold(String::with_capacity(64), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
            hex
        })
    }
}

/// Keys with values, each preceded by its length, so that no two definitions have the same.
#[derive(Default)]
struct CanonicalForm(Vec<u8>);

impl CanonicalForm {
    fn text(&mut self, key: &str, value: &str) {
        self.0.extend(format!("{key} {} ", value.len()).bytes());
        self.0.extend(value.bytes());
        self.0.push(b'\n');
    }

    fn optional(&mut self, key: &str, value: Option<&str>) {
        match value {
            Some(value) => self.text(key, value),
            None => self.0.extend(format!("{key} -\n").bytes()),
        }
    }

    /// Writes a key that came later only where it is set: older definitions keep their digest.
    fn set(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    fn number(&mut self, key: &str, value: Option<u32>) {
        self.optional(key, value.map(|value| value.to_string()).as_deref());
    }

    fn duration(&mut self, key: &str, value: Option<Duration>) {
        self.optional(key, value.map(|value| value.as_millis().to_string()).as_deref());
    }

    fn network(&mut self, network: Option<&ManagedNetwork>) {
        let Some(ManagedNetwork { ssh_from, public_key }) = network else { return };
        self.text("network", "managed");
        for block in ssh_from {
            self.text("ssh-from", &block.to_string());
        }
        self.set("public-key", public_key.as_ref().map(ToString::to_string).as_deref());
    }

    fn node(&mut self, node: &NodeDefinition) {
        self.text("node", node.name.as_str());
        self.text("group", &node.group);
        self.set("was", node.was.as_ref().map(NodeName::as_str));
        self.optional("image", node.machine.image.as_deref());
        self.optional("type", node.machine.instance_type.as_deref());
        for kind in &node.other_types {
            self.text("other-type", kind);
        }
        self.number("memory", node.machine.memory_mib);
        self.number("cpus", node.machine.cpus);
        self.ec2(&node.machine.ec2);
        self.hooks("ready", &node.hooks.ready);
        self.hooks("before-unmount", &node.hooks.before_unmount);
        self.hooks("before-halt", &node.hooks.before_halt);
        for mount in sorted(&node.mounts) {
            self.mount(mount);
        }
    }

    fn mount(&mut self, mount: &MountDefinition) {
        self.text("mount", mount.name.as_str());
        self.text("at", &mount.at);
        self.number("size", Some(mount.size.gib()));
        self.text("fs", mount.fs.as_str());
        for option in &mount.options {
            self.text("option", option);
        }
        self.optional("owner", mount.owner.as_deref());
        self.optional("group", mount.group.as_deref());
        self.number("mode", mount.mode);
        self.optional("from", mount.from.as_ref().map(SnapshotId::as_str));
        self.set("was", mount.was.as_ref().map(ToString::to_string).as_deref());
        let EbsVolume { kind, iops, throughput, initialization_rate, encrypted, kms_key } =
            &mount.ebs;
        self.set("volume-type", kind.as_deref());
        self.set("iops", iops.map(|iops| iops.to_string()).as_deref());
        self.set("throughput", throughput.map(|rate| rate.to_string()).as_deref());
        let rate = initialization_rate.map(|rate| rate.to_string());
        self.set("initialization-rate", rate.as_deref());
        self.set("encrypted", encrypted.map(|yes| if yes { "yes" } else { "no" }));
        self.set("kms-key", kms_key.as_deref());
    }

    fn ec2(&mut self, machine: &Ec2Machine) {
        let Ec2Machine { user, subnet, security_groups, key, profile, root, spot, tags } = machine;
        self.set("user", user.as_deref());
        self.set("subnet", subnet.as_deref());
        for group in security_groups {
            self.text("security-group", group);
        }
        self.set("key", key.as_deref());
        self.set("profile", profile.as_deref());
        self.set("root", root.map(|size| size.gib().to_string()).as_deref());
        self.set("spot", spot.then_some("yes"));
        for (key, value) in tags {
            self.text("tag", key);
            self.text("value", value);
        }
    }

    fn hooks(&mut self, key: &str, hooks: &[Hook]) {
        for hook in hooks {
            self.text(key, &hook.run);
            self.duration("timeout", Some(hook.timeout));
            self.text("blocks", if hook.blocks { "yes" } else { "no" });
        }
    }
}

fn sorted<K: Ord, V>(map: &IndexMap<K, V>) -> impl Iterator<Item = &V> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    entries.into_iter().map(|(_, value)| value)
}
