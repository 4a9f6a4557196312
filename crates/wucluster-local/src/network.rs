//! The networks of nodes: ssh over the host's loopback address, and one private network per cluster.
//!
//! The private network is a multicast group on the loopback interface, so it needs no rights; other
//! users of this host could listen in, so it is a convenience between nodes and not a safe place.
//! A node's address on it is given once per name, in the order of first launch, and stays.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wucluster_core::ids::{ClusterName, NodeName};

use crate::error::LocalError;
use crate::files;
use crate::store::{Held, Store};

/// Length of the private network's prefix. Unit: bits.
pub(crate) const PREFIX: u8 = 16;
/// Most nodes that ever had an address in one cluster.
const NODES_MAX: usize = 60_000;

/// A cluster's private network.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    dir: PathBuf,
    /// The multicast group and port that stand for the wire.
    pub(crate) group: (Ipv4Addr, u16),
}

/// The addresses that were given, by name.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Given {
    nodes: BTreeMap<NodeName, Ipv4Addr>,
}

impl Network {
    /// Returns the network of a cluster in this account.
    pub(crate) fn of(store: &Store, cluster: &ClusterName) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(store.root().as_os_str().as_encoded_bytes());
        hasher.update([0]);
        hasher.update(cluster.as_str());
        let hash = hasher.finalize();
        // 239/8 is for use within an organisation (RFC 2365). 24 + 15 bits keep clusters apart.
        let group = Ipv4Addr::new(239, hash[0], hash[1], hash[2]);
        let port = 20_000 + (u16::from_le_bytes([hash[3], hash[4]]) % 40_000);
        let dir = store.root().join("networks").join(cluster.as_str());
        Self { dir, group: (group, port) }
    }

    /// Returns the file of the nodes' names; lines are only ever added, and running nodes follow it.
    pub(crate) fn names_file(&self) -> PathBuf {
        self.dir.join("hosts")
    }

    /// Returns the node's address, giving it one on first use and telling it to all nodes.
    pub(crate) fn address_of(&self, _held: &Held, node: &NodeName) -> Result<Ipv4Addr, LocalError> {
        files::create_private_dir(&self.dir)?;
        let path = self.dir.join("nodes.json");
        let mut given: Given = files::read_json(&path)?.unwrap_or_default();
        let address = match given.nodes.get(node) {
            Some(address) => *address,
            None => {
                let address = nth_address(given.nodes.len()).ok_or(LocalError::Unsupported {
                    why: format!("one cluster may name {NODES_MAX} nodes in its life here"),
                })?;
                given.nodes.insert(node.clone(), address);
                files::write_json(&path, &given)?;
                address
            }
        };
        // The record comes first: a line that is missing after a crash is added here.
        self.tell(&format!("{address} {node}"))?;
        Ok(address)
    }

    fn tell(&self, line: &str) -> Result<(), LocalError> {
        let path = self.names_file();
        let known = files::read_text(&path)?.unwrap_or_default();
        if known.lines().any(|old| old == line) {
            return Ok(());
        }
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()))
            .map_err(LocalError::file("write", &path))
    }
}

/// Returns the n-th address of the private network: 10.77.0.1, 10.77.0.2 …
fn nth_address(n: usize) -> Option<Ipv4Addr> {
    let n = u16::try_from(n).ok().filter(|n| usize::from(*n) < NODES_MAX)?;
    let [high, low] = (n + 1).to_be_bytes();
    Some(Ipv4Addr::new(10, 77, high, low))
}

/// Returns the hardware address that goes with a node's address; the first card's begins otherwise.
pub(crate) fn mac_of(address: Ipv4Addr, card: u8) -> String {
    let [_, _, high, low] = address.octets();
    format!("52:54:00:{card:02x}:{high:02x}:{low:02x}")
}

/// Finds a port on the loopback address that nobody listens on: `preferred` if it is free.
///
/// Another process may still take it before QEMU does; QEMU then says so, and the caller comes back.
pub(crate) fn free_port(preferred: Option<u16>, taken: &[u16]) -> Result<u16, LocalError> {
    let bind = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    if let Some(port) = preferred
        && !taken.contains(&port)
        && bind(port).is_ok()
    {
        return Ok(port);
    }
    let asked = Path::new("a port on the loopback address");
    for _ in 0..64 {
        let listener = bind(0).map_err(LocalError::file("find", asked))?;
        let port = listener.local_addr().map_err(LocalError::file("find", asked))?.port();
        if !taken.contains(&port) {
            return Ok(port);
        }
    }
    Err(LocalError::Unsupported { why: "no port is free on its loopback address".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_stays_with_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let held = store.hold().await.unwrap();
        let network = Network::of(&store, &ClusterName::new("demo").unwrap());
        let node = |name: &str| NodeName::new(name).unwrap();
        let a = network.address_of(&held, &node("a")).unwrap();
        let b = network.address_of(&held, &node("b")).unwrap();
        assert_eq!(a, Ipv4Addr::new(10, 77, 0, 1));
        assert_ne!(a, b);
        assert_eq!(network.address_of(&held, &node("a")).unwrap(), a);
        let names = std::fs::read_to_string(network.names_file()).unwrap();
        assert_eq!(names, "10.77.0.1 a\n10.77.0.2 b\n");
        let other = Network::of(&store, &ClusterName::new("other").unwrap());
        assert_ne!(other.group, network.group);
    }

    #[test]
    fn a_taken_port_is_passed_over() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_ne!(free_port(Some(port), &[]).unwrap(), port);
        let free = free_port(None, &[]).unwrap();
        assert_ne!(free_port(Some(free), &[free]).unwrap(), free);
    }
}
