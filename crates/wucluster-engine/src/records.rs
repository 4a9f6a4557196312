//! What one drive leaves for the next: where data was seen, what was asked for, what lives.
//!
//! A listing may lack for minutes what was just made, and a drive may end in the middle: interrupted, or
//! killed. The next one would take the listing at its word. Records are written before a creation is asked
//! for, and when something is seen to live or to end, so that the next drive awaits what it does not see.
//! Losing them loses that caution, and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wucluster_core::action::{Action, CloudAction};
use wucluster_core::definition::Rename;
use wucluster_core::ids::{InstanceId, MountKey, Subject, VolumeId};
use wucluster_core::memory::{Awaited, AwaitedId, Made, Memory, OpenRequest, Unsure};
use wucluster_core::ports::{Clock, CloudLimits, Uptime};
use wucluster_core::time::Timestamp;

use crate::event::{EngineEvent, EventKind};

/// How long it is remembered that something has ended, or that a request may still come.
///
/// Source: twice the longest that a listing of ours may be late in any fault that is simulated (10 min), more
/// than the longest that a request may be (15 min), and less than what EC2 shows the terminated for (an hour).
pub const KEPT: Duration = Duration::from_secs(20 * 60);

/// How long something is awaited at the beginning of a drive that lived when the last one ended, long ago.
///
/// Source: listings are torn by chance, and a second and third one follow within seconds.
pub(crate) const SECOND_THOUGHT: Duration = Duration::from_secs(15);

/// By how much a clock has to differ from what it should show for having been set.
const CLOCK_IS_SET: Duration = Duration::from_secs(1);

/// How often it is written down that a machine answers.
pub(crate) const ANSWERED_AGAIN: Duration = Duration::from_secs(5);

/// A fact for the next drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When, by our clock.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub fact: Fact,
}

/// What a [`Record`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "fact")]
pub enum Fact {
    /// A creation is about to be asked for. What comes of it is open until something of the subject lives, or
    /// it is said to have come to nothing.
    Intended {
        /// For whom.
        subject: Subject,
        /// The request, as it would have to be repeated.
        request: CloudAction,
    },
    /// What is made next for this one is another: what there was has another name now, or its token is used up.
    Renounced {
        /// For whom.
        subject: Subject,
    },
    /// The last creation that was asked for, if what it made was not seen to end. Told only where records are put
    /// together anew.
    Made {
        /// For whom.
        subject: Subject,
        /// The request, and what it made.
        made: Made,
    },
    /// A creation was refused: it made nothing.
    Refused {
        /// For whom.
        subject: Subject,
    },
    /// An attachment, detachment, deletion, termination or start is about to be asked for. It may come late.
    Open {
        /// Of whom.
        subject: Subject,
        /// The request.
        request: CloudAction,
    },
    /// Its last try was answered: whatever carries requests did not try twice.
    Heard {
        /// Of whom.
        subject: Subject,
        /// The request.
        request: CloudAction,
    },
    /// It was refused, or its effect was seen: it will not come any more.
    Settled {
        /// Of whom.
        subject: Subject,
        /// The request.
        request: CloudAction,
    },
    /// An answer or a listing says that this lives.
    Lives {
        /// Whose it is.
        subject: Subject,
        /// Its id.
        id: AwaitedId,
    },
    /// This was seen to end: no later listing brings it to life again.
    Ended {
        /// Its id.
        id: AwaitedId,
    },
    /// This has been invisible for as long as the provider may hide what lives; it counts as gone.
    Vanished {
        /// Its id.
        id: AwaitedId,
    },
    /// A volume was seen attached to a machine.
    Attached {
        /// The mount.
        mount: MountKey,
        /// The volume.
        volume: VolumeId,
        /// The machine.
        instance: InstanceId,
    },
    /// What was seen attached is so no more: its machine said so, or ended, or it was listed as free for long enough.
    LetGo {
        /// The volume.
        volume: VolumeId,
    },
    /// Nothing was recorded of a cluster that was looked at: what looks do not show that are begun before then may be there.
    Doubted {
        /// Until when, by our clock.
        until: Timestamp,
    },
    /// A drive began. All that was told before is dated by a clock that may have been set since.
    Began {
        /// How long the machine that it runs on has been up.
        uptime: Uptime,
    },
    /// The cloud was looked at, and there is nothing new.
    Looked,
    /// A write epoch is about to be asked to be sealed.
    Sealing {
        /// The mount.
        mount: MountKey,
        /// The write epoch.
        epoch: u64,
    },
    /// A node found something on a volume that was made blank, which we did not put there.
    Strange {
        /// The mount.
        mount: MountKey,
        /// The volume.
        volume: VolumeId,
    },
    /// A running machine answered. Told again every 5 s.
    NodeAnswered {
        /// The machine.
        instance: InstanceId,
    },
    /// What had one name is about to come to another: what is known of its data is known of both from now on.
    Renaming {
        /// The former name.
        from: Subject,
        /// The new one.
        to: Subject,
    },
    /// All that had the former name has the new one: what was known of the former is forgotten.
    Renamed {
        /// The former name.
        from: Subject,
        /// The new one.
        to: Subject,
    },
    /// Data was seen under a write epoch.
    DataSeen {
        /// The mount.
        mount: MountKey,
        /// The write epoch.
        epoch: u64,
    },
}

