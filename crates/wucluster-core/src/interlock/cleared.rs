//! The permit that every request needs.

use crate::action::{Action, CloudAction, Hazard, ShellAction};
use crate::observation::{FilesystemState, Observation, Observed};
use crate::time::Timestamp;

/// An action that passed its interlocks.
///
/// # Guarantees
/// It can only be made by this module's rules. The ports accept nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleared<A> {
    action: A,
    seen_at: Timestamp,
}

impl<A> Cleared<A> {
    pub(in crate::interlock) fn new(action: A, seen_at: Timestamp) -> Self {
        Self { action, seen_at }
    }

    /// Makes a permit without any check, to drive a provider by hand in its own tests.
    #[cfg(feature = "unguarded")]
    #[must_use]
    pub fn unguarded(action: A) -> Self {
        Self { action, seen_at: Timestamp::default() }
    }

    /// The same, as if it rested on a look of that time.
    #[cfg(feature = "unguarded")]
    #[must_use]
    pub fn seen(self, seen_at: Timestamp) -> Self {
        Self { seen_at, ..self }
    }

    /// Returns the action.
    #[must_use]
    pub fn action(&self) -> &A {
        &self.action
    }

    /// Returns when the evidence was asked for that the permit rests on.
    #[must_use]
    pub fn seen_at(&self) -> Timestamp {
        self.seen_at
    }
}

/// Says whether an action is issued only when a later look clears it once more: what destroys, what stops a
/// machine, and a detachment that no node's positive word speaks for. That a machine is off is a listing's word, which may
/// be old; and a device that a node does not show may only be missing in its answer.
#[must_use]
pub fn needs_second_look(observation: &Observation, action: &Action) -> bool {
    match action {
        Action::Cloud(CloudAction::DetachVolume { mount, .. }) => {
            let seen = observation.mount(mount).map(|mount| &mount.filesystem);
            let is_shown = matches!(
                seen,
                Some(Observed::Present(
                    FilesystemState::Unmounted { .. } | FilesystemState::PointTaken { .. }
                ))
            );
            !is_shown
        }
        // A machine that halts takes with it whoever began to use it meanwhile.
        Action::Cloud(CloudAction::StopInstance { .. }) => true,
        Action::Cloud(_) | Action::Shell(_) => action.hazard() == Hazard::Destroys,
    }
}

/// A permit, sorted by the port that takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// For the cloud.
    Cloud(Cleared<CloudAction>),
    /// For a node.
    Shell(Cleared<ShellAction>),
}

impl Cleared<Action> {
    /// Sorts the permit by the port that takes it.
    #[must_use]
    pub fn into_request(self) -> Request {
        let seen_at = self.seen_at;
        match self.action {
            Action::Cloud(action) => Request::Cloud(Cleared { action, seen_at }),
            Action::Shell(action) => Request::Shell(Cleared { action, seen_at }),
        }
    }
}
