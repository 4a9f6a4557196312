//! What a user of a machine sees of its disks: all files by path, and what is mounted where.

use std::collections::BTreeMap;

use wucluster_core::ids::{InstanceId, VolumeId};

use super::state::World;

impl World {
    /// Lists all files of a machine by their paths, as its users see them: written or not. Nothing
    /// while it does not run.
    #[must_use]
    pub fn files_of(&self, id: &InstanceId) -> BTreeMap<String, String> {
        let Some(instance) = self.instances.get(id).filter(|found| found.is_running()) else {
            return BTreeMap::new();
        };
        let machine = &instance.machine;
        let mut files = machine.root_files.clone();
        for mounted in &machine.mounts {
            // What lies below a mount point is hidden by what is mounted there.
            let below = format!("{}/", mounted.at);
            files.retain(|path, _| !path.starts_with(&below));
            let path = |file: &String| format!("{below}{file}");
            if let Some(volume) = self.volumes.get(&mounted.volume) {
                let written = volume.content.files().iter();
                files.extend(written.map(|(file, data)| (path(file), data.clone())));
            }
            let cached = machine.caches.get(&mounted.volume).into_iter().flatten();
            files.extend(cached.map(|write| (path(&write.file), write.data.clone())));
        }
        files
    }

    /// Lists a machine's mount table: where what is mounted, in the order of mounting.
    #[must_use]
    pub fn mounts_of(&self, id: &InstanceId) -> Vec<(String, VolumeId)> {
        let mounts = self.instances.get(id).map(|found| found.machine.mounts.as_slice());
        let mounts = mounts.unwrap_or_default().iter();
        mounts.map(|mounted| (mounted.at.clone(), mounted.volume.clone())).collect()
    }

    /// Says whether a process of that number holds something on any machine.
    #[must_use]
    pub fn has_process(&self, pid: u32) -> bool {
        self.instances.values().any(|found| found.machine.processes.contains_key(&pid))
    }
}

#[cfg(test)]
mod tests {
    use wucluster_core::ids::{ClusterName, MountKey, NodeName};
    use wucluster_core::observation::{AttachmentState, InstanceState};

    use super::*;
    use crate::{Content, PlaceVolume};

    #[test]
    fn files_are_seen_written_or_not_and_mounts_hide_what_is_below() {
        let cluster = ClusterName::new("gibbon").unwrap();
        let home = MountKey::try_from("chief/home".to_owned()).unwrap();
        let mut world = World::new(1);
        let chief = NodeName::new("chief").unwrap();
        let id = world.place_instance(&cluster, &chief, InstanceState::Running);
        world.write_path(&id, "/mnt/home/hidden", "0").unwrap();
        world.write_path(&id, "/etc/motd", "hi").unwrap();
        let content = Content::formatted("ext4", "u").with_file("old", "1");
        let place = PlaceVolume::new()
            .with_content(content)
            .attached(&id, AttachmentState::Attached)
            .mounted("/mnt/home");
        let volume = world.place_volume(&cluster, &home, place);
        world.write(&home, "new", "2").unwrap();
        let files = world.files_of(&id);
        let paths: Vec<&str> = files.keys().map(String::as_str).collect();
        assert_eq!(paths, ["/etc/motd", "/mnt/home/new", "/mnt/home/old"]);
        assert_eq!(world.mounts_of(&id), [("/mnt/home".to_owned(), volume)]);
        world.kill_machine(&id);
        assert!(world.files_of(&id).is_empty());
    }
}
