//! Where things are kept on this machine.

use std::env;
use std::path::PathBuf;

use crate::fault::Fault;

/// Where things are kept; all paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dirs {
    /// Locks, runs, and the local cloud's machines and disks.
    pub(crate) state: PathBuf,
    /// Images.
    pub(crate) cache: PathBuf,
    /// Sockets of connections; short, as sockets need it.
    pub(crate) runtime: PathBuf,
}

impl Dirs {
    /// Finds the folders. None is made.
    pub(crate) fn find() -> Result<Self, Fault> {
        let state = choose("WUCLUSTER_STATE", "XDG_STATE_HOME", ".local/state")?;
        let cache = choose("WUCLUSTER_CACHE", "XDG_CACHE_HOME", ".cache")?;
        let runtime = match variable("XDG_RUNTIME_DIR") {
            Some(folder) => folder.join("wucluster"),
            None => {
                PathBuf::from(format!("/tmp/wucluster-{}", rustix::process::geteuid().as_raw()))
            }
        };
        Ok(Self { state, cache, runtime })
    }
}

fn choose(own: &str, xdg: &str, below_home: &str) -> Result<PathBuf, Fault> {
    let named = env::var_os(own).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let folder = named
        .or_else(|| variable(xdg).map(|folder| folder.join("wucluster")))
        .or_else(|| variable("HOME").map(|home| home.join(below_home).join("wucluster")))
        .ok_or_else(|| {
            Fault::usage("there is no home folder: neither HOME nor another place is set")
                .hint(format!("set {own} to a folder of your own"))
        })?;
    std::path::absolute(&folder).map_err(|error| Fault::file("find", &folder, &error))
}

/// Returns a folder that the environment names; relative ones do not count, as XDG wants it.
fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute())
}
