//! Renaming: what the definition says to have had another name comes to its new one, before anything is made under it.

use std::collections::BTreeSet;

use wucluster_core::action::Action;
use wucluster_core::definition::Rename;
use wucluster_core::ids::Subject;
use wucluster_core::interlock::Cleared;
use wucluster_core::interlock::rename::{self, FormerlyNamed};
use wucluster_core::memory::AwaitedId;
use wucluster_core::observation::Observation;
use wucluster_core::phases::PhaseEntry;
use wucluster_core::scope::Scope;

use crate::adopt::{AdoptError, Adoption, PAUSE, ROUNDS};
use crate::engine::Engine;
use crate::event::{EngineEvent, EventKind};
use crate::records::{Fact, Records};

/// What came of renaming.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Renamed {
    /// What has its new name, in the order in which it was asked for.
    pub taken: Vec<FormerlyNamed>,
    /// What is still seen under its former name: a listing may be late, and to repeat does no harm.
    pub left: Vec<FormerlyNamed>,
}

impl Engine<'_> {
    /// Gives everything that the definition renames its new name, and looks until nothing has the former one.
    ///
    /// Only tags change; nothing is detached or stopped. What is attached to another machine than the one to which it comes
    /// is refused, unless it is out of `scope`: then it is left alone.
    ///
    /// Idempotent: what has its new name is left alone, and what was cut short goes on.
    ///
    /// # Errors
    /// [`AdoptError::Held`] where something else has the new name: nothing was changed then. Else the cloud's or the store's;
    /// what has its new name by then keeps it.
    pub async fn rename(
        &self,
        adoption: &Adoption<'_>,
        scope: &Scope,
        emit: &mut (dyn FnMut(&EngineEvent) + Send),
    ) -> Result<Renamed, AdoptError> {
        let done = self.rename_with(adoption, scope, emit).await;
        // What is to be known of the new name is durable before anything is made under it.
        adoption.tenure.commit().await?;
        done
    }

    async fn rename_with(
        &self,
        adoption: &Adoption<'_>,
        scope: &Scope,
        emit: &mut (dyn FnMut(&EngineEvent) + Send),
    ) -> Result<Renamed, AdoptError> {
        let mut records = adoption.records.clone();
        let mut renamed = Renamed::default();
        let mut begun: BTreeSet<Rename> = records.renames().collect();
        // Those that the definition does not ask for any more keep both names' records.
        let asked: BTreeSet<Rename> = adoption.definition.renames().collect();
        begun.retain(|rename| asked.contains(rename));
        for round in 0..ROUNDS {
            if round > 0 {
                self.clock.sleep(PAUSE.max(self.cloud.limits().look_interval_min)).await;
                adoption.tenure.beat(self.clock.now()).await?;
            }
            let observation = self.look_for(adoption.definition).await?;
            renamed.left = wanted(adoption, scope, &observation);
            if renamed.left.is_empty() {
                break;
            }
            let news: BTreeSet<Rename> =
                renamed.left.iter().map(|one| one.rename.clone()).collect();
            let news: Vec<Rename> = news.difference(&begun).cloned().collect();
            // The judgement is made before the beginning is recorded: from then on the data counts as the new name's.
            let (cleared, is_waiting) =
                self.judge(adoption, &records, &observation, &renamed.left)?;
            if is_waiting {
                continue;
            }
            for rename in news {
                let Rename { from, to } = rename.clone();
                let event =
                    self.note(adoption, emit, EventKind::Recorded(Fact::Renaming { from, to }));
                records.take(&event);
                begun.insert(rename);
            }
            let (taken, failed) = self.ask(adoption, cleared, emit).await?;
            for one in renamed.left.iter().filter(|one| taken.contains(&one.id)) {
                if !matches!(one.id, AwaitedId::Snapshot(_)) {
                    let (subject, id) = (one.rename.to.clone(), one.id.clone());
                    self.note(adoption, emit, EventKind::Recorded(Fact::Lives { subject, id }));
                }
                if !renamed.taken.contains(one) {
                    renamed.taken.push(one.clone());
                }
            }
            // To repeat what a person has to mend helps nobody.
            if let Some((_, error)) = failed.into_iter().next() {
                return Err(error.into());
            }
        }
        let is_left = |rename: &Rename| renamed.left.iter().any(|one| one.rename == *rename);
        for rename in begun.into_iter().filter(|rename| !is_left(rename)) {
            for entry in under_new_name(adoption, &rename) {
                adoption.tenure.enter(entry);
            }
            let Rename { from, to } = rename;
            self.note(adoption, emit, EventKind::Recorded(Fact::Renamed { from, to }));
        }
        Ok(renamed)
    }

    /// Clears all, or nothing: what could not come over whole is not begun. Says also whether something is to be waited for.
    fn judge(
        &self,
        adoption: &Adoption<'_>,
        records: &Records,
        observation: &Observation,
        left: &[FormerlyNamed],
    ) -> Result<(Vec<Cleared<Action>>, bool), AdoptError> {
        adoption.with_records(self, records, observation, |ctx| {
            let mut cleared = Vec::with_capacity(left.len());
            let mut is_waiting = false;
            for one in left {
                match rename::clear_rename(ctx, one) {
                    Ok(action) => cleared.push(action),
                    Err(refusal) => match refusal.into_hold() {
                        Ok(hold) => return Err(AdoptError::Held(Box::new(hold))),
                        Err(_) => is_waiting = true,
                    },
                }
            }
            Ok((cleared, is_waiting))
        })
    }
}

/// Lists what still has its former name, without what is left alone: out of the scope, and attached elsewhere.
fn wanted(adoption: &Adoption<'_>, scope: &Scope, observation: &Observation) -> Vec<FormerlyNamed> {
    let elsewhere = rename::attached_elsewhere(adoption.definition, observation);
    let is_left_alone = |rename: &Rename| {
        !scope.has(&rename.to)
            && elsewhere.iter().any(|(from, _)| rename.from == Subject::Mount(from.clone()))
    };
    let mut all = rename::still_so_named(adoption.definition, observation);
    all.retain(|one| !is_left_alone(&one.rename));
    all
}

/// Lists what is entered of a mount's volumes, under its new name.
fn under_new_name(adoption: &Adoption<'_>, rename: &Rename) -> Vec<PhaseEntry> {
    let (Subject::Mount(from), Subject::Mount(to)) = (&rename.from, &rename.to) else {
        return Vec::new();
    };
    let of_former = adoption.tenure.phases().iter().filter(|entry| entry.mount == *from);
    of_former.map(|entry| PhaseEntry { mount: to.clone(), ..entry.clone() }).collect()
}
