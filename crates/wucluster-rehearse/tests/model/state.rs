//! How a world begins, and how it moves by itself.

use wucluster_core::demand::Demand;

use super::cloud::{
    Attach, Cloud, Content, Disk, Hidden, MOUNTS, Marks, Mount, Node, Run, SNAPSHOTS, Snap,
    Snapshot, Vol, Volume,
};
use super::names::Layout;
use super::operator::Operator;
use super::scope::{Scope, Start};
use super::world::State;

impl State {
    pub fn new(scope: &Scope) -> Self {
        let mut state = Self {
            cloud: Cloud::default(),
            disks: Default::default(),
            is_silent: Default::default(),
            operator: Operator::new(scope.demand),
            late: None,
            faults: scope.faults,
            flips: scope.flips,
            writes: scope.writes,
            harm: None,
        };
        let marks = Marks { epoch: 1, is_sealed: false, generation: 1, is_data: true, recorded: 1 };
        let content = Content { fs: 1, writes: 1 };
        for mount in 0..scope.layout.mounts() {
            let slot = &mut state.cloud.mounts[mount];
            match scope.start {
                Start::Nothing => {}
                Start::Launched => {
                    let node = scope.layout.owner(mount);
                    *slot = Mount { made: 1, ..Mount::default() };
                    slot.volume = Volume {
                        state: Vol::InUse,
                        number: 1,
                        attach: Attach::Attached,
                        holder: (node as u8, 1),
                        marks,
                        hidden: Hidden { content, was_mounted: true, ..Hidden::default() },
                        ..Volume::default()
                    };
                    state.disks[mount] =
                        Disk { is_mounted: true, is_dirty: true, ..Disk::default() };
                    state.cloud.nodes[node] =
                        Node { run: Run::Running, number: 1, made: 1, ..Node::default() };
                }
                Start::Away => {
                    slot.made = 1;
                    let marks = Marks { is_sealed: true, ..marks };
                    slot.snapshots[0] = Snapshot { state: Snap::Completed, of: 1, marks, content };
                    state.operator.known[mount] = 1;
                }
            }
        }
        // The oldest that a first listing may show is the world as it begins.
        state.operator.view = state.cloud.listed();
        state
    }

    pub fn snapshot(&mut self, mount: u8, at: u8) -> &mut Snapshot {
        debug_assert!(usize::from(at) < SNAPSHOTS);
        &mut self.cloud.mounts[usize::from(mount)].snapshots[usize::from(at)]
    }

    /// Whether the demand holds in truth.
    pub fn is_met(&self, layout: Layout) -> bool {
        let mut nodes = self.cloud.nodes.iter().take(layout.nodes());
        let mut mounts = self.cloud.mounts.iter().take(layout.mounts());
        let mut disks = self.disks.iter().take(layout.mounts());
        match self.operator.demand {
            Demand::Away => {
                nodes.all(|node| !node.run.is_living())
                    && mounts.all(|mount| mount.volume.state == Vol::None)
            }
            // What is mounted may be so no more at the instant after the node was asked.
            Demand::Launched => nodes.all(|node| node.run == Run::Running),
            Demand::Separated => {
                mounts.all(|mount| mount.volume.attach == Attach::None)
                    && disks.all(|disk| !disk.is_held())
            }
            Demand::Instantiated
            | Demand::Attached
            | Demand::Mounted
            | Demand::Unmounted
            | Demand::RecentlySnapshotted
            | Demand::Haltable => true,
        }
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
}