/// A request that may come late.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    request: CloudAction,
    times: u32,
    /// When last.
    at: Timestamp,
    /// Whether the last try was answered.
    is_heard: bool,
}

/// All that earlier drives left: records, taken together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Records {
    /// Per mount, the highest write epoch under which data was ever seen.
    pub data_epochs: BTreeMap<MountKey, u64>,
    /// Per mount, the highest write epoch that was ever asked to be sealed.
    sealed_epochs: BTreeMap<MountKey, u64>,
    /// Renamings that were begun and not seen to be whole: from the new name to the former one.
    renames: BTreeMap<Subject, Subject>,
    /// Volumes that were made blank, and on which something was found, with their mounts.
    strange: BTreeMap<VolumeId, MountKey>,
    /// Per subject, the creation whose outcome is open, and when it was asked for.
    intents: BTreeMap<Subject, (CloudAction, Timestamp)>,
    /// Per subject, the last creation that was asked for, unless what it made was seen to end.
    made: BTreeMap<Subject, Made>,
    /// Per subject, what was asked for and may come late.
    open: BTreeMap<Subject, Vec<Asked>>,
    /// Per machine, when it last answered.
    answered: BTreeMap<InstanceId, Timestamp>,
    /// What was seen attached, whose it is, and to which machine.
    attached: BTreeMap<VolumeId, (MountKey, InstanceId)>,
    living: BTreeMap<AwaitedId, Subject>,
    ended: BTreeMap<AwaitedId, Timestamp>,
    /// Until when looks are doubted, as nothing was recorded before.
    doubts_until: Option<Timestamp>,
    /// When the last drive began, by our clock and by that of its machine.
    began: Option<(Timestamp, Uptime)>,
    /// When the last record was made: what lives was seen no earlier than a moment before.
    heard_at: Timestamp,
}

impl Records {
    /// Dates them by the clock of a drive that begins, however it was set since the last one: before that, nothing that
    /// they say of times holds. Told again, it changes nothing.
    ///
    /// Returns the record to be kept; `None` where the clock's machine does not tell for how long it has been up.
    pub fn begin(&mut self, clock: &dyn Clock) -> Option<Record> {
        let fact = Fact::Began { uptime: clock.uptime()? };
        let record = Record { at: clock.now(), fact };
        self.apply(&record);
        Some(record)
    }

