//! For which zones and types the provider had no capacity, and until when that counts.

use wucluster_core::ids::Subject;
use wucluster_core::memory::{Candidate, FailureError, NoCapacity};
use wucluster_core::observation::{InstanceSeen, InstanceState, LACK_OF_CAPACITY, Observation};
use wucluster_core::ports::CloudError;

use super::Drive;

impl Drive<'_, '_> {
    /// Takes the answer that there is no capacity for a candidate. Each is counted by itself: that one was refused is no
    /// failure of the next.
    pub(super) fn had_no_capacity(
        &mut self,
        subject: Subject,
        name: &str,
        candidate: &Candidate,
        error: CloudError,
    ) {
        let memory = self.memory.subjects.entry(subject.clone()).or_default();
        let refused = memory.no_capacity.entry(candidate.clone());
        let refused = refused.or_insert_with(|| NoCapacity { times: 0, error: error.clone() });
        refused.times += 1;
        refused.error = error.clone();
        // Where there is no choice it counts with all that fails of that name, as ever.
        let counted_as = if self.has_choice(&subject) {
            format!("{name}: {candidate}")
        } else {
            name.to_owned()
        };
        self.failed_as(subject, name, counted_as, FailureError::Cloud(error));
    }

    /// Notes which machines of this cluster's asking were accepted, and then failed for want of capacity; and forgets what was
    /// refused of a node whose machine runs.
    pub(super) fn note_capacity(&mut self, observation: &Observation) {
        for node in &observation.nodes {
            let subject = Subject::Node(node.name.clone());
            let Some(memory) = self.memory.subjects.get_mut(&subject) else { continue };
            if node.instances.iter().any(|one| one.state == InstanceState::Running) {
                memory.no_capacity.clear();
                continue;
            }
            let Some(made) = &memory.made else { continue };
            let Some(candidate) = Candidate::of(&made.request) else { continue };
            let is_made = |one: &&InstanceSeen| {
                made.id.as_ref().is_some_and(|id| id.as_str() == one.id.as_str())
            };
            let failed = node.terminated.iter().find(is_made);
            let Some(error) = failed.and_then(InstanceSeen::lack_of_capacity) else { continue };
            let name = made.request.name();
            // Its token is used up.
            self.renounce(&subject);
            self.had_no_capacity(subject, name, &candidate, error);
        }
    }

    fn has_choice(&self, subject: &Subject) -> bool {
        subject.node().is_some_and(|node| self.pursuit.definition.leaves_choice(node))
    }

    /// Says whether what was refused of a node counts on, whatever state is seen of a machine that did not come to run: where
    /// another candidate is next, or the last launch was accepted and failed for want of capacity.
    pub(super) fn lacks_capacity(&self, subject: &Subject) -> bool {
        let Some(memory) = self.memory.of(subject) else { return false };
        let was_accepted = || {
            let failure = memory.failure.as_ref();
            failure.is_some_and(|failure| match &failure.error {
                FailureError::Cloud(error) => error.code == LACK_OF_CAPACITY,
                FailureError::Shell(_) => false,
            })
        };
        !memory.no_capacity.is_empty() && (self.has_choice(subject) || was_accepted())
    }
}
