//! What the engine remembers between two looks and hands to the planner.
//!
//! What has to outlive a drive (where data was seen, what was asked for and has not shown itself) is kept
//! by whoever runs drives; without it the planner does less, asks once more, or takes a listing at its word.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::action::CloudAction;
use crate::definition::Size;
use crate::ids::{InstanceId, MountKey, NodeName, SnapshotId, Subject, VolumeId};
use crate::observation::AttachmentState;
use crate::phases::Phases;
use crate::ports::{CloudError, ShellError};
use crate::tags::StoreMark;
use crate::time::Timestamp;

/// What the engine remembers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// Per subject, what was asked and what came of it.
    pub subjects: BTreeMap<Subject, SubjectMemory>,
    /// Per mount, the highest write epoch under which data was ever seen, from the cluster's store.
    pub data_epochs: BTreeMap<MountKey, u64>,
    /// Renamings that were begun and not seen to be whole: from the new name to the former one.
    pub renames: BTreeMap<Subject, Subject>,
    /// Per mount, the highest write epoch that was ever asked to be sealed, whatever came of it.
    pub sealed_epochs: BTreeMap<MountKey, u64>,
    /// Serial numbers of volumes whose node has carried out an unmount of this drive, and of which no mount was
    /// asked for since: a mount that was asked for earlier is refused there, however late it comes.
    pub fenced: BTreeSet<String>,
    /// Volumes that were asked in this drive to grow, with the size and when that was answered well: a listing shows it
    /// when it is done.
    pub growing: BTreeMap<VolumeId, (Size, Timestamp)>,
    /// Serial numbers of volumes whose node has frozen their file system for this run, and was not asked to thaw it since.
    pub frozen: BTreeSet<String>,
    /// Volumes on which a node found something that we did not put there, though they were made blank.
    pub strange: BTreeSet<VolumeId>,
    /// Per mount, in which state its attachment is seen, and since when we have watched it so. The
    /// provider's own times tell when it was attached, not since when it has been on its way off.
    pub attachments: BTreeMap<MountKey, (AttachmentState, Timestamp)>,
    /// Per mount, since when its node answers each time that it has no device of the volume, which the
    /// provider calls attached to it, or busy there.
    pub deviceless_since: BTreeMap<MountKey, Timestamp>,
    /// Per machine, the serial numbers of devices that it had in use when it last showed them, and since when its answers
    /// leave each of them out. What an answer leaves out may be in use all the same.
    pub in_use: BTreeMap<InstanceId, BTreeMap<String, Option<Timestamp>>>,
    /// Per node, since when its running instance has not answered.
    pub silent_since: BTreeMap<NodeName, Timestamp>,
    /// Per node, since when its readiness checks say no.
    pub unready_since: BTreeMap<NodeName, Timestamp>,
    /// Per node, how often its halt checks said no in a row.
    pub halt_refusals: BTreeMap<NodeName, u32>,
    /// What an answer or a listing said to live, in this drive or an earlier one, and was not seen to end.
    pub living: BTreeMap<AwaitedId, Subject>,
    /// Per machine that answered, until when a listing may still show it as it was before that.
    pub answered: BTreeMap<InstanceId, Timestamp>,
    /// What was seen to end, and when last: no listing brings it to life again.
    pub ended: BTreeMap<AwaitedId, Timestamp>,
    /// Set where nothing is recorded of a cluster of which something is listed: its store was lost. What a look does not
    /// show that was begun before then may be there all the same.
    pub doubts_until: Option<Timestamp>,
    /// How far each volume is on its way, by the log that operators share; `None`: nobody keeps one, as there is nobody
    /// else.
    pub phases: Option<Phases>,
    /// The store that operators share; what is made is marked as its, and what has another's mark is left alone.
    /// `None`: nobody shares one, and marks are neither made nor heeded.
    pub store: Option<StoreMark>,
}