    /// Says whether they tell nothing of any cluster: there was no drive before, or what it left is lost.
    pub(crate) fn know_nothing(&self) -> bool {
        self.living.is_empty()
            && self.ended.is_empty()
            && self.made.is_empty()
            && self.open.is_empty()
            && self.data_epochs.is_empty()
    }

    /// Takes what an event says for later drives; most say nothing.
    ///
    /// Returns the record to be kept, if there is one.
    pub fn take(&mut self, event: &EngineEvent) -> Option<Record> {
        let fact = match &event.kind {
            EventKind::Asked { action: Action::Cloud(request), subject, .. }
                if creates(request) =>
            {
                Fact::Intended { subject: subject.clone(), request: request.clone() }
            }
            EventKind::Asked { action: Action::Cloud(request), subject, .. }
                if may_come_late(request) =>
            {
                Fact::Open { subject: subject.clone(), request: request.clone() }
            }
            EventKind::Asked {
                action: Action::Cloud(CloudAction::TagVolume { mount, tags, .. }),
                ..
            } => match tags.epoch() {
                Some(epoch) if epoch.is_sealed => {
                    Fact::Sealing { mount: mount.clone(), epoch: epoch.number }
                }
                _ => return None,
            },
            EventKind::DataSeen { mount, epoch } => {
                Fact::DataSeen { mount: mount.clone(), epoch: *epoch }
            }
            EventKind::Recorded(fact) => fact.clone(),
            _ => return None,
        };
        let record = Record { at: event.at, fact };
        self.apply(&record);
        Some(record)
    }

    /// Applies a record. [`Fact::Open`] counts how often it is told; any other, told again, changes nothing.
    pub fn apply(&mut self, record: &Record) {
        if let Fact::Began { uptime } = &record.fact {
            if let Some((at, before)) = &self.began
                && before.boot == uptime.boot
            {
                let unset = at.after(uptime.span.saturating_sub(before.span));
                self.set_clock(record.at.as_millis() - unset.as_millis());
            }
            self.began = Some((record.at, uptime.clone()));
        }
        self.heard_at = self.heard_at.max(record.at);
        match &record.fact {
            Fact::Intended { subject, request } => {
                self.intents.insert(subject.clone(), (request.clone(), record.at));
                let made = Made { request: request.clone(), id: None };
                self.made.insert(subject.clone(), made);
            }
            Fact::Made { subject, made } => {
                self.made.insert(subject.clone(), made.clone());
            }
            Fact::Renounced { subject } => {
                self.made.remove(subject);
            }
            Fact::Refused { subject } => {
                self.intents.remove(subject);
            }
            Fact::Open { subject, request } => {
                let of_subject = self.open.entry(subject.clone()).or_default();
                let (at, is_heard) = (record.at, false);
                match of_subject.iter_mut().find(|asked| &asked.request == request) {
                    Some(asked) => {
                        (asked.times, asked.at, asked.is_heard) = (asked.times + 1, at, is_heard);
                    }
                    None => {
                        let request = request.clone();
                        of_subject.push(Asked { request, times: 1, at, is_heard });
                    }
                }
            }
            Fact::Heard { subject, request } => {
                let of_subject = self.open.get_mut(subject).into_iter().flatten();
                for asked in of_subject.filter(|asked| &asked.request == request) {
                    asked.is_heard = true;
                }
            }
            Fact::NodeAnswered { instance } => {
                self.answered.insert(instance.clone(), record.at);
            }
            Fact::Settled { subject, request } => {
                if let Some(of_subject) = self.open.get_mut(subject) {
                    of_subject.retain(|asked| &asked.request != request);
                    if of_subject.is_empty() {
                        self.open.remove(subject);
                    }
                }
            }
            Fact::Lives { subject, id } => {
                self.intents.remove(subject);
                if let Some(made) = self.made.get_mut(subject) {
                    made.id.get_or_insert_with(|| id.clone());
                }
                self.living.insert(id.clone(), subject.clone());
            }
            Fact::Ended { id } => {
                if let AwaitedId::Volume(volume) = id {
                    self.strange.remove(volume);
                    self.attached.remove(volume);
                }
                self.living.remove(id);
                self.made.retain(|_, made| made.id.as_ref() != Some(id));
                self.ended.insert(id.clone(), record.at);
            }
            Fact::Vanished { id } => {
                self.living.remove(id);
            }
            Fact::Attached { mount, volume, instance } => {
                self.attached.insert(volume.clone(), (mount.clone(), instance.clone()));
            }
            Fact::LetGo { volume } => {
                self.attached.remove(volume);
            }
            Fact::Doubted { until } => self.doubts_until = Some(*until),
            Fact::Looked | Fact::Began { .. } => {}
            Fact::Strange { mount, volume } => {
                self.strange.insert(volume.clone(), mount.clone());
            }
            Fact::Sealing { mount, epoch } => {
                let known = self.sealed_epochs.entry(mount.clone()).or_insert(0);
                *known = (*known).max(*epoch);
            }
            Fact::Renaming { from, to } => self.renaming(from, to),
            Fact::Renamed { from, to } => self.renamed(from, to),
            Fact::DataSeen { mount, epoch } => {
                let known = self.data_epochs.entry(mount.clone()).or_insert(0);
                *known = (*known).max(*epoch);
            }
        }
    }

