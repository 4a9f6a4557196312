//! A commented definition to start from.

use super::Provider;
use crate::ids::ClusterName;

/// Writes a definition of a small cluster, with comments, that parses without warnings.
///
/// It has one `chief` with a mount `home` and two workers with a mount `scratch` each. For AWS the
/// zone is to be filled in by its reader; a comment says so.
#[must_use]
pub fn template(name: &ClusterName, provider: Provider) -> String {
    let (cluster, machine) = match provider {
        Provider::Local => (LOCAL_CLUSTER, LOCAL_MACHINE),
        Provider::Aws => (AWS_CLUSTER, AWS_MACHINE),
        Provider::Sim => (SIM_CLUSTER, SIM_MACHINE),
    };
    TEMPLATE
        .replace("@cluster@", cluster)
        .replace("@machine@", machine)
        .replace("@name@", name.as_str())
        .replace("@provider@", &provider.to_string())
}

const LOCAL_CLUSTER: &str = "\
provider = \"local\"        # machines and disks on this host";

const LOCAL_MACHINE: &str = "\
memory = \"512 MiB\"        # of each machine
cpus = 1";

const AWS_CLUSTER: &str = "\
provider = \"aws\"          # EC2 and EBS
zone = \"us-east-1a\"       # FILL IN: where nodes and volumes live; or a list, tried in its order
network = \"managed\"       # a security group for ssh from where you are, and your key; gone with the cluster";

const AWS_MACHINE: &str = "\
image = \"136693071363/debian-12-amd64-*\"   # the newest of Debian's; or `ami-…`
type = \"m7i.large\"        # or a list: [\"m7i.large\", \"m6i.large\"]";

const SIM_CLUSTER: &str = "\
provider = \"sim\"          # the simulator: nothing is real, nothing costs";

const SIM_MACHINE: &str = "\
type = \"sim.small\"        # any name will do";

const TEMPLATE: &str = r#"# What the cluster `@name@` is. Nothing exists yet because of this file.
#
#   wucluster check      reads it and says what is wrong
#   wucluster launch     makes it: nodes run, volumes are mounted
#   wucluster put-away   keeps each mount in a snapshot and lets the rest go

[cluster]
name = "@name@"
@cluster@
recent = "1h"             # a snapshot this young counts as recent

# For all node groups; each may say otherwise.
[defaults]
@machine@

# For all mounts; each may say otherwise.
[defaults.mount]
fs = "ext4"               # ext4 or xfs; made once, on a blank volume
# options = ["noatime"]   # as `mount -o` takes them
# owner = "alice"         # of the mounted directory: user, group, mode
# group = "users"
# mode = "2775"

# One node, named `chief`.
[node.chief]
mount.home = { at = "/mnt/home", size = "1 GiB" }

# Hooks are commands that run on the node; exit status 0 means yes.
# The node counts as launched when all of these say yes:
# ready = ["test -d /mnt/home"]
# A no keeps a mount mounted:
# before-unmount = [{ run = "sync", timeout = "5m" }]
# A no keeps the node up; with `blocks = false` it is only reported:
# before-halt = [{ run = "test ! -e /run/busy", timeout = "10s", blocks = false }]

# Two nodes, named `worker-1` and `worker-2`.
[node.worker]
count = 2

[node.worker.mount.scratch]
at = "/mnt/scratch"
size = "1 GiB"            # whole GiB or TiB
fs = "xfs"
# from = "snap-0123456789abcdef0"   # begin with this instead of a blank volume
"#;
