//! What goes wrong with one request.

use std::time::Duration;

use wucluster_core::ports::{CloudError, ErrorClass};

use super::fault::Fault;
use crate::error::{refuse, with_class};

/// What goes wrong with one request; each with the name of its fault, to be counted when felt.
#[derive(Debug, Clone, Default)]
pub(crate) struct Upset {
    pub(crate) refuses: Option<(&'static str, CloudError)>,
    pub(crate) loses_answer: Option<&'static str>,
    pub(crate) has_no_capacity: Option<&'static str>,
    pub(crate) launch_fails: Option<(&'static str, String)>,
    pub(crate) sticks_attaching: Option<(&'static str, Option<Duration>)>,
    pub(crate) sticks_detaching: Option<(&'static str, Option<Duration>)>,
    pub(crate) volume_breaks: Option<&'static str>,
    pub(crate) snapshot_fails: Option<&'static str>,
    pub(crate) snapshot_takes: Option<(&'static str, Duration)>,
    pub(crate) hides: Option<(&'static str, Duration)>,
    pub(crate) keeps_busy: Option<(&'static str, Option<Duration>)>,
}

impl Upset {
    /// Adds a fault of requests; says no to a fault of the world.
    pub(crate) fn add(&mut self, fault: &Fault, request: &str) -> bool {
        let name = fault.name();
        match fault {
            Fault::Throttle => {
                let error =
                    refuse("RequestLimitExceeded", format!("request limit exceeded for {request}"));
                self.refuses = Some((name, error));
            }
            Fault::ServerError => {
                let error =
                    refuse("InternalError", format!("{request} failed on the provider's side"));
                // A listing that failed has no effect to wonder about.
                let is_listing = request.starts_with("Describe");
                let class = if is_listing { ErrorClass::Retry } else { ErrorClass::Ambiguous };
                self.refuses = Some((name, with_class(error, class)));
            }
            Fault::Denied => {
                let error = refuse(
                    "UnauthorizedOperation",
                    format!("you are not authorized to perform {request}"),
                );
                self.refuses = Some((name, error));
            }
            Fault::LostAnswer | Fault::LostShellAnswer => self.loses_answer = Some(name),
            Fault::NoCapacity => self.has_no_capacity = Some(name),
            Fault::LaunchFails => {
                let reason = "Server.InternalError: the instance could not be started".to_owned();
                self.launch_fails = Some((name, reason));
            }
            Fault::StuckAttaching { span } => self.sticks_attaching = Some((name, *span)),
            Fault::StuckDetaching { span } => self.sticks_detaching = Some((name, *span)),
            Fault::VolumeBreaks => self.volume_breaks = Some(name),
            Fault::SnapshotFails => self.snapshot_fails = Some(name),
            Fault::SnapshotSlow { span } => self.snapshot_takes = Some((name, *span)),
            Fault::Hidden { span } => self.hides = Some((name, *span)),
            Fault::UmountBusy { span } => self.keeps_busy = Some((name, *span)),
            Fault::StaleListings { .. }
            | Fault::Unreachable { .. }
            | Fault::WrongHost { .. }
            | Fault::MachineStops { .. }
            | Fault::MachineTerminates { .. }
            | Fault::MachineReboots { .. }
            | Fault::VolumeFails { .. }
            | Fault::Human(_) => return false,
        }
        true
    }
}
