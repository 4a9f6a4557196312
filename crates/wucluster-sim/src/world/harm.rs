//! Harm: what must never happen, judged in truth at the instant of the effect.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wucluster_core::ids::{InstanceId, MountKey, NodeName, SnapshotId, Subject, VolumeId};
use wucluster_core::observation::{SnapshotState, VolumeState};
use wucluster_core::tags::{BackTo, Tags};
use wucluster_core::time::Timestamp;

use super::harm_kind::HarmKind;
use super::owner::{Maker, Owner};
use super::requests::By;
use super::snapshot::Snapshot;
use super::state::{EPOCH, World};
use super::volume::Volume;

/// Who changed the ground under a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Cause {
    /// A human. Listings may show it late.
    Human,
    /// The cloud by itself. Listings may show it late.
    Cloud,
    /// The node by itself; a look at the node shows it at once.
    Node,
}

/// Something that must never happen, and did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Harm {
    /// When.
    pub at: Timestamp,
    /// What kind of harm it is.
    pub kind: HarmKind,
    /// Whom it befell.
    pub subject: Subject,
    /// The request that did it.
    pub by: String,
    /// What was so in truth.
    pub what: String,
    /// Why nobody could have known: somebody changed it after the evidence was gathered.
    pub excuse: Option<String>,
    /// How long after it was asked the request took effect, where a fault delayed it.
    pub late_by: Duration,
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, kind, subject, by, what, excuse, late_by } = self;
        let seconds = at.since(EPOCH).as_secs_f64();
        write!(f, "{kind:?} to {subject} at {seconds:.3} s by `{by}`: {what}")?;
        if !late_by.is_zero() {
            write!(f, " (it landed {:.3} s late)", late_by.as_secs_f64())?;
        }
        match excuse {
            Some(excuse) => write!(f, " (excused: {excuse})"),
            None => Ok(()),
        }
    }
}

/// Writes that were lost with a machine's memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// When.
    pub at: Timestamp,
    /// The machine.
    pub instance: InstanceId,
    /// The volume that the writes never reached.
    pub volume: VolumeId,
    /// How many writes.
    pub writes: usize,
    /// What happened to the machine.
    pub how: String,
}

/// All harm and loss so far.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Ledger {
    harm: Vec<Harm>,
    excused: Vec<Harm>,
    losses: Vec<Loss>,
    /// When who changed what could excuse harm of a kind to a node and its mounts.
    #[serde(with = "crate::persist::pairs")]
    touched: BTreeMap<(NodeName, HarmKind), (Timestamp, Cause)>,
    /// By how much the request is late that takes effect now.
    pub(super) late_by: Duration,
}

impl World {
    /// Lists the harm that was done by requests, in the order of doing.
    #[must_use]
    pub fn harm(&self) -> &[Harm] {
        &self.ledger.harm
    }

    /// Lists what would have been harm, had not somebody changed the ground too late to be seen.
    #[must_use]
    pub fn excused_harm(&self) -> &[Harm] {
        &self.ledger.excused
    }

    /// Lists the writes that were lost with machines, whoever ended them.
    #[must_use]
    pub fn losses(&self) -> &[Loss] {
        &self.ledger.losses
    }

    pub(super) fn record_loss(
        &mut self,
        instance: &InstanceId,
        volume: &VolumeId,
        writes: usize,
        how: &str,
    ) {
        self.note(format!("lost {writes} writes of {volume}: {how}"));
        let (instance, volume) = (instance.clone(), volume.clone());
        self.ledger.losses.push(Loss {
            at: self.now,
            instance,
            volume,
            writes,
            how: how.to_owned(),
        });
    }

    pub(super) fn do_harm(
        &mut self,
        kind: HarmKind,
        subject: Subject,
        by: String,
        what: String,
        seen_at: Timestamp,
    ) {
        let excuse = self.excuse(kind, &subject, seen_at);
        let late_by = self.ledger.late_by;
        self.push_harm(Harm { at: self.now, kind, subject, by, what, excuse, late_by });
    }

    fn push_harm(&mut self, harm: Harm) {
        self.note(format!("HARM {harm}"));
        if harm.excuse.is_some() {
            self.ledger.excused.push(harm);
        } else {
            self.ledger.harm.push(harm);
        }
    }

    pub(super) fn harm_by(&mut self, by: &By<'_>, kind: HarmKind, what: String) {
        self.do_harm(kind, by.subject.clone(), by.action.to_string(), what, by.seen_at);
    }

