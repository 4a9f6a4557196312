//! How a world begins, and where its demand holds.

use wucluster_core::demand::Demand;

use super::cloud::{
    Attach, Content, Disk, Hidden, Marks, Mount, Node, Run, Snap, Snapshot, Vol, Volume,
};
use super::names::Layout;
use super::operator::Operator;
use super::scope::{Scope, Start};
use super::truth::Truth;
use super::world::State;

impl State {
    pub fn new(scope: &Scope) -> Self {
        let mut state = Self {
            truth: Truth::default(),
            operator: Operator::new(scope.demand),
            late: None,
            faults: scope.faults,
            flips: scope.flips,
            writes: scope.writes,
        };
        let marks = Marks { epoch: 1, is_sealed: false, generation: 1, is_data: true, recorded: 1 };
        let content = Content { fs: 1, writes: 1 };
        for mount in 0..scope.layout.mounts() {
            let slot = &mut state.truth.cloud.mounts[mount];
            match scope.start {
                Start::Nothing => {}
                Start::Launched | Start::Detached | Start::Sealed => {
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
                    state.truth.disks[mount] =
                        Disk { is_mounted: true, is_dirty: true, ..Disk::default() };
                    if scope.start != Start::Launched {
                        state.truth.disks[mount] = Disk::default();
                        let volume = &mut state.truth.cloud.mounts[mount].volume;
                        volume.state = Vol::Available;
                        (volume.attach, volume.holder) = (Attach::None, (0, 0));
                    }
                    if scope.start == Start::Sealed {
                        let marks = Marks { is_sealed: true, ..marks };
                        let volume = &mut state.truth.cloud.mounts[mount].volume;
                        volume.marks = marks;
                        let taken = Snapshot { state: Snap::Completed, of: 1, marks, content };
                        *state.truth.snapshot(mount as u8, 0) = taken;
                    }
                    state.truth.cloud.nodes[node] =
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
        state.operator.view = state.truth.cloud.listed();
        state
    }

    /// Whether the demand holds in truth.
    pub fn is_met(&self, layout: Layout) -> bool {
        let mut nodes = self.truth.cloud.nodes.iter().take(layout.nodes());
        let mut mounts = self.truth.cloud.mounts.iter().take(layout.mounts());
        let mut disks = self.truth.disks.iter().take(layout.mounts());
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
            | Demand::Haltable
            | Demand::Parked => true,
        }
    }
}
