//! Guards that can be switched off, to show what is lost without them.

use wucluster_core::policy::Policy;

/// What is switched off in a run; in a build without the feature `ablation`, nothing can be.
#[derive(Debug, Clone, Default)]
pub struct Ablation {}

impl Ablation {
    /// Returns the ablation that leaves every guard on.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Switches off in a policy what is to be off.
    pub fn apply(&self, _policy: &mut Policy) {}
}
