//! What requests do, and what is harm: judged in truth at the instant of the effect.
//!
//! The provider's rules are EC2's: tokens, refusals by state, attachments that stay busy while the
//! device is held, snapshots of what is on the disk and not in memory.

use super::ask::Ask;
use super::cloud::{Attach, Content, Hidden, Run, SNAPSHOTS, Snap, Snapshot, Vol, Volume};
use super::names::Layout;
use super::truth::Truth;

/// What must never happen, by the invariant that it breaks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Harm {
    /// I1: a volume was deleted, and no complete snapshot holds what was on it.
    DeletedUnsaved,
    /// I2: a machine was terminated with a file system mounted.
    TerminatedMounted,
    /// I4: a volume was detached while a living machine held it.
    DetachedMounted,
    /// I5: a file system was made over content.
    Formatted,
    /// I6: a volume came to another node than its own.
    WrongNode,
    /// I7: two living instances carry one name.
    TwoInstances,
    /// I7: two living volumes carry one name.
    TwoVolumes,
    /// I8: a request of one subject changed what is another's.
    Foreign,
    /// I9: an older state, or nothing, took the place of the newest data.
    Older,
    /// R1: an end was told as reached that was not.
    FalselyMet,
}

/// What came of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Done,
    Made(u8),
    Refused,
    TokenSpent,
}

