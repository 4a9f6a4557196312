//! QEMU's command line for an instance.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use wucluster_core::ids::VolumeId;

use crate::accel::Accel;
use crate::image::Image;
use crate::network::{self, Network};
use crate::recipe::DISK_SIGNATURE;
use crate::records::InstanceRecord;
use crate::store::Store;

/// Ports reserved for volumes, and so the most volumes of one instance. EC2's Nitro instances take
/// about as many; each costs the guest some milliseconds at boot.
pub(crate) const SLOTS: u8 = 24;
/// Memory of a machine whose definition does not say. Unit: MiB.
pub(crate) const MEMORY_DEFAULT_MIB: u32 = 384;
/// Memory that QEMU takes beside the guest's own. Unit: MiB. Measured under TCG: 100 to 190.
pub(crate) const MEMORY_OVERHEAD_MIB: u32 = 200;

/// Where a machine's files are.
#[derive(Debug, Clone)]
pub(crate) struct MachineFiles {
    /// The instance's directory.
    pub(crate) dir: PathBuf,
    /// A directory with a short name, for the control socket.
    pub(crate) runtime: PathBuf,
}

impl MachineFiles {
    /// The root disk, an overlay on the node image.
    pub(crate) fn root_disk(&self) -> PathBuf {
        self.dir.join("root.qcow2")
    }
    /// What the machine printed on its console.
    pub(crate) fn console(&self) -> PathBuf {
        self.dir.join("console.log")
    }
    /// The private host key.
    pub(crate) fn host_key(&self) -> PathBuf {
        self.dir.join("host_key")
    }
    /// The control socket.
    pub(crate) fn qmp(&self) -> PathBuf {
        self.runtime.join("qmp")
    }
    /// The file that QEMU holds a lock on while it lives.
    pub(crate) fn pidfile(&self) -> PathBuf {
        self.runtime.join("pid")
    }
    /// A file that is passed into the machine.
    pub(crate) fn credential(&self, name: &str) -> PathBuf {
        self.dir.join(format!("credential.{name}"))
    }
}

/// Everything that a machine is started with.
pub(crate) struct Start<'a> {
    pub(crate) record: &'a InstanceRecord,
    pub(crate) files: &'a MachineFiles,
    pub(crate) image: &'a Image,
    pub(crate) network: &'a Network,
    pub(crate) accel: Accel,
    /// The volumes that are attached while it is off, with their slots.
    pub(crate) volumes: &'a [(VolumeId, u8)],
}

/// Names of what is passed into a machine, as systemd credentials.
pub(crate) const CREDENTIALS: [&str; 4] = ["host-key", "authorized-keys", "address", "hosts"];