    /// Records that somebody changed what harm of these kinds to a node and its mounts rests on.
    pub(super) fn touch(&mut self, node: &NodeName, cause: Cause, kinds: &[HarmKind]) {
        for kind in kinds {
            self.ledger.touched.insert((node.clone(), *kind), (self.now, cause));
        }
    }

    /// Says who changed the ground of such harm since the evidence, if anybody did.
    fn excuse(&self, kind: HarmKind, subject: &Subject, seen_at: Timestamp) -> Option<String> {
        let (touched, cause) = *self.ledger.touched.get(&(subject.node()?.clone(), kind))?;
        // What listings show may be as old as their staleness when they are asked for.
        let lateness = self.faults.staleness_max();
        let (knowable_at, who) = match cause {
            Cause::Human => (touched.after(lateness), "a human"),
            Cause::Cloud => (touched.after(lateness), "the cloud"),
            Cause::Node => (touched, "the node"),
        };
        (knowable_at >= seen_at).then(|| format!("{who} changed it after the look"))
    }

    /// Judges a change of something by its true tags.
    pub(super) fn judge_ownership(&mut self, by: &By<'_>, id: &str) {
        let tags = self
            .instances
            .get(&InstanceId::new(id))
            .map(|found| &found.tags)
            .or_else(|| self.volumes.get(&VolumeId::new(id)).map(|found| &found.tags))
            .or_else(|| self.snapshots.get(&SnapshotId::new(id)).map(|found| &found.tags));
        let Some(tags) = tags else { return };
        let node = by.subject.node();
        let problem = match Owner::of(tags) {
            None => Some(format!("{id} names no node or mount of any cluster")),
            Some(owner) if by.cluster.is_some_and(|cluster| *cluster != owner.cluster) => {
                Some(format!("{id} is cluster {}'s", owner.cluster))
            }
            Some(owner) if node.is_some_and(|node| node != owner.node()) => {
                Some(format!("{id} is {}'s", owner.subject()))
            }
            Some(_) => None,
        };
        if let Some(problem) = problem {
            self.harm_by(by, HarmKind::TouchedForeign, problem);
        }
    }

    pub(super) fn judge_new_instance(&mut self, by: &By<'_>, tags: &Tags) {
        let Some(owner) = self.owner_for(by, tags) else { return };
        let twin = self
            .instances
            .values()
            .find(|found| {
                found.maker == Maker::Operator
                    && !found.is_terminated()
                    && Owner::of(&found.tags).as_ref() == Some(&owner)
            })
            .map(|found| format!("{} is {}", found.id, found.state));
        if let Some(twin) = twin {
            self.harm_by(by, HarmKind::TwoInstances, twin);
        }
    }

    pub(super) fn judge_new_volume(&mut self, by: &By<'_>, tags: &Tags, from: Option<&SnapshotId>) {
        let Some(owner) = self.owner_for(by, tags) else { return };
        let twin = self
            .volumes
            .values()
            .find(|found| {
                found.maker == Maker::Operator
                    && found.is_living()
                    && Owner::of(&found.tags).as_ref() == Some(&owner)
            })
            .map(|found| format!("{} is {}", found.id, found.state));
        if let Some(twin) = twin {
            self.harm_by(by, HarmKind::TwoVolumes, twin);
        }
        let is_checkpoint_said = |from: &SnapshotId| {
            let source =
                self.snapshots.get(from).filter(|found| found.owner.as_ref() == Some(&owner));
            let of = source.and_then(|found| found.tags.checkpoint()).map(|of| of.number);
            of.is_some_and(|of| {
                tags.went_back() == Some(BackTo::Checkpoint(of))
                    && self.checkpoint_returns.contains(&of)
            })
        };
        if from.is_some_and(is_checkpoint_said) {
            return;
        }
        // Whoever goes back by a person's word is judged by what there was then.
        let then = tags.back_to().filter(|generation| self.returns.contains(generation));
        let is_meant = |found: &&Snapshot| {
            let of_then =
                then.is_none_or(|then| found.tags.generation().is_some_and(|of| of <= then));
            // A checkpoint is not what a mount begins from by itself.
            let is_of_put_away = !found.tags.is_checkpoint();
            found.is_listed && is_of_put_away && found.owner.as_ref() == Some(&owner) && of_then
        };
        let newest = self
            .snapshots
            .values()
            .filter(is_meant)
            .filter(|found| found.state != SnapshotState::Error)
            .max_by_key(|found| found.number);
        // A snapshot of what was never written to keeps nothing that a blank volume would lack.
        let holds_data =
            self.snapshots.values().filter(is_meant).any(|found| found.content.holds_data());
        match (from, newest) {
            (None, Some(newest)) if holds_data => {
                let what = format!("{} of it is {}", newest.id, newest.state);
                self.harm_by(by, HarmKind::BlankDespiteData, what);
            }
            (None, None) if then.is_none() && self.had_data.contains(&owner) => {
                self.judge_forgotten(by, &owner);
            }
            (Some(from), Some(newest)) if from != &newest.id => {
                let source = self.snapshots.get(from);
                let is_same = source.is_some_and(|source| source.content == newest.content);
                let what = format!(
                    "{} is newer and {}, its content differs from {from}'s",
                    newest.id, newest.state
                );
                if !is_same {
                    self.harm_by(by, HarmKind::RestoredOlder, what);
                }
            }
            (Some(_), Some(_) | None) | (None, Some(_) | None) => {}
        }
    }

