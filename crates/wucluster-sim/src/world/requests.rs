//! Requests to the cloud: what is common to all of them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wucluster_core::action::CloudAction;
use wucluster_core::definition::Size;
use wucluster_core::ids::{ClusterName, InstanceId, Subject};
use wucluster_core::memory::AwaitedId;
use wucluster_core::ports::{CloudError, ErrorClass, Receipt};
use wucluster_core::tags::Tags;
use wucluster_core::time::Timestamp;

use super::late::{Late, Parcel, creates};
use super::state::World;
use super::volume::CreateVolume;
use crate::error::{refuse, with_class};
use crate::faults::{Fault, Room, Upset, server_error};

/// On whose behalf and on which evidence a request is made.
pub(super) struct By<'a> {
    /// The cluster that the operator works on, where it is known.
    pub(super) cluster: Option<&'a ClusterName>,
    pub(super) action: &'a CloudAction,
    pub(super) subject: Subject,
    /// When the evidence was asked for that the request rests on.
    pub(super) seen_at: Timestamp,
}

/// What a client token was used for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TokenUse {
    action: CloudAction,
    /// What it made; of several, with a blank between them.
    id: String,
    used_at: Timestamp,
}

impl TokenUse {
    fn ids(&self) -> impl Iterator<Item = &str> {
        self.id.split(' ')
    }
}

/// Most tags on one resource, longest key and longest value. Source: EC2 user guide, "Tag your
/// resources". Unit of the lengths: characters.
const TAGS_MAX: usize = 50;
const TAG_KEY_MAX: usize = 128;
const TAG_VALUE_MAX: usize = 256;

/// Longest client token. Source: EC2 API reference. Unit: ASCII characters.
const TOKEN_MAX: usize = 64;

impl World {
    /// Carries out a request, or refuses it as EC2 would, and judges its effect. Of those that share a call and come at the
    /// same time, the first one is the call, and all have its answer.
    ///
    /// # Errors
    /// EC2's code, with what to do next as its class.
    pub fn request(
        &mut self,
        cluster: Option<&ClusterName>,
        action: &CloudAction,
        seen_at: Timestamp,
    ) -> Result<Receipt, CloudError> {
        let Some((set, token)) = action.shared() else {
            return self.call(cluster, action, seen_at);
        };
        let place = action.subject().node().and_then(|node| set.place(node));
        let Some(place) = place else {
            return Err(refuse("InvalidParameterValue", "it is none of those that share the call"));
        };
        if self.shared_at != self.now {
            (self.shared_at, self.shared) = (self.now, BTreeMap::new());
        }
        let answer = match self.shared.get(token) {
            Some(answer) => answer.clone(),
            None => {
                let lead = lead(action);
                let answer = self.call(cluster, &lead, seen_at);
                let answer = answer.map(|_| self.made_under(&lead, token));
                self.shared.insert(token.clone(), answer.clone());
                answer
            }
        };
        let of_member = |ids: Vec<String>| ids.get(place).cloned().unwrap_or_default();
        answer.map(|ids| Receipt::Instance(InstanceId::new(of_member(ids))))
    }

    /// Lists what was made under a token, in its order.
    fn made_under(&self, action: &CloudAction, token: &str) -> Vec<String> {
        let CloudAction::RunInstance { zone, .. } = action else { return Vec::new() };
        let Ok(zone) = self.zone(zone.as_deref()) else { return Vec::new() };
        let used = self.tokens.get(&token_key(action, &zone, token));
        used.map(|used| used.ids().map(str::to_owned).collect()).unwrap_or_default()
    }

    fn call(
        &mut self,
        cluster: Option<&ClusterName>,
        action: &CloudAction,
        seen_at: Timestamp,
    ) -> Result<Receipt, CloudError> {
        let name = action.name();
        let nth = self.count_asked(name);
        let upset = self.upset(name, nth);
        if let Some((fault, false)) = upset.hangs() {
            self.fired(fault);
            self.keep_waiting(self.durations.client_timeout);
            return Err(no_answer(name));
        }
        let result = self.attempt(cluster, action, seen_at, &upset);
        self.publish();
        match &result {
            Ok(receipt) => {
                self.note(format!("{action}: {receipt:?}"));
                self.count_done(name);
            }
            Err(error) => self.note(format!("{action}: {}", error.code)),
        }
        self.answered(name, result, &upset)
    }

