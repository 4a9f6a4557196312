//! For which zones and types the provider had no capacity, and until when that counts.

use wucluster_core::ids::Subject;
use wucluster_core::memory::{AwaitedId, Candidate, FailureError, NoCapacity};
use wucluster_core::observation::{InstanceState, Observation};
use wucluster_core::ports::CloudError;

use super::Drive;

impl Drive<'_, '_> {
    /// Takes the answer that there is no capacity for a candidate. Each is counted by itself: that one was refused is no
    /// failure of the next.
    pub(super) fn had_no_capacity(
        &mut self,
        subject: Subject,
        name: &str,
        candidate: Candidate,
        error: CloudError,
    ) {
        let memory = self.memory.subjects.entry(subject.clone()).or_default();
        let refused = memory.no_capacity.entry(candidate.clone());
        let refused = refused.or_insert_with(|| NoCapacity { times: 0, error: error.clone() });
        refused.times += 1;
        refused.error = error.clone();
        let counted_as = format!("{name}: {candidate}");
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
            let is_made = |id| {
                made.id.as_ref()
                    == Some(&AwaitedId::Instance(wucluster_core::ids::InstanceId::clone(id)))
            };
            let failed = node.terminated.iter().find(|one| is_made(&one.id));
            let Some(error) = failed.and_then(|one| one.lack_of_capacity()) else { continue };
            let name = made.request.name();
            // Its token is used up.
            self.renounce(&subject);
            self.had_no_capacity(subject, name, candidate, error);
        }
    }

    /// Says whether a node is still without the capacity that it was refused: what was refused before counts on, whatever
    /// state is seen of a machine that did not come to run.
    pub(super) fn lacks_capacity(&self, subject: &Subject) -> bool {
        self.memory.of(subject).is_some_and(|memory| !memory.no_capacity.is_empty())
    }
}
