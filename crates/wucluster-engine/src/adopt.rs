//! Adoption: what belongs to another store, or to nobody, comes to this one, by a person's word.

use std::collections::BTreeSet;
use std::time::Duration;

use wucluster_core::action::{Action, CloudAction};
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::Subject;
use wucluster_core::interlock::adopt::{self, OfAnother};
use wucluster_core::interlock::{Cleared, Context, Hold, Request};
use wucluster_core::memory::{AwaitedId, Memory};
use wucluster_core::observation::{Found, NodeViews, Observation};
use wucluster_core::policy::Policy;
use wucluster_core::ports::{CloudError, ErrorClass};
use wucluster_core::tags::StoreMark;

use crate::engine::Engine;
use crate::event::{EngineEvent, EventKind};
use crate::records::{Fact, Records};
use crate::store::{Dismissed, Tenure};

/// How often it is looked whether all has come over before what is left is told.
///
/// Source: with the pause between looks, longer than listings of EC2 are late as a rule.
pub(crate) const ROUNDS: u32 = 10;

/// Pause between two looks, where the cloud itself asks for none that is longer.
pub(crate) const PAUSE: Duration = Duration::from_secs(2);

/// What came of an adoption.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Adopted {
    /// What came over, in the order in which it was asked for.
    pub taken: Vec<AwaitedId>,
    /// What did not, and why.
    pub failed: Vec<(AwaitedId, CloudError)>,
    /// What is still seen as another's: a listing may be late, and to repeat does no harm.
    pub left: Vec<OfAnother>,
}

/// An adoption could not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdoptError {
    /// The cloud cannot be looked at, or refuses.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The right to drive was lost.
    #[error(transparent)]
    Dismissed(#[from] Dismissed),
    /// It cannot be what it is called.
    #[error("{}", .0.what)]
    Held(Box<Hold>),
}

/// For whom something is adopted, and from where.
pub struct Adoption<'a> {
    /// The cluster.
    pub definition: &'a ClusterDefinition,
    /// The right to drive; its store is where all comes to.
    pub tenure: &'a Tenure,
    /// What earlier drives left.
    pub records: &'a Records,
}

