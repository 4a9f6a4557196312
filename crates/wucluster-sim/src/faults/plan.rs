//! The plan of faults: which, when, how often.

use std::time::Duration;

use super::fault::Fault;

/// When a scheduled fault strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// That long after the plan began. A fault of requests then befalls the next one it applies to.
    After(Duration),
    /// At the n-th request of a name, such as `CreateVolume` or `umount`, just before its effect;
    /// the first is 1, counted over the world's whole life.
    Call(&'static str, u64),
}

/// A plan of faults; the same plan and seed strike alike.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Faults {
    pub(super) scheduled: Vec<(When, Fault)>,
    pub(super) chances: Vec<(Option<&'static str>, f64, Fault)>,
    pub(super) rates: Vec<(f64, Fault)>,
    pub(super) lasts: Option<Duration>,
}

impl Faults {
    /// Makes a plan without any fault.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a fault that strikes once, that long after the plan began.
    #[must_use]
    pub fn after(mut self, span: Duration, fault: Fault) -> Self {
        self.scheduled.push((When::After(span), fault));
        self
    }

    /// Adds a fault that strikes once, at the n-th request of a name.
    #[must_use]
    pub fn at_call(mut self, request: &'static str, nth: u64, fault: Fault) -> Self {
        self.scheduled.push((When::Call(request, nth), fault));
        self
    }

    /// Adds a fault that befalls each request it applies to with a probability.
    #[must_use]
    pub fn with_chance(mut self, probability: f64, fault: Fault) -> Self {
        self.chances.push((None, probability, fault));
        self
    }

    /// Adds a fault that strikes at each request of one name with a probability.
    #[must_use]
    pub fn with_chance_at(mut self, request: &'static str, probability: f64, fault: Fault) -> Self {
        self.chances.push((Some(request), probability, fault));
        self
    }

    /// Adds a fault that strikes again and again, so many times an hour on the average.
    #[must_use]
    pub fn with_rate(mut self, per_hour: f64, fault: Fault) -> Self {
        self.rates.push((per_hour, fault));
        self
    }

    /// Ends chances and rates that long after the plan began.
    #[must_use]
    pub fn lasting(mut self, span: Duration) -> Self {
        self.lasts = Some(span);
        self
    }
}

/// Returns by how much a fault makes listings late, or things in them.
pub(super) fn lag_of(fault: &Fault) -> Duration {
    match fault {
        Fault::StaleListings { lag: span, .. } | Fault::Hidden { span } => *span,
        _ => Duration::ZERO,
    }
}
