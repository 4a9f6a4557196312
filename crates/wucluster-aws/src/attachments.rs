//! One state of an attachment from EC2's two vocabularies: that of the volume and that of the instance.
//!
//! Either may lag behind the other. What they say together is never further than the less advanced of them: attached
//! only if both say so, gone only if both leave it out.

use wucluster_core::observation::AttachmentState;

/// Joins the volume's word and the instance's. `None`: it has no entry there; entries that say `detached` count as none.
pub(crate) fn join(
    volume: Option<AttachmentState>,
    instance: Option<AttachmentState>,
) -> Option<AttachmentState> {
    use AttachmentState::{Attached, Attaching, Busy, Detaching};
    let open =
        |state: Option<AttachmentState>| state.filter(|state| *state != AttachmentState::Detached);
    match (open(volume), open(instance)) {
        (None, None) => None,
        // What is not known is never safe.
        (Some(word @ AttachmentState::Unrecognized(_)), _)
        | (_, Some(word @ AttachmentState::Unrecognized(_))) => Some(word),
        // The instance has no word for it.
        (Some(Busy), _) | (_, Some(Busy)) => Some(Busy),
        (Some(Detaching), _) | (_, Some(Detaching)) => Some(Detaching),
        (Some(Attached), Some(Attached)) => Some(Attached),
        (Some(Attaching), _) | (_, Some(Attaching)) => Some(Attaching),
        // The instance does not show it yet.
        (Some(_), None) => Some(Attaching),
        // The volume shows itself free already, or not yet taken: it is on its way, whichever.
        (None, Some(_)) => Some(Detaching),
        (Some(one), Some(_)) => Some(one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Vec<Option<AttachmentState>> {
        let known = AttachmentState::KNOWN.iter().cloned().map(Some);
        let odd = AttachmentState::Unrecognized("odd".to_owned());
        known.chain([None, Some(odd)]).collect()
    }

    #[test]
    fn attached_and_gone_are_believed_only_of_both() {
        use AttachmentState::{Attached, Detached};
        for volume in words() {
            for instance in words() {
                let joined = join(volume.clone(), instance.clone());
                let both_attached = volume == Some(Attached) && instance == Some(Attached);
                assert_eq!(joined == Some(Attached), both_attached, "{volume:?} {instance:?}");
                let is_gone =
                    |word: &Option<AttachmentState>| matches!(word, None | Some(Detached));
                let both_gone = is_gone(&volume) && is_gone(&instance);
                assert_eq!(joined.is_none(), both_gone, "{volume:?} {instance:?}");
            }
        }
    }

    #[test]
    fn a_busy_device_and_an_odd_word_are_kept() {
        use AttachmentState::{Attached, Busy, Detaching};
        assert_eq!(join(Some(Busy), Some(Detaching)), Some(Busy));
        let odd = Some(AttachmentState::Unrecognized("odd".to_owned()));
        assert_eq!(join(Some(Attached), odd.clone()), odd);
    }
}