impl Adoption<'_> {
    fn with_context<T>(
        &self,
        engine: &Engine<'_>,
        observation: &Observation,
        judge: impl FnOnce(&Context<'_>) -> T,
    ) -> T {
        self.with_records(engine, self.records, observation, judge)
    }

    pub(crate) fn with_records<T>(
        &self,
        engine: &Engine<'_>,
        records: &Records,
        observation: &Observation,
        judge: impl FnOnce(&Context<'_>) -> T,
    ) -> T {
        let mut memory: Memory = records.memory(engine.clock.now(), &engine.cloud.limits());
        memory.store = Some(self.tenure.store().clone());
        memory.phases = Some(self.tenure.phases().clone());
        judge(&Context {
            definition: self.definition,
            demand: Demand::Launched,
            observation,
            memory: &memory,
            policy: &Policy::default(),
            now: engine.clock.now(),
        })
    }
}

impl Engine<'_> {
    pub(crate) async fn look_for(
        &self,
        definition: &ClusterDefinition,
    ) -> Result<Observation, CloudError> {
        let asked_at = self.clock.now();
        let mut view = self.cloud.observe(&definition.name).await?;
        view.asked_at = asked_at;
        Ok(Observation::assemble(definition, &view, &NodeViews::new()))
    }

    /// Looks at what of a cluster does not belong to a store; `None`: no store was used for it so far.
    ///
    /// # Errors
    /// [`CloudError`] when the cloud cannot be looked at.
    pub async fn of_others(
        &self,
        definition: &ClusterDefinition,
        own: Option<&StoreMark>,
    ) -> Result<Vec<OfAnother>, CloudError> {
        let observation = self.look_for(definition).await?;
        let nobody = StoreMark::new("", 0, "");
        Ok(adopt::of_others(&observation, own.unwrap_or(&nobody)))
    }

    /// Marks everything of a cluster as the store's from which it is driven from now on.
    ///
    /// What its former operators may have asked for shortly before is written down as what may yet come: until it cannot
    /// come any more, what it would take away is not used.
    ///
    /// Idempotent: what has come over is left alone.
    ///
    /// # Errors
    /// [`AdoptError`]; what was marked before stays so.
    pub async fn take_over(
        &self,
        adoption: &Adoption<'_>,
        emit: &mut (dyn FnMut(&EngineEvent) + Send),
    ) -> Result<Adopted, AdoptError> {
        let mut adopted = Adopted::default();
        let mut told = BTreeSet::new();
        for round in 0..ROUNDS {
            if round > 0 {
                self.clock.sleep(PAUSE.max(self.cloud.limits().look_interval_min)).await;
                adoption.tenure.beat(self.clock.now()).await?;
            }
            let observation = self.look_for(adoption.definition).await?;
            adopted.left = adopt::of_others(&observation, adoption.tenure.store());
            if adopted.left.is_empty() {
                break;
            }
            let cleared: Vec<Cleared<Action>> = adoption.with_context(self, &observation, |ctx| {
                let cleared = adopted.left.iter().map(|one| adopt::take_over(ctx, one).ok());
                cleared.flatten().collect()
            });
            // Told twice, it would count as asked for twice.
            for one in adopted.left.iter().filter(|one| told.insert(one.id.clone())) {
                for request in may_yet_come(one, &observation) {
                    let subject = one.subject.clone();
                    let fact = Fact::Open { subject, request };
                    self.note(adoption, emit, EventKind::Recorded(fact));
                }
            }
            let (taken, failed) = self.ask(adoption, cleared, emit).await?;
            for id in taken {
                if !adopted.taken.contains(&id) {
                    adopted.taken.push(id);
                }
            }
            adopted.failed = failed;
            // To repeat what a person has to mend helps nobody.
            if !adopted.failed.is_empty() {
                break;
            }
        }
        Ok(adopted)
    }

    /// Gives something that was made by hand the name of a node or mount.
    ///
    /// Idempotent: what has the name already is marked once more.
    ///
    /// # Errors
    /// [`AdoptError`]; nothing was changed where it is [`AdoptError::Held`].
    pub async fn adopt(
        &self,
        adoption: &Adoption<'_>,
        found: &Found,
        subject: &Subject,
        emit: &mut (dyn FnMut(&EngineEvent) + Send),
    ) -> Result<(), AdoptError> {
        let observation = self.look_for(adoption.definition).await?;
        let cleared = adoption
            .with_context(self, &observation, |ctx| adopt::by_hand(ctx, found, subject))
            .map_err(|refusal| match refusal.into_hold() {
                Ok(hold) => AdoptError::Held(Box::new(hold)),
                Err(wait) => AdoptError::Cloud(CloudError {
                    class: ErrorClass::Retry,
                    code: "NotNow".to_owned(),
                    message: wait.what,
                }),
            })?;
        let (_, failed) = self.ask(adoption, vec![cleared], emit).await?;
        match failed.into_iter().next() {
            Some((_, error)) => Err(error.into()),
            None => Ok(()),
        }
    }

    pub(crate) async fn ask(
        &self,
        adoption: &Adoption<'_>,
        cleared: Vec<Cleared<Action>>,
        emit: &mut (dyn FnMut(&EngineEvent) + Send),
    ) -> Result<(Vec<AwaitedId>, Vec<(AwaitedId, CloudError)>), AdoptError> {
        let mut requests = Vec::with_capacity(cleared.len());
        for one in cleared {
            let action = one.action().clone();
            let (subject, name) = (action.subject(), action.name().to_owned());
            self.note(adoption, emit, EventKind::Asked { subject, name, action });
            if let Request::Cloud(request) = one.into_request() {
                requests.push(request);
            }
        }
        adoption.tenure.permit().await?;
        let answers = self.cloud.issue(&requests).await;
        let (mut taken, mut failed) = (Vec::new(), Vec::new());
        for (request, answer) in requests.iter().zip(answers) {
            let CloudAction::Adopt { subject, id, .. } = request.action() else { continue };
            let (subject, name) = (subject.clone(), request.action().name().to_owned());
            match answer {
                Ok(_) => {
                    taken.push(id.clone());
                    self.note(adoption, emit, EventKind::Answered { subject, name, made: None });
                }
                Err(error) => {
                    let told = error.to_string();
                    let kind = EventKind::Failed { subject, name, error: told, times: 1 };
                    self.note(adoption, emit, kind);
                    failed.push((id.clone(), error));
                }
            }
        }
        adoption.tenure.commit().await?;
        Ok((taken, failed))
    }

    pub(crate) fn note(
        &self,
        adoption: &Adoption<'_>,
        emit: &mut (dyn FnMut(&EngineEvent) + Send),
        kind: EventKind,
    ) -> EngineEvent {
        let event = EngineEvent { at: self.clock.now(), kind };
        adoption.tenure.tell(&event);
        emit(&event);
        event
    }
}

/// Lists what the former operators of a thing may have asked for just before, and would take it away.
fn may_yet_come(one: &OfAnother, observation: &Observation) -> Vec<CloudAction> {
    match (&one.subject, &one.id) {
        (Subject::Node(node), AwaitedId::Instance(id)) => {
            vec![CloudAction::TerminateInstance { node: node.clone(), instance: id.clone() }]
        }
        (Subject::Mount(mount), AwaitedId::Volume(id)) => {
            let seen = observation.mount(mount).into_iter().flat_map(|mount| &mount.volumes);
            let Some(volume) = seen.into_iter().find(|seen| &seen.id == id) else {
                return Vec::new();
            };
            let detach = volume.open_attachments().map(|attachment| CloudAction::DetachVolume {
                mount: mount.clone(),
                volume: id.clone(),
                instance: attachment.instance.clone(),
            });
            let mut requests: Vec<CloudAction> = detach.collect();
            // Only what is sealed was ever deleted.
            if requests.is_empty() && volume.tags.epoch().is_none_or(|epoch| epoch.is_sealed) {
                requests.push(CloudAction::DeleteVolume {
                    mount: mount.clone(),
                    volume: id.clone(),
                    kept_by: None,
                });
            }
            requests
        }
        _ => Vec::new(),
    }
}
