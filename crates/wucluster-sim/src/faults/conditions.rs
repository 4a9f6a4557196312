//! Faults of the world that last: what is in force, for whom, until when.

use std::time::Duration;

use wucluster_core::ids::{MountKey, NodeName};
use wucluster_core::ports::CloudError;
use wucluster_core::time::Timestamp;

use super::cases::{Denial, Greeting, Room, Sickness};
use super::fault::Fault;
use super::upset::{Felt, denied};
use crate::error::refuse;

/// Until when something lasts; `None`: until calm.
pub(super) type Until = Option<Timestamp>;

/// One fault in force.
#[derive(Debug, Clone)]
struct Condition {
    fault: Fault,
    /// Whose mount it is about, where the fault itself does not say.
    mount: Option<MountKey>,
    until: Until,
}

/// All faults in force.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    all: Vec<Condition>,
}

/// Returns name and value of the newest condition of a variant that is in force.
macro_rules! newest {
    ($conditions:expr, $now:expr, $variant:pat $(if $guard:expr)? => $value:expr) => {
        $conditions.in_force($now).find_map(|fault| match fault {
            $variant $(if $guard)? => Some((fault.name(), $value)),
            _ => None,
        })
    };
}

impl Conditions {
    /// Puts a fault in force, and forgets those that are over.
    pub(crate) fn add(
        &mut self,
        fault: Fault,
        mount: Option<MountKey>,
        now: Timestamp,
        span: Option<Duration>,
    ) {
        self.all.retain(|condition| is_on(condition.until, now));
        self.all.push(Condition { fault, mount, until: span.map(|span| now.after(span)) });
    }

    /// Ends all of them, except that a provider's clock stays as wrong as it is.
    pub(crate) fn end(&mut self) {
        self.all.retain(|condition| matches!(condition.fault, Fault::ProviderClock { .. }));
    }

    fn in_force(&self, now: Timestamp) -> impl Iterator<Item = &Fault> {
        self.all
            .iter()
            .rev()
            .filter(move |condition| is_on(condition.until, now))
            .map(|condition| &condition.fault)
    }

    /// Says whether a fault like this one is in force about a mount.
    fn is_about(&self, mount: &MountKey, now: Timestamp, like: &Fault) -> Option<&'static str> {
        let alike = std::mem::discriminant(like);
        self.all
            .iter()
            .filter(|condition| is_on(condition.until, now))
            .find(|condition| {
                condition.mount.as_ref() == Some(mount)
                    && std::mem::discriminant(&condition.fault) == alike
            })
            .map(|condition| condition.fault.name())
    }

    pub(crate) fn rate(&self, now: Timestamp) -> Felt<u64> {
        newest!(self, now, Fault::TightRate { per_second, .. } => *per_second)
    }

    pub(crate) fn denial(&self, name: &str, now: Timestamp) -> Felt<CloudError> {
        newest!(
            self, now,
            Fault::DeniedFor { denial, request, .. }
                if request.as_ref().is_none_or(|request| request == name)
            => denial_error(*denial, name)
        )
    }

    pub(crate) fn no_room(&self, wanted: Room, now: Timestamp) -> Option<&'static str> {
        newest!(self, now, Fault::NoRoom { room, .. } if *room == wanted => ())
            .map(|(name, ())| name)
    }

    /// Says whether machines of a type cannot be had in a zone, and whether that is told late.
    pub(crate) fn is_full(&self, of: (&str, Option<&str>), now: Timestamp) -> Felt<bool> {
        newest!(
            self, now,
            Fault::Full { zone, instance_type, is_told_late, .. }
                if zone.as_ref().is_none_or(|zone| zone == of.0)
                    && instance_type.as_ref().is_none_or(|kind| Some(kind.as_str()) == of.1)
            => *is_told_late
        )
    }

    /// Returns the zones that are out of order.
    pub(crate) fn outages(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        self.in_force(now).filter_map(|fault| match fault {
            Fault::ZoneOutage { zone, .. } => zone.as_deref(),
            _ => None,
        })
    }

    pub(crate) fn greeting(&self, of: &NodeName, now: Timestamp) -> Felt<Greeting> {
        newest!(
            self, now,
            Fault::OddGreeting { node, greeting, .. } if node.as_ref() == Some(of) => *greeting
        )
    }

    pub(crate) fn sickness(&self, of: &NodeName, now: Timestamp) -> Felt<Sickness> {
        newest!(
            self, now,
            Fault::SickNode { node, sickness, .. } if node.as_ref() == Some(of) => *sickness
        )
    }

    pub(crate) fn token_lifetime(&self, now: Timestamp) -> Felt<Duration> {
        let lifetimes = self.in_force(now).filter_map(|fault| match fault {
            Fault::ShortTokens { lifetime, .. } => Some((fault.name(), *lifetime)),
            _ => None,
        });
        // A token that is forgotten is not remembered again for another's sake.
        lifetimes.min_by_key(|(_, lifetime)| *lifetime)
    }

    pub(crate) fn provider_clock(&self, now: Timestamp) -> Felt<(Duration, bool)> {
        newest!(self, now, Fault::ProviderClock { offset, is_ahead } => (*offset, *is_ahead))
    }

    /// Returns the fault for which a mount's disk cannot be read or written.
    pub(crate) fn no_io(&self, mount: &MountKey, now: Timestamp) -> Option<&'static str> {
        self.is_about(mount, now, &Fault::VolumeImpaired { mount: None, span: None })
            .or_else(|| self.is_about(mount, now, &Fault::DeviceUnreadable { span: None }))
    }

    pub(crate) fn wrong_size(&self, mount: &MountKey, now: Timestamp) -> Option<&'static str> {
        self.is_about(mount, now, &Fault::DeviceWrongSize { mount: None, span: None })
    }

    pub(crate) fn mounts_at_boot(&self, mount: &MountKey, now: Timestamp) -> Option<&'static str> {
        self.is_about(mount, now, &Fault::MountsAtBoot { mount: None, span: None })
    }
}

fn denial_error(denial: Denial, request: &str) -> CloudError {
    match denial {
        Denial::Expired => refuse("ExpiredToken", "the session has expired"),
        Denial::Unauthorized => denied(request),
        Denial::Clock => refuse("RequestExpired", "the request's time differs too much from ours"),
    }
}

fn is_on(until: Until, now: Timestamp) -> bool {
    until.is_none_or(|until| now < until)
}