    fn renaming(&mut self, from: &Subject, to: &Subject) {
        self.renames.insert(to.clone(), from.clone());
        let (Subject::Mount(from), Subject::Mount(to)) = (from, to) else { return };
        for epochs in [&mut self.data_epochs, &mut self.sealed_epochs] {
            if let Some(epoch) = epochs.get(from).copied() {
                let known = epochs.entry(to.clone()).or_insert(0);
                *known = (*known).max(epoch);
            }
        }
    }

    fn renamed(&mut self, from: &Subject, to: &Subject) {
        self.renames.remove(to);
        self.made.remove(from);
        let (Subject::Mount(from), Subject::Mount(to)) = (from, to) else { return };
        self.data_epochs.remove(from);
        self.sealed_epochs.remove(from);
        let strange = self.strange.values_mut();
        let attached = self.attached.values_mut().map(|(mount, _)| mount);
        for mount in strange.chain(attached).filter(|mount| *mount == from) {
            *mount = to.clone();
        }
    }

    /// Lists the renamings that were begun and not seen to be whole.
    pub(crate) fn renames(&self) -> impl Iterator<Item = Rename> {
        self.renames.iter().map(|(to, from)| Rename { from: from.clone(), to: to.clone() })
    }

    /// Dates everything by a clock that was set, by so many milliseconds forward or back.
    fn set_clock(&mut self, millis: i64) {
        if millis.abs() < CLOCK_IS_SET.as_millis() as i64 {
            return;
        }
        let asked = self.open.values_mut().flatten().map(|asked| &mut asked.at);
        let intended = self.intents.values_mut().map(|(_, at)| at);
        let ended = self.ended.values_mut().chain(self.answered.values_mut());
        let heard = std::iter::once(&mut self.heard_at).chain(&mut self.doubts_until);
        for at in asked.chain(intended).chain(ended).chain(heard) {
            *at = Timestamp::from_millis(at.as_millis().saturating_add(millis));
        }
    }

