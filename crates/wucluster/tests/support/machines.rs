//! The machines of a test, found by the name of its folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the process ids of the machines whose disks are below a folder.
pub fn machines_below(folder: &Path) -> Vec<u32> {
    let ours = folder.to_string_lossy().into_owned();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            let program = line.split('\0').next().unwrap_or_default();
            program.contains("qemu-system") && line.contains(&ours)
        })
        .collect()
}

/// Ends them.
pub fn end_machines_below(folder: &Path) {
    for pid in machines_below(folder) {
        // Each has this folder's name on its command line, so it is ours.
        let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
    }
}

/// Returns the folder of node images, which all tests share.
pub fn image_cache() -> PathBuf {
    std::env::var_os("WUCLUSTER_CACHE").map_or_else(
        || Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("wucluster-cache"),
        PathBuf::from,
    )
}