impl Start<'_> {
    /// Lists the arguments. `-daemonize` comes back once the machine runs and holds its pidfile.
    pub(crate) fn arguments(&self, store: &Store) -> Vec<OsString> {
        let Self { record, files, image, network, accel, volumes } = self;
        let mut line = Line::default();
        // The name makes the process recognisable; it is checked before any signal.
        line.add(["-name", record.id.as_str()]);
        line.add(["-M", "q35", "-nodefaults", "-no-user-config", "-display", "none"]);
        line.add(accel.options());
        let memory = record.machine.memory_mib.unwrap_or(MEMORY_DEFAULT_MIB);
        line.add(["-m", &memory.to_string()]);
        line.add(["-smp", &record.machine.cpus.unwrap_or(1).to_string()]);
        line.add(["-kernel", &image.kernel.to_string_lossy()]);
        line.add(["-append", &self.kernel_line()]);

        line.add([
            "-blockdev",
            &format!(
                "driver=qcow2,node-name=root,discard=unmap,file.driver=file,file.filename={}",
                escape(&files.root_disk())
            ),
        ]);
        line.add(["-device", "nvme,id=root,serial=root,drive=root,addr=2"]);

        line.add([
            "-netdev",
            &format!(
                "user,id=ssh,hostfwd=tcp:127.0.0.1:{}-:22,guestfwd=tcp:10.0.2.4:77-cmd:{}",
                record.ssh_port,
                self.names_command().replace(',', ",,")
            ),
        ]);
        let address = record.address.parse().unwrap_or(std::net::Ipv4Addr::LOCALHOST);
        line.add([
            "-device",
            &format!(
                "virtio-net-pci,netdev=ssh,addr=3,romfile=,mac={}",
                network::mac_of(address, 1)
            ),
        ]);
        let (group, port) = network.group;
        line.add(["-netdev", &format!("socket,id=nodes,mcast={group}:{port},localaddr=127.0.0.1")]);
        line.add([
            "-device",
            &format!(
                "virtio-net-pci,netdev=nodes,addr=4,romfile=,mac={}",
                network::mac_of(address, 2)
            ),
        ]);
        line.add(["-device", "virtio-rng-pci,addr=5"]);

        for slot in 0..SLOTS {
            let multifunction = if slot % 8 == 0 { ",multifunction=on" } else { "" };
            line.add([
                "-device",
                &format!(
                    "pcie-root-port,id=rp{slot},chassis={n},slot={n},addr={:#x}.{}{multifunction}",
                    0x10 + slot / 8,
                    slot % 8,
                    n = slot + 1,
                ),
            ]);
        }
        for (volume, slot) in *volumes {
            let path = store.volume_data(volume);
            line.add([
                "-blockdev",
                &format!(
                    "driver=raw,node-name={},discard=unmap,file.driver=file,file.filename={}",
                    volume.serial(),
                    escape(&path)
                ),
            ]);
            line.add([
                "-device",
                &format!(
                    "nvme,id={device},serial={serial},drive={serial},bus=rp{slot}",
                    device = device_id(volume),
                    serial = volume.serial(),
                ),
            ]);
        }
        for name in CREDENTIALS {
            line.add([
                "-fw_cfg",
                &format!(
                    "name=opt/io.systemd.credentials/wucluster.{name},file={}",
                    escape(&files.credential(name))
                ),
            ]);
        }
        line.add(["-serial", &format!("file:{}", escape(&files.console()))]);
        line.add(["-qmp", &format!("unix:{},server=on,wait=off", escape(&files.qmp()))]);
        line.add(["-daemonize", "-pidfile", &files.pidfile().to_string_lossy()]);
        line.0
    }

    fn kernel_line(&self) -> String {
        // The machine id only has to differ between instances and stay for each.
        let id: String =
            self.record.id.as_str().bytes().filter(u8::is_ascii_hexdigit).map(char::from).collect();
        // Tests of the kernel's own ciphers, and guards against a processor's guesses where none
        // guesses, cost an emulated boot a fifth (measured 2026-11: 4.2 instead of 5.5 s).
        let spared = match self.accel {
            Accel::Kvm => "",
            Accel::Tcg => " mitigations=off no_timer_check",
        };
        format!(
            "root=PARTUUID={DISK_SIGNATURE:08x}-01 rw console=ttyS0 net.ifnames=0 quiet audit=0 \
             cryptomgr.notests{spared} systemd.hostname={} systemd.machine_id={id:0>32}",
            self.record.node
        )
    }

    /// The program behind an address inside the node: it streams the names of the cluster's nodes,
    /// now and as they are added, and ends with the machine.
    ///
    /// slirp splits the text into words as a shell would; paths go in as words of their own.
    fn names_command(&self) -> String {
        let script = "exec tail --pid=\"$(cat \"$1\")\" -n +1 -F \"$2\" 2>/dev/null";
        let pidfile = self.files.pidfile();
        let names = self.network.names_file();
        let words = [script, "names", &pidfile.to_string_lossy(), &names.to_string_lossy()]
            .map(|word| format!("'{}'", word.replace('\'', "'\\''")));
        format!("sh -c {}", words.join(" "))
    }
}

/// Returns the id under which a volume's device is plugged in.
pub(crate) fn device_id(volume: &VolumeId) -> String {
    format!("dev-{}", volume.serial())
}

/// Writes a path as the value of a QEMU option.
fn escape(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

#[derive(Default)]
struct Line(Vec<OsString>);

impl Line {
    fn add<const N: usize>(&mut self, words: [&str; N]) {
        self.0.extend(words.iter().map(OsString::from));
    }
}