    /// Carries out requests that were issued together, each answered; a torn batch is not.
    pub(crate) fn request_batch(
        &mut self,
        cluster: Option<&ClusterName>,
        actions: &[(&CloudAction, Timestamp)],
    ) -> Vec<Result<Receipt, CloudError>> {
        let mut answers = Vec::with_capacity(actions.len());
        self.is_torn = false;
        for (index, (action, seen_at)) in actions.iter().enumerate() {
            answers.push(self.request(cluster, action, *seen_at));
            let is_of_this =
                |other: &CloudAction| other.shared().is_some() && other.shared() == action.shared();
            let has_more = actions[index + 1..].iter().any(|(other, _)| !is_of_this(other));
            if std::mem::take(&mut self.is_torn) && has_more {
                self.fired(Fault::TornBatch.name());
                return actions.iter().map(|(action, _)| Err(no_answer(action.name()))).collect();
            }
        }
        answers
    }

    /// Lets requests that their caller gave up arrive after a time.
    pub(crate) fn give_up(
        &mut self,
        cluster: Option<&ClusterName>,
        actions: &[(&CloudAction, Timestamp)],
        after: Duration,
    ) -> Vec<Result<Receipt, CloudError>> {
        let mut under_way = BTreeSet::new();
        for (action, seen_at) in actions {
            if action.shared().is_some_and(|(_, token)| !under_way.insert(token)) {
                continue;
            }
            self.count_asked(action.name());
            let parcel = Parcel {
                cluster: cluster.cloned(),
                action: (*action).clone(),
                seen_at: *seen_at,
                asked_at: self.now,
                why: Late::Slow,
            };
            self.send_late(after, parcel);
        }
        actions.iter().map(|(action, _)| Err(no_answer(action.name()))).collect()
    }

    /// Says what becomes of an answer on its way back.
    fn answered(
        &mut self,
        name: &str,
        result: Result<Receipt, CloudError>,
        upset: &Upset,
    ) -> Result<Receipt, CloudError> {
        if upset.tears_batch().is_some() && result.is_ok() {
            self.is_torn = true;
        }
        let timeout = self.durations.client_timeout;
        if let Some((fault, span)) = upset.is_slow_after() {
            self.fired(fault);
            self.keep_waiting(span.min(timeout));
            if span > timeout {
                return Err(no_answer(name));
            }
        }
        if let Some((fault, true)) = upset.hangs() {
            self.fired(fault);
            self.keep_waiting(timeout);
            return Err(no_answer(name));
        }
        match upset.loses_answer() {
            Some(fault) if result.is_ok() => {
                self.fired(fault);
                Err(no_answer(name))
            }
            Some(_) | None => result,
        }
    }

    /// Keeps the caller of a request waiting beyond the usual.
    pub(super) fn keep_waiting(&mut self, span: Duration) {
        self.wait = self.wait.max(span);
    }

