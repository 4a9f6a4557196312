//! The program in a folder of its own, with a simulated cloud of its own.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Returns the program, to be run in a folder: it sees nothing of the user's, and simulated time passes at that speed.
pub fn program(folder: &Path, speed: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wucluster"));
    command
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("TZ", "UTC")
        .env("WUCLUSTER_STATE", folder.join("state"))
        .env("WUCLUSTER_SIM_SPEED", speed)
        .stdin(Stdio::null());
    command
}

/// Returns all that a program printed.
#[allow(dead_code, reason = "not every test file reads both")]
pub fn words(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&text).into_owned()
}