    /// Lists the least records that say the same at `now`, without what has lost its meaning.
    pub fn compact(&self, now: Timestamp) -> impl Iterator<Item = Record> {
        let at = self.heard_at;
        let data = self.data_epochs.iter().map(move |(mount, epoch)| Record {
            at,
            fact: Fact::DataSeen { mount: mount.clone(), epoch: *epoch },
        });
        let sealed = self.sealed_epochs.iter().map(move |(mount, epoch)| Record {
            at,
            fact: Fact::Sealing { mount: mount.clone(), epoch: *epoch },
        });
        let renames = self.renames.iter().map(move |(to, from)| Record {
            at,
            fact: Fact::Renaming { from: from.clone(), to: to.clone() },
        });
        let strange = self.strange.iter().map(move |(volume, mount)| Record {
            at,
            fact: Fact::Strange { mount: mount.clone(), volume: volume.clone() },
        });
        let made = self.made.iter().map(move |(subject, made)| Record {
            at,
            fact: Fact::Made { subject: subject.clone(), made: made.clone() },
        });
        let living = self.living.iter().map(move |(id, subject)| Record {
            at,
            fact: Fact::Lives { subject: subject.clone(), id: id.clone() },
        });
        let ended = self.ended.iter().filter(move |(_, at)| now.since(**at) < KEPT);
        let ended = ended.map(|(id, at)| Record { at: *at, fact: Fact::Ended { id: id.clone() } });
        // After what lives, which would end them.
        let intents = self.intents.iter().map(|(subject, (request, at))| Record {
            at: *at,
            fact: Fact::Intended { subject: subject.clone(), request: request.clone() },
        });
        let open =
            self.open.iter().flat_map(|(subject, asked)| asked.iter().map(move |it| (subject, it)));
        let open = open.filter(move |(_, asked)| now.since(asked.at) < KEPT);
        let open = open.flat_map(|(subject, asked)| {
            let (subject, request, at) = (subject.clone(), asked.request.clone(), asked.at);
            let heard = Fact::Heard { subject: subject.clone(), request: request.clone() };
            let heard = asked.is_heard.then_some(Record { at, fact: heard });
            let record = Record { at, fact: Fact::Open { subject, request } };
            // More than one is all that matters.
            std::iter::repeat_n(record, usize::try_from(asked.times).unwrap_or(2).min(2))
                .chain(heard)
        });
        let answered = self.answered.iter().filter(move |(_, at)| now.since(**at) < KEPT);
        let answered = answered.map(|(instance, at)| Record {
            at: *at,
            fact: Fact::NodeAnswered { instance: instance.clone() },
        });
        let attached = self.attached.iter().map(move |(volume, (mount, instance))| Record {
            at,
            fact: Fact::Attached {
                mount: mount.clone(),
                volume: volume.clone(),
                instance: instance.clone(),
            },
        });
        let doubts = self.doubts_until.filter(|until| *until > now);
        let doubts = doubts.map(|until| Record { at, fact: Fact::Doubted { until } });
        // First: it dates what follows.
        let began = self
            .began
            .iter()
            .map(|(at, uptime)| Record { at: *at, fact: Fact::Began { uptime: uptime.clone() } });
        began
            .chain(data)
            .chain(sealed)
            .chain(renames)
            .chain(strange)
            .chain(living)
            .chain(ended)
            .chain(intents)
            .chain(open)
            .chain(answered)
            .chain(attached)
            .chain(doubts)
            .chain(made)
    }

    /// Says whether something may live at `now` that a listing did not have to show yet. Where nothing is recorded, and
    /// listings may be late, one of them proves nothing.
    #[must_use]
    pub fn expect_more(&self, now: Timestamp, limits: &CloudLimits) -> bool {
        if self.know_nothing() && !limits.visibility_lag_max.is_zero() {
            return true;
        }
        let memory = self.memory(now, limits);
        memory.subjects.values().any(|one| {
            one.awaited_at(now).next().is_some()
                || one.unsure.as_ref().is_some_and(|unsure| unsure.until > now)
        })
    }

    /// Lists what was seen attached when the last drive ended, and when that was.
    pub(crate) fn attached(
        &self,
        now: Timestamp,
    ) -> impl Iterator<Item = (&VolumeId, &MountKey, &InstanceId, Timestamp)> {
        let seen_at = self.heard_at.min(now);
        self.attached
            .iter()
            .map(move |(volume, (mount, instance))| (volume, mount, instance, seen_at))
    }