impl Truth {
    /// Carries a request out.
    pub fn apply(&mut self, layout: Layout, subject: usize, ask: Ask) -> Outcome {
        if subject != owner_of(ask) {
            self.harm = Some(Harm::Foreign);
        }
        match ask {
            Ask::Run { node, token } => self.run(usize::from(node), token),
            Ask::Start { node, number } => {
                let node = &mut self.cloud.nodes[usize::from(node)];
                if node.number != number || node.run != Run::Stopped {
                    return Outcome::Refused;
                }
                node.run = Run::Pending;
                Outcome::Done
            }
            Ask::Terminate { node, number } => self.terminate(usize::from(node), number),
            Ask::Create { mount, from, marks, token } => {
                let place = usize::from(mount);
                let before = self.cloud.mounts[place].volume;
                let is_there = before.state != Vol::None;
                if is_there && before.hidden.token == token {
                    let is_same = before.from == from;
                    return if is_same {
                        Outcome::Made(before.number)
                    } else {
                        Outcome::TokenSpent
                    };
                }
                if self.cloud.mounts[place].spent == token {
                    return Outcome::TokenSpent;
                }
                let source = from
                    .checked_sub(1)
                    .map(|at| self.cloud.mounts[place].snapshots[usize::from(at)]);
                if source.is_some_and(|source| source.state != Snap::Completed) {
                    return Outcome::Refused;
                }
                if is_there && before.state != Vol::Deleting {
                    self.harm = Some(Harm::TwoVolumes);
                }
                self.judge_source(place, source.as_ref());
                let slot = &mut self.cloud.mounts[place];
                slot.made += 1;
                slot.volume = Volume {
                    state: Vol::Creating,
                    number: slot.made,
                    marks,
                    from,
                    hidden: Hidden {
                        token,
                        content: source.map_or(Content::default(), |source| source.content),
                        ..Hidden::default()
                    },
                    ..Volume::default()
                };
                Outcome::Made(slot.made)
            }
            Ask::Attach { mount, number, node, instance } => {
                let place = usize::from(mount);
                let target = self.cloud.nodes[usize::from(node)];
                let volume = &mut self.cloud.mounts[place].volume;
                let may = volume.number == number
                    && volume.state == Vol::Available
                    && target.number == instance
                    && matches!(target.run, Run::Running | Run::Stopped);
                if !may {
                    return Outcome::Refused;
                }
                volume.state = Vol::InUse;
                volume.attach = Attach::Attaching;
                volume.holder = (node, instance);
                if layout.owner(place) != usize::from(node) {
                    self.harm = Some(Harm::WrongNode);
                }
                Outcome::Done
            }
            Ask::Detach { mount, number, node, instance } => {
                let place = usize::from(mount);
                let volume = self.cloud.mounts[place].volume;
                if volume.number != number
                    || volume.attach == Attach::None
                    || volume.holder != (node, instance)
                {
                    return Outcome::Refused;
                }
                if matches!(volume.attach, Attach::Detaching | Attach::Busy) {
                    return Outcome::Done;
                }
                if self.disks[place].is_held() {
                    self.harm = Some(Harm::DetachedMounted);
                }
                self.cloud.mounts[place].volume.attach = Attach::Detaching;
                Outcome::Done
            }
            Ask::TagEpoch { mount, number, epoch, is_sealed, generation } => {
                let volume = &mut self.cloud.mounts[usize::from(mount)].volume;
                if volume.number != number || volume.state == Vol::None {
                    return Outcome::Refused;
                }
                volume.marks.epoch = epoch;
                volume.marks.is_sealed = is_sealed;
                if generation > 0 {
                    volume.marks.generation = generation;
                }
                Outcome::Done
            }
            Ask::Record { mount, number, fs } => {
                let volume = &mut self.cloud.mounts[usize::from(mount)].volume;
                if volume.number != number || volume.state == Vol::None {
                    return Outcome::Refused;
                }
                volume.marks.is_data = true;
                volume.marks.recorded = fs;
                Outcome::Done
            }
            Ask::Snapshot { mount, number, marks } => {
                let slot = &mut self.cloud.mounts[usize::from(mount)];
                let free = slot.snapshots.iter().position(|one| one.state == Snap::None);
                let is_usable = matches!(slot.volume.state, Vol::Available | Vol::InUse);
                let (Some(free), true) = (free, slot.volume.number == number && is_usable) else {
                    return Outcome::Refused;
                };
                debug_assert!(free < SNAPSHOTS);
                slot.snapshots[free] = Snapshot {
                    state: Snap::Pending,
                    of: number,
                    marks,
                    content: slot.volume.hidden.content,
                };
                Outcome::Made(free as u8 + 1)
            }
            Ask::Delete { mount, number } => {
                let place = usize::from(mount);
                let volume = self.cloud.mounts[place].volume;
                if volume.number != number || volume.state != Vol::Available {
                    return Outcome::Refused;
                }
                self.judge_delete(place);
                self.cloud.mounts[place].volume.state = Vol::Deleting;
                self.cloud.mounts[place].spent = volume.hidden.token;
                Outcome::Done
            }
            Ask::Mkfs { mount, number } => {
                let place = usize::from(mount);
                if !self.has_device(place, number) || self.disks[place].is_held() {
                    return Outcome::Refused;
                }
                let hidden = &mut self.cloud.mounts[place].volume.hidden;
                if hidden.content.fs > 0 && !hidden.looks_blank {
                    return Outcome::Refused;
                }
                // A file system that we made and never mounted holds nothing.
                if hidden.was_mounted || hidden.content.writes > 0 {
                    self.harm = Some(Harm::Formatted);
                }
                hidden.content = Content { fs: number, writes: 0 };
                Outcome::Done
            }
            Ask::Mount { mount, number } => {
                let place = usize::from(mount);
                if !self.has_device(place, number) {
                    return Outcome::Refused;
                }
                if self.disks[place].is_mounted {
                    return Outcome::Done;
                }
                let hidden = &mut self.cloud.mounts[place].volume.hidden;
                if hidden.content.fs == 0 || hidden.looks_blank {
                    return Outcome::Refused;
                }
                hidden.was_mounted = true;
                self.disks[place].is_mounted = true;
                Outcome::Done
            }
            Ask::Unmount { mount, number } => {
                let place = usize::from(mount);
                if !self.has_device(place, number) || !self.disks[place].is_mounted {
                    return Outcome::Done;
                }
                if self.disks[place].has_process {
                    return Outcome::Refused;
                }
                self.disks[place].is_mounted = false;
                if !self.disks[place].is_pinned {
                    self.flush(place);
                }
                Outcome::Done
            }
        }
    }