    /// Judges a blank volume for a mount that once had data, of which there is no snapshot.
    fn judge_forgotten(&mut self, by: &By<'_>, owner: &Owner) {
        let mut left = self
            .volumes
            .values()
            .filter(|found| found.is_listed && Owner::of(&found.tags).as_ref() == Some(owner));
        // A second living volume is harm of its own.
        if left.clone().any(Volume::is_living) {
            return;
        }
        if let Some(broken) = left.find(|found| found.state == VolumeState::Error) {
            let what = format!("{} is {}, and it once had data", broken.id, broken.state);
            self.harm_by(by, HarmKind::BlankDespiteData, what);
            return;
        }
        let excuse = Some("nothing in the cloud tells of the data any more".to_owned());
        self.push_harm(Harm {
            at: self.now,
            kind: HarmKind::BlankDespiteData,
            subject: by.subject.clone(),
            by: by.action.to_string(),
            what: "it once had data".to_owned(),
            excuse,
            late_by: self.ledger.late_by,
        });
    }

    /// Returns whom a new thing is for; a thing without an owner, or with another's tags, is harm.
    fn owner_for(&mut self, by: &By<'_>, tags: &Tags) -> Option<Owner> {
        let owner = Owner::of(tags);
        match &owner {
            None => self.harm_by(
                by,
                HarmKind::TouchedForeign,
                "it is made without the cluster's tags".to_owned(),
            ),
            Some(owner) if owner.subject() != by.subject => {
                let what = format!("it is made with the tags of {}", owner.subject());
                self.harm_by(by, HarmKind::TouchedForeign, what);
            }
            Some(owner) if by.cluster.is_some_and(|cluster| *cluster != owner.cluster) => {
                let what = format!("it is made with the tags of cluster {}", owner.cluster);
                self.harm_by(by, HarmKind::TouchedForeign, what);
            }
            Some(_) => {}
        }
        owner
    }

    pub(super) fn judge_attach(&mut self, by: &By<'_>, volume: &VolumeId, instance: &InstanceId) {
        let of_volume = self.volumes.get(volume).and_then(|found| found.owner.clone());
        let of_instance = self.instances.get(instance).and_then(|found| found.owner.clone());
        if let (Some(of_volume), Some(of_instance)) = (of_volume, of_instance)
            && (of_volume.cluster != of_instance.cluster || of_volume.node() != of_instance.node())
        {
            let what = format!(
                "{volume} is {}'s, {instance} {}'s",
                of_volume.subject(),
                of_instance.subject()
            );
            self.harm_by(by, HarmKind::WrongNode, what);
        }
    }

    pub(super) fn judge_detach(&mut self, by: &By<'_>, volume: &VolumeId, instance: &InstanceId) {
        if self.is_held(volume, instance) {
            let what = format!("{instance} still has a file system of {volume} in use");
            self.harm_by(by, HarmKind::DetachedWhileMounted, what);
        }
    }

    pub(super) fn judge_terminate(&mut self, by: &By<'_>, id: &InstanceId) {
        let attached: Vec<(VolumeId, bool)> = self
            .volumes
            .values()
            .filter_map(|volume| {
                let found = volume.attachment.as_ref().filter(|found| &found.instance == id)?;
                Some((volume.id.clone(), found.delete_on_termination))
            })
            .collect();
        for (volume, is_deleted_too) in attached {
            if is_deleted_too {
                let what = format!("{volume} is marked to be deleted with {id}");
                self.harm_by(by, HarmKind::DeletedWithInstance, what);
            }
            self.judge_in_use(by, HarmKind::TerminatedWhileMounted, id, &volume);
        }
    }