    fn attempt(
        &mut self,
        cluster: Option<&ClusterName>,
        action: &CloudAction,
        seen_at: Timestamp,
        upset: &Upset,
    ) -> Result<Receipt, CloudError> {
        let name = action.name();
        if let Some((fault, error)) = upset.refuses(name) {
            self.fired(fault);
            return Err(error);
        }
        if let Some((fault, error)) = self.faults.conditions.denial(name, self.now) {
            self.fired(fault);
            return Err(error);
        }
        self.check_outage(action)?;
        self.throttle(name)?;
        let parcel = |why| Parcel {
            cluster: cluster.cloned(),
            action: action.clone(),
            seen_at,
            asked_at: self.now,
            why,
        };
        if let Some((_, (span, is_answered))) =
            upset.is_delayed().filter(|_| self.would_accept(action))
        {
            let parcel = parcel(Late::Delayed);
            self.send_late(span, parcel);
            // Nobody can confirm what is not yet made.
            let is_answered = is_answered && !creates(action);
            return if is_answered { Ok(Receipt::Accepted) } else { Err(no_answer(name)) };
        }
        let repetition =
            upset.is_repeated().map(|(fault, after)| (fault, after, parcel(Late::Repeated)));
        let result = self.perform(cluster, action, seen_at, upset);
        match repetition {
            Some((fault, after, _)) if result.is_ok() && after.is_zero() => {
                let again = self.perform(cluster, action, seen_at, &Upset::default());
                if again != result {
                    self.fired(fault);
                }
                again
            }
            // Nobody repeats what was answered; and of two tries, the answer to the first was lost.
            Some((_, after, parcel)) if result.is_ok() => {
                self.send_late(after, parcel);
                Err(no_answer(name))
            }
            Some(_) | None => result,
        }
    }

    /// Carries out a request that got through.
    pub(super) fn perform(
        &mut self,
        cluster: Option<&ClusterName>,
        action: &CloudAction,
        seen_at: Timestamp,
        upset: &Upset,
    ) -> Result<Receipt, CloudError> {
        let lead = lead(action);
        let action = lead.as_ref();
        let by = By { cluster, action, subject: action.subject(), seen_at };
        match action {
            CloudAction::RunInstance { node: _, machine, zone, tags, token, together: _ } => {
                self.run_instance(&by, zone.as_deref(), machine, tags, token, upset)
            }
            CloudAction::StartInstance { node: _, instance } => self.start_instance(&by, instance),
            CloudAction::StopInstance { node: _, instance } => self.stop_instance(&by, instance),
            CloudAction::TerminateInstance { node: _, instance } => {
                self.terminate_instance(&by, instance)
            }
            CloudAction::CreateVolume { mount: _, size, from, zone, ebs: _, tags, token } => {
                let asked = CreateVolume {
                    size: *size,
                    from: from.as_ref(),
                    zone: zone.as_deref(),
                    tags,
                    token,
                };
                self.create_volume(&by, &asked, upset)
            }
            CloudAction::AttachVolume { mount: _, volume, instance } => {
                self.attach_volume(&by, volume, instance, upset)
            }
            CloudAction::DetachVolume { mount: _, volume, instance } => {
                self.detach_volume(&by, volume, instance, upset)
            }
            CloudAction::TagVolume { mount: _, volume, tags } => self.tag_volume(&by, volume, tags),
            CloudAction::GrowVolume { mount: _, volume, size } => {
                self.grow_volume(&by, volume, *size)
            }
            CloudAction::Adopt { subject: _, id, tags } => self.adopt(&by, id, tags),
            CloudAction::TagSnapshot { mount: _, snapshot, tags } => {
                self.adopt(&by, &AwaitedId::Snapshot(snapshot.clone()), tags)
            }
            CloudAction::CreateSnapshot { mount: _, volume, tags } => {
                self.create_snapshot(&by, volume, tags, upset)
            }
            CloudAction::DeleteVolume { mount: _, volume, kept_by: _ } => {
                self.delete_volume(&by, volume)
            }
            CloudAction::DeleteSnapshot { mount: _, snapshot, kept_by: _ } => {
                self.delete_snapshot(&by, snapshot)
            }
        }
    }

