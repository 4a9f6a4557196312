//! What was held, from when to when.

use serde::Serialize;
use wucluster_core::interlock::Hold;
use wucluster_core::time::Timestamp;
use wucluster_engine::{EngineEvent, EventKind};

/// A hold, and how long it lasted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct HoldTold {
    /// The hold, with why, so and fix.
    #[serde(flatten)]
    pub(crate) hold: Hold,
    /// When it was first told.
    pub(crate) from: Timestamp,
    /// When it was over; `None` where the run ended, or was last heard of, before that.
    pub(crate) to: Option<Timestamp>,
}

/// Lists what was held, in the order in which it was told.
///
/// What holds a subject in several ways is told to be over only when nothing holds it any more.
pub(super) fn told(events: &[EngineEvent]) -> Vec<HoldTold> {
    let mut told: Vec<HoldTold> = Vec::new();
    for event in events {
        match &event.kind {
            EventKind::Held(hold) => {
                // Told again, it is still the same one, with newer evidence.
                let known = told.iter_mut().find(|known| {
                    known.to.is_none()
                        && known.hold.subject == hold.subject
                        && known.hold.interlock == hold.interlock
                });
                match known {
                    Some(known) => known.hold = hold.clone(),
                    None => told.push(HoldTold { hold: hold.clone(), from: event.at, to: None }),
                }
            }
            EventKind::Released { subject } => {
                let open = told
                    .iter_mut()
                    .filter(|known| known.to.is_none() && known.hold.subject == *subject);
                for known in open {
                    known.to = Some(event.at);
                }
            }
            _ => {}
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, held, released};
    use super::*;

    #[test]
    fn a_hold_lasts_until_its_subject_is_released_and_may_come_again() {
        let events = [
            held(1, "chief/home", "first"),
            held(2, "chief/data", "other"),
            held(3, "chief/home", "newer"),
            released(4, "chief/home"),
            held(5, "chief/home", "again"),
        ];
        let told: Vec<_> =
            told(&events).into_iter().map(|told| (told.hold.why, told.from, told.to)).collect();
        let why = |text: &str| vec![text.to_owned()];
        assert_eq!(
            told,
            [
                (why("newer"), at(1), Some(at(4))),
                (why("other"), at(2), None),
                (why("again"), at(5), None),
            ]
        );
    }
}
