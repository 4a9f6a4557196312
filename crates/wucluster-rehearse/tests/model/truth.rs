//! The truth: what no listing tells, and how it moves by itself.

use super::cloud::{Attach, Cloud, Disk, MOUNTS, NODES, Run, SNAPSHOTS, Snapshot, Vol};
use super::names::Layout;
use super::operator::{Answer, Device};
use super::provider::Harm;

/// What is so.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Truth {
    pub cloud: Cloud,
    pub disks: [Disk; MOUNTS],
    pub is_silent: [bool; NODES],
    pub harm: Option<Harm>,
}

impl Truth {
    pub fn snapshot(&mut self, mount: u8, at: u8) -> &mut Snapshot {
        debug_assert!(usize::from(at) < SNAPSHOTS);
        &mut self.cloud.mounts[usize::from(mount)].snapshots[usize::from(at)]
    }

    /// The mounts whose volumes an instance has.
    pub fn of_instance(&self, node: usize) -> impl Iterator<Item = usize> + use<> {
        let holder = (node as u8, self.cloud.nodes[node].number);
        let mounts = self.cloud.mounts;
        (0..MOUNTS).filter(move |mount| {
            mounts[*mount].volume.attach != Attach::None && mounts[*mount].volume.holder == holder
        })
    }

    pub fn instance_moves_on(&mut self, node: usize) {
        match self.cloud.nodes[node].run {
            Run::Pending => self.cloud.nodes[node].run = Run::Running,
            Run::Stopping => {
                // The machine's own system unmounts, and writes all that is in memory.
                for mount in self.of_instance(node) {
                    self.flush(mount);
                    self.disks[mount] = Disk::default();
                }
                self.cloud.nodes[node].run = Run::Stopped;
            }
            Run::ShuttingDown => {
                for mount in self.of_instance(node) {
                    self.flush(mount);
                }
                self.end_instance(node);
            }
            Run::None | Run::Running | Run::Stopped | Run::Terminated => {}
        }
    }

    pub fn lose_memory(&mut self, node: usize) {
        for mount in self.of_instance(node) {
            self.disks[mount] = Disk::default();
        }
    }

    /// Ends an instance, which lets go of its volumes.
    pub fn end_instance(&mut self, node: usize) {
        for mount in self.of_instance(node) {
            self.disks[mount] = Disk::default();
            let volume = &mut self.cloud.mounts[mount].volume;
            (volume.state, volume.attach, volume.holder) = (Vol::Available, Attach::None, (0, 0));
        }
        self.cloud.nodes[node].run = Run::Terminated;
        self.is_silent[node] = false;
    }

    pub fn forget_instance(&mut self, node: usize) {
        let node = &mut self.cloud.nodes[node];
        if node.gone > 0 {
            node.gone = 0;
        } else {
            node.spent = node.token;
            (node.run, node.number, node.token) = (Run::None, 0, 0);
        }
    }

    pub fn attachment_moves_on(&mut self, mount: usize) {
        let volume = &mut self.cloud.mounts[mount].volume;
        match volume.attach {
            Attach::Attaching => volume.attach = Attach::Attached,
            Attach::Detaching if self.disks[mount].is_held() => volume.attach = Attach::Busy,
            Attach::Detaching | Attach::Busy => {
                self.disks[mount] = Disk::default();
                (volume.state, volume.attach, volume.holder) =
                    (Vol::Available, Attach::None, (0, 0));
            }
            Attach::None | Attach::Attached => {}
        }
    }

    /// What a node answers to an operator that saw the cloud like that.
    pub fn answer(&self, layout: Layout, node: usize, view: &Cloud) -> Answer {
        let truth = self.cloud.nodes[node];
        let mut answer = Answer { instance: view.nodes[node].number, ..Answer::default() };
        if self.is_silent[node] || truth.run != Run::Running || truth.number != answer.instance {
            answer.is_silent = true;
            return answer;
        }
        for mount in 0..layout.mounts() {
            let volume = &self.cloud.mounts[mount].volume;
            let has_device = volume.holder == (node as u8, truth.number)
                && matches!(volume.attach, Attach::Attached | Attach::Detaching | Attach::Busy);
            if !has_device {
                continue;
            }
            let believed = &view.mounts[mount].volume;
            let is_asked = believed.number == volume.number && believed.attach != Attach::None;
            let disk = self.disks[mount];
            let content = volume.hidden.content;
            let device = match (disk.is_mounted, disk.is_pinned, is_asked) {
                (true, ..) => Device::Mounted,
                (false, true, _) => Device::Held,
                (false, false, false) => Device::NotExamined,
                (false, false, true) if content.fs == 0 || volume.hidden.looks_blank => {
                    Device::Blank
                }
                (false, false, true) => Device::Filesystem(content.fs),
            };
            answer.devices[mount] = (device, volume.number);
        }
        answer
    }
}