    /// Makes of them what a drive remembers at its beginning.
    #[must_use]
    pub fn memory(&self, now: Timestamp, limits: &CloudLimits) -> Memory {
        let (lag, late) = (limits.visibility_lag_max, limits.late_effect_max);
        let mut memory = Memory {
            data_epochs: self.data_epochs.clone(),
            sealed_epochs: self.sealed_epochs.clone(),
            renames: self.renames.clone(),
            strange: self.strange.keys().cloned().collect(),
            living: self.living.clone(),
            ended: self.ended.clone(),
            // A clock that was set back must not make anybody wait for years.
            doubts_until: self.doubts_until.map(|until| until.min(now.after(lag))),
            ..Memory::default()
        };
        // A clock that was set back must not make anybody wait for years.
        let heard_at = self.heard_at.min(now);
        // However long ago it was: one listing that leaves it out is no proof that it has ended.
        let until = heard_at.after(lag).max(now.after(lag.min(SECOND_THOUGHT)));
        if until > now {
            for (id, subject) in &self.living {
                let of_subject = memory.subjects.entry(subject.clone()).or_default();
                of_subject.await_for(Awaited {
                    what: id.clone(),
                    since: heard_at,
                    until,
                    is_ending: false,
                });
            }
        }
        for (subject, made) in &self.made {
            let of_subject = memory.subjects.entry(subject.clone()).or_default();
            of_subject.made = Some(made.clone());
        }
        for (subject, (request, at)) in &self.intents {
            let asked_at = *at.min(&now);
            // As long as it may still land it is asked again as it was: under its token it is the same. Later that one may
            // be forgotten, and one listing that lacks what was made is no proof that nothing was.
            let lands_by = asked_at.after(late.max(lag));
            let is_old = lands_by <= now;
            let until = if is_old { now.after(lag.min(SECOND_THOUGHT)) } else { lands_by };
            if until > now {
                let of_subject = memory.subjects.entry(subject.clone()).or_default();
                of_subject.unsure = Some(Unsure { action: request.clone(), until, is_old });
            }
        }
        for (subject, ends) in &self.open {
            let of_subject = memory.subjects.entry(subject.clone()).or_default();
            for asked in ends {
                let asked_at = asked.at.min(now);
                let until = asked_at.after(late);
                // Whoever died before the answer: it may have been carried twice.
                let twice =
                    !asked.is_heard && matches!(asked.request, CloudAction::DetachVolume { .. });
                let (action, times) = (asked.request.clone(), asked.times + u32::from(twice));
                let end = OpenRequest { action, times, asked_at, until };
                of_subject.open_requests.extend((until > now).then_some(end));
            }
        }
        for (instance, at) in &self.answered {
            let until = at.min(&now).after(lag).after(ANSWERED_AGAIN);
            if !lag.is_zero() && until > now {
                memory.answered.insert(instance.clone(), until);
            }
        }
        memory
    }
}

/// Says whether a request changes what is there so that it matters when it comes late: it takes something away
/// from whoever uses it by then, attaches what was reported to be detached, starts a machine that mounts what it has, stops one that
/// is used by then, or deletes a snapshot that somebody
/// begins from by then.
pub(crate) fn may_come_late(request: &CloudAction) -> bool {
    matches!(
        request,
        CloudAction::DetachVolume { .. }
            | CloudAction::DeleteVolume { .. }
            | CloudAction::StopInstance { .. }
            | CloudAction::TerminateInstance { .. }
            | CloudAction::AttachVolume { .. }
            | CloudAction::StartInstance { .. }
            | CloudAction::DeleteSnapshot { .. }
    )
}

/// Says whether a request makes something that the next drive would miss, if it did not see it.
pub(crate) fn creates(request: &CloudAction) -> bool {
    matches!(request, CloudAction::RunInstance { .. } | CloudAction::CreateVolume { .. })
}
