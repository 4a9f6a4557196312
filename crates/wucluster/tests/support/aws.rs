//! The program as a user runs it who reaches AWS by environment variables alone.

use std::path::Path;
use std::process::Command;

/// Returns the program, to be run in a folder, with AWS at that URL and that in place of ssh; it sees nothing of the user's.
pub fn program(folder: &Path, url: &str, ssh: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wucluster"));
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder.join("home"))
        .env("WUCLUSTER_STATE", folder.join("state"))
        .env("WUCLUSTER_CACHE", folder.join("cache"))
        .env("XDG_RUNTIME_DIR", folder.join("run"))
        .env("WUCLUSTER_SSH", ssh)
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_ACCESS_KEY_ID", "ann")
        .env("AWS_SECRET_ACCESS_KEY", "a-secret")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}