impl Memory {
    /// Returns what is remembered of a subject, if anything.
    #[must_use]
    pub fn of(&self, subject: &Subject) -> Option<&SubjectMemory> {
        self.subjects.get(subject)
    }

    /// Returns the highest write epoch of a mount that was ever asked to be sealed, by what this operator's runs remember or
    /// by the log that operators share.
    #[must_use]
    pub fn sealed_epoch(&self, mount: &MountKey) -> Option<u64> {
        let entered = self.phases.as_ref().and_then(|phases| phases.sealed_epoch(mount));
        self.sealed_epochs.get(mount).copied().max(entered)
    }

    /// Lists what is remembered of a node's mounts, whether or not they are seen now.
    pub fn of_mounts_of(
        &self,
        node: &NodeName,
    ) -> impl Iterator<Item = (&MountKey, &SubjectMemory)> {
        self.subjects.range(Subject::Mount(MountKey::before_all_of(node))..).map_while(
            move |(subject, memory)| match subject {
                Subject::Mount(key) if &key.node == node => Some((key, memory)),
                _ => None,
            },
        )
    }
}

/// What is remembered of one subject.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubjectMemory {
    /// The name of the request whose answer is still due.
    pub in_flight: Option<&'static str>,
    /// When the last request to the cloud was answered; older looks at the cloud say nothing new.
    pub cloud_settled_at: Option<Timestamp>,
    /// When the last request to the node was answered; older answers of the node say nothing new.
    pub shell_settled_at: Option<Timestamp>,
    /// Nothing is asked again before then.
    pub not_before: Option<Timestamp>,
    /// The last request's failure; cleared when the subject is seen in another state.
    pub failure: Option<Failure>,
    /// Of a node: the candidates for which the provider had no capacity, since its machine last ran. Kept by one drive only:
    /// the next one begins with the first candidate again, and at worst asks once more what was refused before.
    pub no_capacity: BTreeMap<Candidate, NoCapacity>,
    /// What was confirmed as made, or was there, and is not seen in a listing.
    pub awaited: Vec<Awaited>,
    /// Requests that attach, detach, delete, terminate or start, and whose effect was not seen: they may yet come.
    pub open_requests: Vec<OpenRequest>,
    /// A creation whose answer was lost: what it made may show itself late. Until something of the
    /// subject is seen it is asked again as it was, so that its token tells the provider that it is
    /// the same.
    pub unsure: Option<Unsure>,
    /// The last creation that was asked for, unless what it made was seen to end. What is made once more is asked for
    /// as it was: if the provider only hides what there is, the token brings it back.
    pub made: Option<Made>,
    /// Grows each time that the provider calls a token used up; makes the next token another one.
    pub token_generation: u32,
    /// Of a node: a call that it shared with others was refused, which says nothing of each of them. From then on, in this
    /// drive, it has a call of its own.
    pub goes_alone: bool,
}

impl SubjectMemory {
    /// Lists what may still show itself after a look that was begun at `seen_at`.
    pub fn awaited_at(&self, seen_at: Timestamp) -> impl Iterator<Item = &Awaited> {
        self.awaited.iter().filter(move |awaited| awaited.until > seen_at)
    }

    /// Lists the requests that may yet have taken effect after a look that was begun at `seen_at`.
    pub fn open_requests_at(&self, seen_at: Timestamp) -> impl Iterator<Item = &CloudAction> {
        self.open_requests.iter().filter(move |end| end.until > seen_at).map(|end| &end.action)
    }

    /// Awaits something; if it is awaited already, until the later time.
    pub fn await_for(&mut self, awaited: Awaited) {
        match self.awaited.iter_mut().find(|known| known.what == awaited.what) {
            Some(known) => known.until = known.until.max(awaited.until),
            None => self.awaited.push(awaited),
        }
    }
}

/// A zone and an instance type in which a node's machine may be asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// The zone. `None`: the provider's own.
    pub zone: Option<String>,
    /// The type. `None`: the provider's own.
    pub instance_type: Option<String>,
}

