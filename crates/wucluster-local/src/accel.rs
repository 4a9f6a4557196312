//! Hardware virtualisation, or not: found out by really booting something, once per boot of the host.
//!
//! `/dev/kvm` may open, and even make a machine, on hosts where no guest ever leaves its firmware
//! (nested virtualisation; seen 2026-11). So the probe boots one sector that says it was reached.

use std::fmt;
use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::LocalError;
use crate::files;
use crate::program;

/// Environment variable that forces `kvm` or `tcg`.
pub const ACCEL_VARIABLE: &str = "WUCLUSTER_LOCAL_ACCEL";

/// Longest time that the probe may take. A working KVM needs well under a second.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// A boot sector: `mov al, 0x10; out 0xf4, al; hlt; jmp $-1`. QEMU's debug device turns the write
/// into its own exit, with status 0x10 << 1 | 1.
const PROBE_SECTOR: [u8; 7] = [0xb0, 0x10, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd];
const PROBE_STATUS: i32 = 0x21;

/// How machines are executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accel {
    /// By the processor.
    Kvm,
    /// By QEMU's translator: ten times slower, and always there.
    Tcg,
}

impl fmt::Display for Accel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        })
    }
}

/// What a probe found, valid until the host boots again.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    boot_id: String,
    accel: Accel,
}

impl Accel {
    /// Returns how machines are to be executed on this host.
    ///
    /// # Errors
    /// [`LocalError::Unsupported`] when [`ACCEL_VARIABLE`] holds another word than `kvm` or `tcg`.
    pub(crate) async fn of_host(root: &Path) -> Result<Self, LocalError> {
        match std::env::var(ACCEL_VARIABLE).as_deref() {
            Ok("kvm") => return Ok(Self::Kvm),
            Ok("tcg") => return Ok(Self::Tcg),
            Ok("") | Err(_) => {}
            Ok(word) => {
                let why = format!("{ACCEL_VARIABLE} is `{word}`; it may be `kvm` or `tcg`");
                return Err(LocalError::Unsupported { why });
            }
        }
        let memory = root.join("accel.json");
        let boot_id = boot_id();
        // An unreadable memory is no harm: it is found out again.
        if let Ok(Some(known)) = files::read_json::<Remembered>(&memory)
            && known.boot_id == boot_id
            && !boot_id.is_empty()
        {
            return Ok(known.accel);
        }
        let accel = if probe_kvm(root).await { Self::Kvm } else { Self::Tcg };
        files::write_json(&memory, &Remembered { boot_id, accel })?;
        Ok(accel)
    }

    /// Returns QEMU's options for it.
    pub(crate) fn options(self) -> [&'static str; 4] {
        match self {
            Self::Kvm => ["-accel", "kvm", "-cpu", "host"],
            // 128 MiB of translated code is what a booted node comes to; more gains nothing
            // (measured up to 512). `max` costs more than it gives: its vector code is emulated.
            Self::Tcg => ["-accel", "tcg,tb-size=128", "-cpu", "qemu64,-svm"],
        }
    }
}

/// Returns the name of the host's current boot; empty when the kernel does not tell.
fn boot_id() -> String {
    files::read_text(Path::new("/proc/sys/kernel/random/boot_id"))
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// Says whether a guest runs under KVM here. Any doubt is a no.
async fn probe_kvm(dir: &Path) -> bool {
    let processor = files::read_text(Path::new("/proc/cpuinfo")).ok().flatten();
    is_in_hardware(&processor.unwrap_or_default())
        && OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok()
        && boots(dir, &Accel::Kvm.options(), PROBE_LIMIT).await
}

/// Says whether what a host tells of its processors speaks for KVM in hardware.
///
/// Source: measured on a cloud host without either extension, whose KVM does all in software: it opens, runs the probe,
/// and stops the kernel of a real guest with an internal error, now at once and now after minutes.
fn is_in_hardware(processor: &str) -> bool {
    if !cfg!(target_arch = "x86_64") {
        return true;
    }
    let flags = processor.lines().filter(|line| line.starts_with("flags"));
    flags.flat_map(str::split_whitespace).any(|flag| flag == "vmx" || flag == "svm")
}

/// Boots the probe's sector.
///
/// With the very options of real machines: a host may run a plain guest and refuse its own CPU.
async fn boots(dir: &Path, options: &[&str], limit: Duration) -> bool {
    let disk = dir.join(format!(".probe-{}.raw", std::process::id()));
    let mut sector = vec![0_u8; 1 << 20];
    sector[..PROBE_SECTOR.len()].copy_from_slice(&PROBE_SECTOR);
    sector[510..512].copy_from_slice(&[0x55, 0xaa]);
    if files::write_whole(&disk, &sector).is_err() {
        return false;
    }
    let path = disk.to_string_lossy().replace(',', ",,");
    let mut command = program::command(
        "qemu-system-x86_64",
        ["-M", "q35", "-m", "32", "-nodefaults", "-no-user-config"],
    );
    command.args(options);
    command.args(["-display", "none", "-no-reboot"]);
    command.args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]);
    command.args([
        "-blockdev",
        &format!("driver=raw,node-name=d,file.driver=file,file.filename={path}"),
    ]);
    command.args(["-device", "ide-hd,drive=d,bootindex=0"]);
    // `output` is dropped at the limit, and with it QEMU is killed.
    let ended = tokio::time::timeout(limit, command.output()).await;
    // A leftover of one MiB is removed by gc.
    let _ = files::remove_all(&disk);
    matches!(ended, Ok(Ok(output)) if output.status.code() == Some(PROBE_STATUS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn a_processor_without_its_extensions_runs_no_guest_in_hardware() {
        assert!(is_in_hardware("model name\t: A\nflags\t\t: fpu vme vmx ssse3\n"));
        assert!(is_in_hardware("flags\t\t: fpu svm\n"));
        assert!(!is_in_hardware("model name\t: vmx\nflags\t\t: fpu vme hypervisor\n"));
        assert!(!is_in_hardware(""));
    }

    #[tokio::test]
    async fn the_probe_reaches_its_sector_where_a_guest_runs() {
        if program::find("qemu-system-x86_64").is_none() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        assert!(boots(dir.path(), &Accel::Tcg.options(), Duration::from_secs(60)).await);
        assert!(!boots(dir.path(), &["-accel", "no-such"], Duration::from_secs(60)).await);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