    pub(super) fn judge_stop(&mut self, by: &By<'_>, id: &InstanceId) {
        let attached = |volume: &&Volume| {
            volume.attachment.as_ref().is_some_and(|found| &found.instance == id)
        };
        let attached: Vec<VolumeId> =
            self.volumes.values().filter(attached).map(|volume| volume.id.clone()).collect();
        for volume in attached {
            self.judge_in_use(by, HarmKind::StoppedWhileMounted, id, &volume);
        }
    }

    fn judge_in_use(&mut self, by: &By<'_>, kind: HarmKind, id: &InstanceId, volume: &VolumeId) {
        if !self.is_held(volume, id) {
            return;
        }
        let cached = self.instances.get(id).and_then(|found| found.machine.caches.get(volume));
        let writes = cached.map_or(0, Vec::len);
        self.harm_by(by, kind, format!("{volume} is in use there, with {writes} unwritten writes"));
    }

    pub(super) fn judge_delete(&mut self, by: &By<'_>, id: &VolumeId) {
        let Some(volume) = self.volumes.get(id) else { return };
        if self.needs_saving(volume) && !self.is_saved(volume) {
            let what = format!("no complete snapshot holds its {} writes", volume.content.writes());
            self.harm_by(by, HarmKind::DeletedUnsaved, what);
        }
    }

    fn needs_saving(&self, volume: &Volume) -> bool {
        let is_formatted = volume.content.shape() != &crate::content::Shape::Blank;
        volume.was_mounted
            || volume.content.holds_data()
            || (self.limits.counts_format_as_data && is_formatted)
    }

    /// Says whether a complete snapshot that a launch would find holds the volume's content: under the
    /// name that it was made for, or under that which a human gave it since.
    pub(super) fn is_saved(&self, volume: &Volume) -> bool {
        let name = Owner::of(&volume.tags);
        self.snapshots.values().any(|snapshot| {
            let is_found = snapshot.owner == volume.owner
                || (snapshot.owner.is_some() && snapshot.owner == name)
                || volume.from_snapshot.as_ref() == Some(&snapshot.id);
            // Nobody begins from a checkpoint by itself, whatever it holds.
            let is_of_put_away = !snapshot.tags.is_checkpoint();
            snapshot.is_usable() && is_of_put_away && is_found && snapshot.content == volume.content
        })
    }

    /// Judges a request to a node by whether its volume still carries the mount's tags.
    pub(super) fn judge_device(
        &mut self,
        mount: &MountKey,
        volume: &VolumeId,
        by: &str,
        seen_at: Timestamp,
    ) {
        let owner = self.volumes.get(volume).map(|found| Owner::of(&found.tags));
        let problem = match owner {
            None => return,
            Some(Some(owner)) if owner.is_mount(mount) => return,
            Some(Some(owner)) => format!("{volume} is tagged as {}'s", owner.subject()),
            Some(None) => format!("{volume} names no mount of any cluster"),
        };
        let subject = Subject::Mount(mount.clone());
        self.do_harm(HarmKind::TouchedForeign, subject, by.to_owned(), problem, seen_at);
    }

    /// Judges a mount by the identity of the volume and of the node.
    pub(super) fn judge_mount(
        &mut self,
        mount: &MountKey,
        (instance, volume): (&InstanceId, &VolumeId),
        by: &str,
        seen_at: Timestamp,
    ) {
        let of_volume = self.volumes.get(volume).and_then(|found| found.owner.as_ref());
        let of_instance = self.instances.get(instance).and_then(|found| found.owner.as_ref());
        let wrong_volume = of_volume
            .filter(|owner| !owner.is_mount(mount))
            .map(|owner| format!("{volume} is {}'s", owner.subject()));
        let wrong_node = of_instance
            .filter(|owner| owner.node() != &mount.node)
            .map(|owner| format!("{instance} is {}'s", owner.subject()));
        for what in wrong_volume.into_iter().chain(wrong_node) {
            let subject = Subject::Mount(mount.clone());
            self.do_harm(HarmKind::WrongNode, subject, by.to_owned(), what, seen_at);
        }
    }
}