impl Candidate {
    /// Returns the candidate for which a machine is asked; `None` for any other request.
    #[must_use]
    pub fn of(action: &CloudAction) -> Option<Self> {
        let CloudAction::RunInstance { machine, zone, .. } = action else { return None };
        Some(Self { zone: zone.clone(), instance_type: machine.instance_type.clone() })
    }
}

impl std::fmt::Display for Candidate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.instance_type.as_deref().unwrap_or("a machine");
        match &self.zone {
            Some(zone) => write!(f, "{kind} in {zone}"),
            None => f.write_str(kind),
        }
    }
}

/// The provider had no capacity for a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoCapacity {
    /// How many times.
    pub times: u32,
    /// What it said last.
    pub error: CloudError,
}

/// A request that attaches, detaches, deletes, terminates or starts, whose effect was not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRequest {
    /// The request.
    pub action: CloudAction,
    /// How many times it may have been asked for: one effect that is seen leaves the others open. A detachment
    /// whose answer was lost counts twice, see [`crate::ports::Cloud::issue`].
    pub times: u32,
    /// When it was last asked for.
    pub asked_at: Timestamp,
    /// It takes effect by then, or never.
    pub until: Timestamp,
}

/// A creation that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The request.
    pub request: CloudAction,
    /// What it made, as far as is known.
    pub id: Option<AwaitedId>,
}

/// A creation whose answer was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsure {
    /// The request, to be made again as it was.
    pub action: CloudAction,
    /// What it made, if anything, shows itself by then.
    pub until: Timestamp,
    /// Whether it was asked for so long ago that its token may be forgotten: asked again, it might make a second one, so
    /// it is waited for first.
    pub is_old: bool,
}

impl Unsure {
    /// Says whether what was asked for is to show itself before it is asked for again, after a look that was begun at
    /// `seen_at`.
    #[must_use]
    pub fn is_awaited_at(&self, seen_at: Timestamp) -> bool {
        self.is_old && self.until > seen_at
    }

    /// Says whether what was asked for is a volume that begins from this snapshot, or blank if it is `None`.
    #[must_use]
    pub fn begins_from(&self, snapshot: Option<&SnapshotId>) -> bool {
        matches!(&self.action, CloudAction::CreateVolume { from, .. } if from.as_ref() == snapshot)
    }
}

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The request's name, such as `AttachVolume` or `umount`.
    pub action: String,
    /// What went wrong.
    pub error: FailureError,
    /// How many times in a row.
    pub times: u32,
    /// When it first failed.
    pub first_at: Timestamp,
    /// When it last failed.
    pub last_at: Timestamp,
}

/// The error of a [`Failure`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureError {
    /// From the cloud.
    Cloud(CloudError),
    /// From the node.
    Shell(ShellError),
}

/// A thing that was confirmed as made, or was there, and must show itself before anything else is made in
/// its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    /// Its id.
    pub what: AwaitedId,
    /// When it was confirmed.
    pub since: Timestamp,
    /// How long it may stay invisible: what a look that is begun then does not show was never made, or is gone.
    pub until: Timestamp,
    /// Whether it was last seen on its way out: nothing is made in its place before it has ended, but
    /// nobody need wait for it otherwise.
    pub is_ending: bool,
}

/// Id of an [`Awaited`] thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AwaitedId {
    /// An instance.
    Instance(InstanceId),
    /// A volume.
    Volume(VolumeId),
    /// A snapshot.
    Snapshot(SnapshotId),
}

impl AwaitedId {
    /// Returns the provider's id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Instance(id) => id.as_str(),
            Self::Volume(id) => id.as_str(),
            Self::Snapshot(id) => id.as_str(),
        }
    }
}

impl std::fmt::Display for AwaitedId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Instance(id) => id.fmt(f),
            Self::Volume(id) => id.fmt(f),
            Self::Snapshot(id) => id.fmt(f),
        }
    }
}