    fn run(&mut self, place: usize, token: u32) -> Outcome {
        let node = &mut self.cloud.nodes[place];
        if node.run.is_living() && node.token == token {
            return Outcome::Made(node.number);
        }
        let is_spent = node.spent == token || (node.run == Run::Terminated && node.token == token);
        if is_spent {
            return Outcome::TokenSpent;
        }
        if node.run.is_living() {
            self.harm = Some(Harm::TwoInstances);
        }
        if node.run == Run::Terminated {
            node.gone = node.number;
            node.spent = node.token;
        }
        node.made += 1;
        (node.run, node.number, node.token) = (Run::Pending, node.made, token);
        Outcome::Made(node.made)
    }

    fn terminate(&mut self, place: usize, number: u8) -> Outcome {
        let node = self.cloud.nodes[place];
        if node.number != number || node.run == Run::None {
            return Outcome::Refused;
        }
        if !node.run.is_living() || node.run == Run::ShuttingDown {
            return Outcome::Done;
        }
        if node.run.is_awake() && self.of_instance(place).any(|mount| self.disks[mount].is_held()) {
            self.harm = Some(Harm::TerminatedMounted);
        }
        if node.run == Run::Stopped {
            self.end_instance(place);
        } else {
            self.cloud.nodes[place].run = Run::ShuttingDown;
        }
        Outcome::Done
    }

    fn judge_delete(&mut self, place: usize) {
        let mount = &self.cloud.mounts[place];
        let content = mount.volume.hidden.content;
        let needs_saving = mount.volume.hidden.was_mounted || content.writes > 0;
        let is_saved = mount
            .snapshots
            .iter()
            .any(|one| one.state == Snap::Completed && one.content == content);
        // What a person took away after the look cannot have been known.
        if needs_saving && !is_saved && !mount.is_robbed {
            self.harm = Some(Harm::DeletedUnsaved);
        }
    }

    /// Judges what a new volume begins from: nothing but the newest data there is.
    fn judge_source(&mut self, place: usize, source: Option<&Snapshot>) {
        let mount = &self.cloud.mounts[place];
        let is_whole = |one: &&Snapshot| matches!(one.state, Snap::Pending | Snap::Completed);
        let newest = mount
            .snapshots
            .iter()
            .filter(is_whole)
            .map(|one| one.content)
            .max_by_key(|content| (content.writes, content.fs));
        let Some(newest) = newest else { return };
        let taken = source.map_or(Content::default(), |source| source.content);
        if newest.writes > taken.writes || (source.is_none() && newest.writes > 0) {
            self.harm = Some(Harm::Older);
        }
    }

    fn has_device(&self, place: usize, number: u8) -> bool {
        let volume = &self.cloud.mounts[place].volume;
        volume.number == number
            && matches!(volume.attach, Attach::Attached | Attach::Detaching | Attach::Busy)
    }

    /// Writes what is in memory to the disk.
    pub fn flush(&mut self, place: usize) {
        if self.disks[place].is_dirty {
            self.disks[place].is_dirty = false;
            self.cloud.mounts[place].volume.hidden.content.writes += 1;
        }
    }
}

/// The place of the subject that a thing belongs to.
fn owner_of(ask: Ask) -> usize {
    match ask {
        Ask::Run { node, .. } | Ask::Start { node, .. } | Ask::Terminate { node, .. } => {
            usize::from(node)
        }
        Ask::Create { mount, .. }
        | Ask::Attach { mount, .. }
        | Ask::Detach { mount, .. }
        | Ask::TagEpoch { mount, .. }
        | Ask::Record { mount, .. }
        | Ask::Snapshot { mount, .. }
        | Ask::Delete { mount, .. }
        | Ask::Mkfs { mount, .. }
        | Ask::Mount { mount, .. }
        | Ask::Unmount { mount, .. } => super::cloud::NODES + usize::from(mount),
    }
}
