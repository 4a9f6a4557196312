//! What goes wrong with one request.

use std::time::Duration;

use wucluster_core::ports::{CloudError, ErrorClass};

use super::cases::{Cut, Leaves, Lie, Tear};
use super::fault::Fault;
use crate::error::{refuse, with_class};

/// The name of a fault, to be counted when it is felt, with what it says.
pub(crate) type Felt<T> = Option<(&'static str, T)>;

/// All that goes wrong with one request.
#[derive(Debug, Default)]
pub(crate) struct Upset {
    faults: Vec<Fault>,
}

/// Returns name and value of the first fault of a request that is of a variant.
macro_rules! first {
    ($upset:expr, $variant:pat => $value:expr) => {
        $upset.faults.iter().find_map(|fault| match fault {
            $variant => Some((fault.name(), $value)),
            _ => None,
        })
    };
}

impl Upset {
    /// Adds a fault of requests; says no to a fault of the world.
    pub(crate) fn add(&mut self, fault: &Fault) -> bool {
        let is_meant = fault.is_about_requests();
        if is_meant {
            self.faults.push(fault.clone());
        }
        is_meant
    }

    /// Returns the error with which a request to the cloud is refused before its effect.
    pub(crate) fn refuses(&self, request: &str) -> Felt<CloudError> {
        self.faults.iter().find_map(|fault| Some((fault.name(), refusal(fault, request)?)))
    }

    pub(crate) fn loses_answer(&self) -> Option<&'static str> {
        first!(self, Fault::LostAnswer | Fault::LostShellAnswer => ()).map(|(name, ())| name)
    }

    pub(crate) fn is_slow_after(&self) -> Felt<Duration> {
        first!(self, Fault::SlowCall { span, is_before: false } => *span)
    }

    pub(crate) fn hangs(&self) -> Felt<bool> {
        first!(self, Fault::Hang { takes_effect } => *takes_effect)
    }

    pub(crate) fn is_delayed(&self) -> Felt<(Duration, bool)> {
        first!(self, Fault::DelayedEffect { span, is_answered } => (*span, *is_answered))
    }

    pub(crate) fn is_repeated(&self) -> Felt<Duration> {
        first!(self, Fault::Repeated { after } => *after)
    }

    pub(crate) fn token_was_used(&self) -> Felt<bool> {
        first!(self, Fault::TokenUsed { is_listed } => *is_listed)
    }

    pub(crate) fn tears_batch(&self) -> Felt<()> {
        first!(self, Fault::TornBatch => ())
    }

    pub(crate) fn tears_pages(&self) -> Felt<Tear> {
        first!(self, Fault::TornPages { tear } => *tear)
    }

    pub(crate) fn has_no_capacity(&self) -> Felt<()> {
        first!(self, Fault::NoCapacity => ())
    }

    pub(crate) fn launch_fails(&self) -> Felt<()> {
        first!(self, Fault::LaunchFails => ())
    }

    pub(crate) fn sticks_attaching(&self) -> Felt<Option<Duration>> {
        first!(self, Fault::StuckAttaching { span } => *span)
    }

    pub(crate) fn device_is_late(&self) -> Felt<Option<Duration>> {
        first!(self, Fault::DeviceLate { span } => *span)
    }

    /// Returns how long a detachment sticks, and whether it shows `busy`.
    pub(crate) fn sticks_detaching(&self) -> Felt<(Option<Duration>, bool)> {
        let detaching = first!(self, Fault::StuckDetaching { span } => (*span, false));
        detaching.or_else(|| first!(self, Fault::StuckBusy { span } => (*span, true)))
    }

    pub(crate) fn volume_breaks(&self) -> Felt<()> {
        first!(self, Fault::VolumeBreaks => ())
    }

    pub(crate) fn volume_vanishes(&self) -> Felt<()> {
        first!(self, Fault::VolumeVanishes => ())
    }

    pub(crate) fn snapshot_fails(&self) -> Felt<()> {
        first!(self, Fault::SnapshotFails => ())
    }

    pub(crate) fn snapshot_takes(&self) -> Felt<Duration> {
        first!(self, Fault::SnapshotSlow { span } => *span)
    }

    pub(crate) fn snapshot_sticks(&self) -> Felt<(u8, Option<Duration>)> {
        first!(self, Fault::SnapshotStuck { percent, span } => (*percent, *span))
    }

    pub(crate) fn takes_two_snapshots(&self) -> Felt<()> {
        first!(self, Fault::SnapshotTwice => ())
    }

    pub(crate) fn hides(&self) -> Felt<Duration> {
        first!(self, Fault::Hidden { span } => *span)
    }

    pub(crate) fn keeps_busy(&self) -> Felt<Option<Duration>> {
        first!(self, Fault::UmountBusy { span } => *span)
    }

    pub(crate) fn remounts(&self) -> Felt<Duration> {
        first!(self, Fault::RemountsItself { after } => *after)
    }

    pub(crate) fn mkfs_fails(&self) -> Felt<Leaves> {
        first!(self, Fault::MkfsFails { leaves } => *leaves)
    }

    pub(crate) fn turns_unreadable(&self) -> Felt<Option<Duration>> {
        first!(self, Fault::DeviceUnreadable { span } => *span)
    }

    pub(crate) fn lies(&self) -> Felt<Lie> {
        first!(self, Fault::ProbeLies { lie } => *lie)
    }

    pub(crate) fn device_is_renamed(&self) -> Felt<()> {
        first!(self, Fault::DeviceRenamed => ())
    }

    pub(crate) fn arrives_late(&self) -> Felt<Duration> {
        first!(self, Fault::ShellLate { span } => *span)
    }

    pub(crate) fn is_cut(&self) -> Felt<Cut> {
        first!(self, Fault::ShellCut { cut } => *cut)
    }
}

/// Returns the error of a fault that refuses a request before its effect.
fn refusal(fault: &Fault, request: &str) -> Option<CloudError> {
    match fault {
        Fault::Throttle => {
            Some(refuse("RequestLimitExceeded", format!("request limit exceeded for {request}")))
        }
        Fault::ServerError | Fault::ServerErrors { .. } => Some(server_error(request)),
        Fault::Denied => Some(denied(request)),
        _ => None,
    }
}

/// Makes the error of a 5xx.
pub(crate) fn server_error(request: &str) -> CloudError {
    let error = refuse("InternalError", format!("{request} failed on the provider's side"));
    // A listing that failed has no effect to wonder about.
    let is_listing = request.starts_with("Describe");
    with_class(error, if is_listing { ErrorClass::Retry } else { ErrorClass::Ambiguous })
}

/// Makes the error of a missing right.
pub(crate) fn denied(request: &str) -> CloudError {
    refuse("UnauthorizedOperation", format!("you are not authorized to perform {request}"))
}