    /// Refuses a request about a zone that is out of order.
    fn check_outage(&mut self, action: &CloudAction) -> Result<(), CloudError> {
        let of_volume = |id| self.volumes.get(id).map(|found| found.zone.as_str());
        let of_instance = |id| self.instances.get(id).map(|found| found.zone.as_str());
        let first = self.limits.zones.first().map(String::as_str);
        let zone = match action {
            CloudAction::RunInstance { zone, .. } | CloudAction::CreateVolume { zone, .. } => {
                zone.as_deref().or(first)
            }
            CloudAction::StartInstance { instance, .. }
            | CloudAction::StopInstance { instance, .. }
            | CloudAction::TerminateInstance { instance, .. } => of_instance(instance),
            CloudAction::AttachVolume { volume, .. }
            | CloudAction::DetachVolume { volume, .. }
            | CloudAction::TagVolume { volume, .. }
            | CloudAction::GrowVolume { volume, .. }
            | CloudAction::CreateSnapshot { volume, .. }
            | CloudAction::DeleteVolume { volume, .. } => of_volume(volume),
            // Snapshots are of no zone.
            CloudAction::DeleteSnapshot { .. } | CloudAction::TagSnapshot { .. } => None,
            CloudAction::Adopt { id, .. } => match id {
                AwaitedId::Instance(id) => of_instance(id),
                AwaitedId::Volume(id) => of_volume(id),
                AwaitedId::Snapshot(_) => None,
            },
        };
        let is_out = self.faults.conditions.outages(self.now).any(|out| Some(out) == zone);
        if is_out {
            self.fired(Fault::ZoneOutage { zone: None, span: None }.name());
            return Err(server_error(action.name()));
        }
        Ok(())
    }

    /// Refuses what there is no room for.
    pub(super) fn check_room(&mut self, room: Room) -> Result<(), CloudError> {
        let Some(fault) = self.faults.conditions.no_room(room, self.now) else { return Ok(()) };
        self.fired(fault);
        Err(match room {
            Room::Instances => {
                refuse("InsufficientInstanceCapacity", "there is no capacity for this type now")
            }
            Room::Volumes => {
                refuse("InsufficientVolumeCapacity", "there is no capacity for volumes now")
            }
            Room::Attachments => {
                refuse("AttachmentLimitExceeded", "the instance takes no more volumes")
            }
            Room::Snapshots => {
                refuse("PendingSnapshotLimitExceeded", "too many snapshots are pending")
            }
        })
    }

    /// Returns the id that was made under this token before, if one was.
    pub(super) fn replay(
        &mut self,
        action: &CloudAction,
        zone: &str,
        token: &str,
    ) -> Result<Option<String>, CloudError> {
        if token.is_empty() || token.len() > TOKEN_MAX || !token.is_ascii() {
            let message = format!("a client token has 1 to {TOKEN_MAX} ASCII characters");
            return Err(refuse("InvalidParameterValue", message));
        }
        let key = token_key(action, zone, token);
        let Some(used) = self.tokens.get(&key) else { return Ok(None) };
        let age = self.now.since(used.used_at);
        if let Some((fault, _)) =
            self.faults.conditions.token_lifetime(self.now).filter(|(_, lifetime)| age >= *lifetime)
        {
            self.tokens.remove(&key);
            self.fired(fault);
            return Ok(None);
        }
        if age >= self.limits.token_lifetime {
            self.tokens.remove(&key);
            return Ok(None);
        }
        if &used.action == action {
            return Ok(Some(used.id.clone()));
        }
        Err(refuse(
            "IdempotentParameterMismatch",
            format!("the client token {token} was used with other parameters"),
        ))
    }

    /// Says whether a token is on record, be it one that nobody would be answered from any more.
    pub(super) fn knows_token(
        &self,
        action: &CloudAction,
        zone: Option<&str>,
        token: &str,
    ) -> bool {
        self.zone(zone).is_ok_and(|zone| self.tokens.contains_key(&token_key(action, &zone, token)))
    }

    /// Remembers what a token was used for.
    pub(super) fn burn(&mut self, action: &CloudAction, zone: &str, token: &str, id: &str) {
        let used = TokenUse { action: action.clone(), id: id.to_owned(), used_at: self.now };
        self.tokens.insert(token_key(action, zone, token), used);
    }

    /// Says whether a token was not used yet, and a fault wants it to have been.
    pub(super) fn is_to_be_burned(
        &self,
        action: &CloudAction,
        zone: &str,
        token: &str,
        upset: &Upset,
    ) -> bool {
        upset.token_was_used().is_some()
            && !self.tokens.contains_key(&token_key(action, zone, token))
    }

