//! Making a file system on a node.

use wucluster_core::ids::{InstanceId, Subject, VolumeId};
use wucluster_core::observation::{Contents, VolumeState};
use wucluster_core::ports::{ShellError, ShellReceipt};
use wucluster_core::time::Timestamp;

use super::harm_kind::HarmKind;
use super::shell::failed;
use super::state::World;
use super::volume::Volume;
use crate::content::{Content, Shape};
use crate::faults::{Fault, Leaves, Lie, Upset};

/// Says of harm that the node's own examination found nothing, though there was something.
pub const EXAMINATION_MISSED: &str = ", which its node's examination missed";

impl World {
    /// Makes a file system on a device that its node finds blank, and judges what went with it.
    pub(super) fn make_filesystem(
        &mut self,
        id: &InstanceId,
        volume: &VolumeId,
        (kind, uuid): (&str, &str),
        (subject, by): (Subject, String),
        seen_at: Timestamp,
        upset: &Upset,
    ) -> Result<ShellReceipt, ShellError> {
        if self.is_held(volume, id) {
            return Err(ShellError::Refused(format!("{} is in use", volume.serial())));
        }
        if let Some((_, span)) = upset.turns_unreadable() {
            let mount = self.volumes.get(volume).and_then(Volume::mount);
            let fault = Fault::DeviceUnreadable { span };
            self.faults.conditions.add(fault, mount, self.now, span);
        }
        if let Some(fault) = self.no_io(volume) {
            self.fired(fault);
            return Err(failed(1, "input/output error"));
        }
        let Some(found) = self.volumes.get(volume) else {
            return Err(ShellError::Refused("the device is gone".to_owned()));
        };
        if found.state == VolumeState::Error {
            return Err(failed(1, "input/output error"));
        }
        let examined = found.content.examined();
        let is_restored = found.from_snapshot.is_some();
        let lost = match found.content.shape() {
            Shape::Raw => Some("holds data that shows no signature".to_owned()),
            _ if found.was_mounted || found.content.holds_data() => {
                Some(format!("holds {examined}"))
            }
            _ if is_restored => Some("was made from a snapshot".to_owned()),
            _ => None,
        };
        // The node examines the device once more, which may fail it too.
        let mut missed = "";
        match (&examined, upset.lies()) {
            (Contents::Blank, _) => {}
            (_, _) if !self.limits.examines_before_format => {}
            (_, Some((fault, Lie::Blank))) => {
                missed = EXAMINATION_MISSED;
                self.fired(fault);
            }
            (_, _) => return Err(ShellError::NotBlank(format!("the device holds {examined}"))),
        }
        if self.is_of_another_kind(volume, kind) {
            let what = format!("{volume} holds {examined}, and {kind} is made of it");
            self.do_harm(HarmKind::Remade, subject.clone(), by.clone(), what, seen_at);
        }
        if let Some(lost) = lost {
            let what = format!("{volume} {lost}{missed}");
            self.do_harm(HarmKind::FormattedOverContent, subject, by, what, seen_at);
        }
        let fails = upset.mkfs_fails();
        if let Some(volume) = self.volume_mut(volume) {
            volume.content = match fails {
                None => Content::formatted(kind, uuid),
                Some((_, Leaves::Torn)) => Content::formatted(kind, uuid).torn(),
                Some((_, Leaves::Nothing)) => Content::blank(),
            };
        }
        match fails {
            Some((fault, _)) => {
                self.fired(fault);
                Err(failed(1, "mkfs: short write"))
            }
            None => Ok(ShellReceipt::default()),
        }
    }
}
