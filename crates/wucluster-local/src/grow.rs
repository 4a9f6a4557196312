//! Growing volumes.

use std::fs::OpenOptions;

use wucluster_core::definition::Size;
use wucluster_core::ids::VolumeId;
use wucluster_core::ports::{CloudError, Receipt};

use crate::cloud::LocalCloud;
use crate::error::{LocalError, refuse};
use crate::machine;
use crate::store::Held;

impl LocalCloud {
    /// Makes a volume larger that no running machine has plugged in: QEMU says of others "Cannot resize NVMe devices"
    /// (found in all versions up to 7.2).
    pub(crate) fn grow_volume(
        &self,
        held: &Held,
        id: &VolumeId,
        size: Size,
    ) -> Result<Receipt, CloudError> {
        let mut record = self.volume(held, id)?;
        if record.size == size {
            return Ok(Receipt::AlreadyDone);
        }
        if size < record.size {
            let why = format!("{id} is of {}, and a volume never shrinks", record.size);
            return Err(refuse("InvalidParameterValue", why));
        }
        self.settle_content(held, &mut record)?;
        if record.is_creating || record.error.is_some() {
            return Err(refuse("IncorrectState", format!("{id} is not available")));
        }
        if let Some(attachment) = &record.attachment {
            let files = machine::files_of(&self.store, &attachment.instance);
            if machine::life(&files)?.is_alive() {
                let why = format!(
                    "{id} is plugged into {}, which runs, and a disk of QEMU does not grow while it is plugged in: detach it first (`wucluster become separated`, with `--only` for one mount), and launch",
                    attachment.instance
                );
                return Err(refuse("OperationNotPermitted", why));
            }
        }
        self.refuse_while_copied(held, id)?;
        let data = self.store.volume_data(id);
        // The file first: a record of more than there is would be believed.
        let file = OpenOptions::new().write(true).open(&data);
        file.and_then(|file| {
            // Nothing is ever cut off, whatever the record says.
            if file.metadata()?.len() < size.bytes() {
                file.set_len(size.bytes())?;
            }
            file.sync_all()
        })
        .map_err(LocalError::file("grow", &data))?;
        record.size = size;
        self.store.put(held, &record)?;
        Ok(Receipt::Accepted)
    }
}