    /// Lets a fault burn a token: it was used before for something that is no more, or with other
    /// parameters.
    pub(super) fn burn_by_fault(
        &mut self,
        action: &CloudAction,
        zone: &str,
        token: &str,
        (upset, gone): (&Upset, Option<&str>),
    ) {
        let Some((fault, is_listed)) = upset.token_was_used() else { return };
        self.fired(fault);
        match gone.filter(|_| is_listed) {
            Some(id) => self.burn(action, zone, token, id),
            None => {
                let other = match action.clone() {
                    CloudAction::CreateVolume { mount, size, from, zone, ebs, tags, token } => {
                        let size = Size::from_gib(size.gib() + 1);
                        CloudAction::CreateVolume { mount, size, from, zone, ebs, tags, token }
                    }
                    CloudAction::RunInstance { node, machine, zone, token, together, .. } => {
                        let tags = Tags::default();
                        CloudAction::RunInstance { node, machine, zone, tags, token, together }
                    }
                    other => other,
                };
                let used = TokenUse { action: other, id: String::new(), used_at: self.now };
                self.tokens.insert(token_key(action, zone, token), used);
            }
        }
    }

    /// Returns the zone that is asked for, or the first one.
    pub(super) fn zone(&self, asked: Option<&str>) -> Result<String, CloudError> {
        let zone =
            asked.or_else(|| self.limits.zones.first().map(String::as_str)).unwrap_or_default();
        if self.limits.zones.iter().any(|known| known == zone) {
            Ok(zone.to_owned())
        } else {
            Err(refuse("InvalidZone.NotFound", format!("the zone '{zone}' does not exist")))
        }
    }

    pub(super) fn check_tags(&self, tags: &Tags) -> Result<(), CloudError> {
        if tags.iter().len() > TAGS_MAX {
            return Err(refuse("TagLimitExceeded", format!("more than {TAGS_MAX} tags")));
        }
        for (key, value) in tags.iter() {
            if key.is_empty() || key.chars().count() > TAG_KEY_MAX || key.starts_with("aws:") {
                return Err(refuse(
                    "InvalidTagKey.Malformed",
                    format!("`{key}` cannot be a tag's key"),
                ));
            }
            if value.chars().count() > TAG_VALUE_MAX {
                return Err(refuse(
                    "InvalidParameterValue",
                    format!("the value of tag `{key}` is too long"),
                ));
            }
        }
        Ok(())
    }

    /// Draws how long a new thing stays out of listings.
    pub(super) fn hidden_for(&mut self, about: &str, upset: &Upset) -> Duration {
        let usual = self.draw(about, self.durations.visibility);
        match upset.hides() {
            Some((fault, span)) => {
                self.fired(fault);
                usual.max(span)
            }
            None => usual,
        }
    }
}

/// Makes the error of a request whose answer never came.
pub(crate) fn no_answer(name: &str) -> CloudError {
    let error = refuse("NoAnswer", format!("the connection was lost before {name} was answered"));
    // A listing without an answer has no effect to wonder about.
    if name.starts_with("Describe") { with_class(error, ErrorClass::Retry) } else { error }
}

/// Tokens count per request and zone. Source: EC2 developer guide, "Ensuring idempotency".
fn token_key(action: &CloudAction, zone: &str, token: &str) -> (String, String) {
    (format!("{} {zone}", action.name()), token.to_owned())
}

/// Returns a request of several that share a call as it is for the first of them: all are the same call.
pub(super) fn lead(action: &CloudAction) -> Cow<'_, CloudAction> {
    let first = action.shared().and_then(|(set, _)| set.nodes().next());
    match first {
        Some(first) if action.subject() != Subject::Node(first.clone()) => {
            Cow::Owned(action.for_fellow(&first))
        }
        Some(_) | None => Cow::Borrowed(action),
    }
}
