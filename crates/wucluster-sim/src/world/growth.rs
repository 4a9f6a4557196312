//! Growing: volumes in use, and the file systems on them.

use std::time::Duration;

use wucluster_core::definition::Size;
use wucluster_core::ids::{InstanceId, MountKey, VolumeId};
use wucluster_core::observation::VolumeState;
use wucluster_core::ports::{CloudError, ErrorClass, Receipt, ShellError, ShellReceipt};

use super::event::Event;
use super::harm_kind::HarmKind;
use super::requests::By;
use super::shell::failed;
use super::state::World;
use crate::content::Shape;
use crate::error::{refuse, with_class};

/// How often a volume may be changed within [`MODIFICATIONS_WITHIN`]. Source: EBS user guide, "Modify an Amazon EBS volume".
const MODIFICATIONS_MAX: usize = 4;

/// Source: as of [`MODIFICATIONS_MAX`].
const MODIFICATIONS_WITHIN: Duration = Duration::from_secs(24 * 3600);

impl World {
    /// Begins to make a volume larger, or refuses, as EC2 does; and judges it (I14).
    ///
    /// Source: EC2 API reference, `ModifyVolume`; the new size is listed once the change is `optimizing`.
    pub(super) fn grow_volume(
        &mut self,
        by: &By<'_>,
        id: &VolumeId,
        size: Size,
    ) -> Result<Receipt, CloudError> {
        let found = self.known_volume(id)?;
        let (is, state) = (found.size, found.state.clone());
        if !matches!(state, VolumeState::Available | VolumeState::InUse) {
            let message = format!("Volume {id} is {state} and cannot be modified");
            return Err(with_class(refuse("IncorrectState", message), ErrorClass::Retry));
        }
        if size == is {
            return Ok(Receipt::AlreadyDone);
        }
        if size < is {
            let message = format!("New size cannot be smaller than existing size ({is})");
            return Err(refuse("InvalidParameterValue", message));
        }
        if size.gib() > 65_536 {
            return Err(refuse(
                "InvalidParameterValue",
                format!("a volume of {size} cannot be made"),
            ));
        }
        let now = self.now;
        let found = self.known_volume(id)?;
        if found.grows_to.is_some() {
            let message = format!("Cannot modify volume {id} in modification state MODIFYING");
            return Err(with_class(
                refuse("IncorrectModificationState", message),
                ErrorClass::Retry,
            ));
        }
        let of_late = found.grown_at.iter().filter(|at| now.since(**at) < MODIFICATIONS_WITHIN);
        if of_late.count() >= MODIFICATIONS_MAX {
            let message = format!(
                "You've reached the maximum modification rate per volume limit. Wait up to 24 hours between modifications of {id}"
            );
            return Err(refuse("VolumeModificationRateExceeded", message));
        }
        self.judge_ownership(by, id.as_str());
        self.judge_growth(by, id);
        if let Some(found) = self.volume_mut(id) {
            found.grows_to = Some(size);
            found.grown_at.push(now);
        }
        let after = self.draw(id.as_str(), self.durations.modify_volume);
        self.schedule(after, Event::VolumeGrown { id: id.clone(), size });
        Ok(Receipt::Accepted)
    }

    pub(super) fn volume_grown(&mut self, id: &VolumeId, size: Size) {
        let Some(found) = self.volume_mut(id).filter(|found| found.grows_to == Some(size)) else {
            return;
        };
        found.grows_to = None;
        if found.is_living() && size > found.size {
            // What is on it is as large as it was.
            found.content.keep_room(found.size);
            found.size = size;
            self.note(format!("volume {id} has {size}"));
        }
    }

    /// I14: judges a growth: never while a snapshot claims to hold all that was ever written. What lands late is no harm:
    /// no byte is lost by it, and the snapshot covers the larger volume no more.
    fn judge_growth(&mut self, by: &By<'_>, id: &VolumeId) {
        let Some(found) = self.volumes.get(id) else { return };
        let lateness = self.faults.staleness_max() + self.durations.visibility.max;
        let number = found.tags.epoch().map(|epoch| epoch.number);
        let claimed = self.snapshots.values().find(|seen| {
            &seen.volume == id
                && seen.is_listed
                && seen.tags.epoch().is_some_and(|claimed| Some(claimed.number) >= number)
                && seen.started_at.after(lateness) < by.seen_at
        });
        let claimed = claimed
            .filter(|_| self.ledger.late_by.is_zero())
            .map(|seen| format!("{} claims the write epoch of {id}", seen.id));
        if let Some(what) = claimed {
            self.harm_by(by, HarmKind::Remade, what);
        }
    }

    /// Grows a mounted file system to the size of its device.
    pub(super) fn grow_filesystem(
        &mut self,
        id: &InstanceId,
        (mount, volume): (&MountKey, &VolumeId),
        (at, size): (&str, Size),
        took: &mut Duration,
    ) -> Result<ShellReceipt, ShellError> {
        let is_there = self.instances.get(id).is_some_and(|found| {
            found.machine.mounted_at(at).is_some_and(|there| &there.volume == volume)
        });
        if !is_there {
            let why = format!("{} of {mount} is not mounted at {at}", volume.serial());
            return Err(ShellError::Refused(why));
        }
        if let Some(fault) = self.no_io(volume) {
            self.fired(fault);
            *took = (*took).max(self.durations.hang);
            return Err(ShellError::NoAnswer("it did not come to an end".to_owned()));
        }
        let Some(found) = self.volumes.get_mut(volume) else {
            return Err(ShellError::Refused("the device is gone".to_owned()));
        };
        if found.size < size {
            let message =
                format!("the kernel shows the device with {}, and not with {size} yet", found.size);
            return Err(failed(1, &message));
        }
        if matches!(found.content.shape(), Shape::Filesystem { .. }) {
            found.content.fill(found.size);
        }
        Ok(ShellReceipt::default())
    }

    /// Returns the size of a volume in truth, and that of the file system on it.
    #[must_use]
    pub fn room_of(&self, id: &VolumeId) -> Option<(Size, Size)> {
        let found = self.volumes.get(id)?;
        Some((found.size, found.content.room(found.size)))
    }
}
