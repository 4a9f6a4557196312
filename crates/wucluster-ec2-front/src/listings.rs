//! What changes nothing: listings, consoles, and whose account it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wucluster_core::ids::ClusterName;
use wucluster_core::observation::{CloudView, Found, InstanceSeen, VolumeSeen};
use wucluster_core::tags::{KEY_CLUSTER, Tags};
use wucluster_core::time::Timestamp;

use crate::filters::Filters;
use crate::form::Form;
use crate::front::{ACCOUNT, Desk};
use crate::pages::Page;
use crate::refusal::{Failure, misunderstood, refuse};
use crate::shown;
use crate::xml::Xml;

/// What a listing is about.
enum About {
    /// Everything of a cluster.
    Cluster(ClusterName),
    /// Things by their ids; each must be there.
    Ids(Vec<String>),
    /// Things by their ids; those that are there.
    FilteredIds(Vec<String>),
    /// Everything of the account.
    Account,
}

/// A listing that was asked for.
struct Wish {
    about: About,
    filters: Filters,
    page: Page,
}

impl Desk {
    /// Takes what all listings have in common: ids, filters and pages.
    fn wish(
        &self,
        mut form: Form,
        ids: &str,
        filter: &'static str,
        others: &'static [&'static str],
    ) -> Result<Wish, Failure> {
        let ids = form.list(ids);
        let filters = Filters::take(&mut form, filter, others)?;
        let page = Page::take(&mut form, self.options.page_max)?;
        form.finish()?;
        let about = if !ids.is_empty() {
            if page.is_asked_for() {
                let why = "The parameter MaxResults cannot be used with ids";
                return Err(misunderstood("InvalidParameterCombination", why));
            }
            About::Ids(ids)
        } else if let Some(cluster) = filters.cluster()? {
            About::Cluster(cluster)
        } else if let Some(ids) = filters.ids() {
            About::FilteredIds(ids)
        } else if filters.are_about_all() {
            About::Account
        } else {
            let why = "only what is of one cluster, or named by its id, is listed here";
            return Err(misunderstood("InvalidParameterValue", why));
        };
        Ok(Wish { about, filters, page })
    }

    /// Looks at a cluster, and keeps what there is to be kept of it.
    async fn look(&self, cluster: &ClusterName) -> Result<CloudView, Failure> {
        let mut view = self.cloud.observe(cluster).await?;
        let mut kept = self.kept();
        kept.clusters.insert(cluster.clone());
        kept.linger(&mut view, self.options.deleting_for);
        kept.look(&view);
        Ok(view)
    }

    /// Looks at every cluster that was ever asked about: there is nothing else in the account.
    async fn look_at_all(&self) -> Result<CloudView, Failure> {
        let clusters = self.kept().clusters.clone();
        let mut all = CloudView::default();
        for cluster in clusters {
            let view = self.look(&cluster).await?;
            all.instances.extend(view.instances);
            all.volumes.extend(view.volumes);
            all.snapshots.extend(view.snapshots);
        }
        Ok(all)
    }

    /// Finds the things that a listing names by their ids.
    async fn found(&self, about: &About, kind: &str) -> Result<Vec<Found>, Failure> {
        let (ids, must_be) = match about {
            About::Ids(ids) => (ids, true),
            About::FilteredIds(ids) => (ids, false),
            About::Cluster(_) | About::Account => return Ok(Vec::new()),
        };
        let mut all = Vec::new();
        for id in ids {
            match self.cloud.find(id).await? {
                Some(found) => all.push(found),
                None if must_be => return Err(not_found(kind, id)),
                None => {}
            }
        }
        Ok(all)
    }

    /// Lists the things of one kind that a listing is about, taken from a look or from what was found by ids.
    async fn listed<T>(
        &self,
        about: &About,
        kind: &str,
        of_look: impl FnOnce(CloudView) -> Vec<T>,
        of_found: impl Fn(Found) -> Option<T>,
    ) -> Result<Vec<T>, Failure> {
        match about {
            About::Cluster(cluster) => Ok(of_look(self.look(cluster).await?)),
            About::Account => Ok(of_look(self.look_at_all().await?)),
            about => Ok(self.found(about, kind).await?.into_iter().filter_map(of_found).collect()),
        }
    }

    pub(crate) async fn describe_instances(&self, form: Form) -> Result<Xml, Failure> {
        let others = &["instance-state-name", "instance.group-id"];
        let wish = self.wish(form, "InstanceId", "instance-id", others)?;
        let (mut all, volumes): (Vec<InstanceSeen>, Vec<VolumeSeen>) = match &wish.about {
            About::Cluster(cluster) => {
                let view = self.look(cluster).await?;
                (view.instances, view.volumes)
            }
            About::Account => {
                let view = self.look_at_all().await?;
                (view.instances, view.volumes)
            }
            about => {
                let found = self.found(about, "InstanceID").await?;
                let all: Vec<InstanceSeen> = found
                    .into_iter()
                    .filter_map(|one| match one {
                        Found::Instance(seen) => Some(seen),
                        Found::Volume(_) | Found::Snapshot(_) => None,
                    })
                    .collect();
                // What is attached to them is told by their clusters.
                let mut clusters: Vec<ClusterName> =
                    all.iter().filter_map(|seen| cluster_of(&seen.tags)).collect();
                clusters.sort();
                clusters.dedup();
                let mut volumes = Vec::new();
                for cluster in clusters {
                    volumes.extend(self.look(&cluster).await?.volumes);
                }
                (all, volumes)
            }
        };
        all.retain(|seen| {
            let kept = self.kept();
            let groups = kept.doors.groups_of(&seen.id);
            // Of those that are not in any group none is asked for by its group.
            let is_in_group = wish.filters.allows("instance.group-id", "")
                || groups.iter().any(|group| wish.filters.allows("instance.group-id", group));
            wish.filters.fit(seen.id.as_str(), &seen.tags)
                && wish.filters.allows("instance-state-name", &seen.state.to_string())
                && is_in_group
        });
        let (all, next) = wish.page.of(all, |seen| seen.id.as_str());
        let mut xml = Xml::default();
        xml.list("reservationSet", &all, |xml, seen| {
            xml.leaf("reservationId", format!("r-{}", seen.id.as_str().trim_start_matches("i-")));
            xml.leaf("ownerId", ACCOUNT);
            xml.list("instancesSet", [seen], |xml, seen| {
                shown::instance(xml, seen, &volumes, &self.kept(), &self.options);
            });
        });
        xml.leaf_of("nextToken", next);
        Ok(xml)
    }

    pub(crate) async fn describe_volumes(&self, form: Form) -> Result<Xml, Failure> {
        let wish = self.wish(form, "VolumeId", "volume-id", &["volume-type"])?;
        let seen = |one| match one {
            Found::Volume(seen) => Some(seen),
            Found::Instance(_) | Found::Snapshot(_) => None,
        };
        let mut all = self.listed(&wish.about, "Volume", |view| view.volumes, seen).await?;
        all.retain(|seen| {
            let kept = self.kept();
            let kind = kept.disks.get(&seen.id).and_then(|disk| disk.kind.as_deref());
            wish.filters.fit(seen.id.as_str(), &seen.tags)
                && wish.filters.allows("volume-type", kind.unwrap_or_default())
        });
        let (all, next) = wish.page.of(all, |seen| seen.id.as_str());
        let mut xml = Xml::default();
        xml.list("volumeSet", &all, |xml, seen| shown::volume(xml, seen, &self.kept()));
        xml.leaf_of("nextToken", next);
        Ok(xml)
    }

    pub(crate) async fn describe_snapshots(&self, mut form: Form) -> Result<Xml, Failure> {
        let owners = form.list("Owner");
        if owners != ["self"] {
            let why = format!("whose snapshots are asked for is not understood: {owners:?}");
            return Err(misunderstood("InvalidParameterValue", why));
        }
        let wish = self.wish(form, "SnapshotId", "snapshot-id", &[])?;
        let seen = |one| match one {
            Found::Snapshot(seen) => Some(seen),
            Found::Instance(_) | Found::Volume(_) => None,
        };
        let mut all = self.listed(&wish.about, "Snapshot", |view| view.snapshots, seen).await?;
        all.retain(|seen| wish.filters.fit(seen.id.as_str(), &seen.tags));
        let (all, next) = wish.page.of(all, |seen| seen.id.as_str());
        let mut xml = Xml::default();
        xml.list("snapshotSet", &all, shown::snapshot);
        xml.leaf_of("nextToken", next);
        Ok(xml)
    }

    /// Lists images of which the options tell, by a filter of ids.
    pub(crate) fn describe_images(&self, mut form: Form) -> Result<Xml, Failure> {
        let filters = Filters::take(&mut form, "image-id", &[])?;
        form.finish()?;
        let none = Tags::default();
        let images = self.options.images.iter().filter(|(id, _)| filters.fit(id, &none));
        let mut xml = Xml::default();
        xml.list("imagesSet", images, |xml, (id, name)| {
            xml.leaf("imageId", id);
            xml.leaf("imageState", "available");
            xml.leaf("imageOwnerId", ACCOUNT);
            xml.leaf("architecture", "x86_64");
            xml.leaf("name", name);
            xml.leaf("rootDeviceName", shown::ROOT);
            xml.leaf("rootDeviceType", "ebs");
        });
        Ok(xml)
    }

    /// Shows the console of an instance: its host key, as cloud-init prints it once ssh is up.
    ///
    /// Source: cloud-init, `tools/write-ssh-key-fingerprints`.
    pub(crate) async fn get_console_output(&self, mut form: Form) -> Result<Xml, Failure> {
        let id = form.need("InstanceId")?;
        let _: Option<bool> = form.read_as("Latest")?;
        form.finish()?;
        let Some(Found::Instance(seen)) = self.cloud.find(&id).await? else {
            return Err(not_found("InstanceID", &id));
        };
        let key = seen.ssh.and_then(|ssh| ssh.host_key);
        let keys = key.map_or(String::new(), |key| {
            format!(
                "-----BEGIN SSH HOST KEY KEYS-----\r\n{key} root@{id}\r\n-----END SSH HOST KEY KEYS-----\r\n"
            )
        });
        let mut xml = Xml::default();
        xml.leaf("instanceId", &id);
        xml.leaf("timestamp", shown::time(seen.launched_at.unwrap_or(Timestamp::default())));
        xml.leaf("output", STANDARD.encode(format!("booting\r\n{keys}login: ")));
        Ok(xml)
    }

    /// Tells whose account it is. It is no request of EC2's, and is answered in another form.
    pub(crate) fn get_caller_identity(form: Form) -> Result<Xml, Failure> {
        form.finish()?;
        let mut xml = Xml::default();
        xml.node("GetCallerIdentityResult", |xml| {
            xml.leaf("Arn", format!("arn:aws:iam::{ACCOUNT}:user/ann"));
            xml.leaf("UserId", "AIDAANN");
            xml.leaf("Account", ACCOUNT);
        });
        Ok(xml)
    }
}

/// Refuses an id of which there is nothing. `kind` is EC2's word for it, such as `InstanceID`.
pub(crate) fn not_found(kind: &str, id: &str) -> Failure {
    refuse(&format!("Invalid{kind}.NotFound"), format!("'{id}' does not exist"))
}

fn cluster_of(tags: &Tags) -> Option<ClusterName> {
    tags.get(KEY_CLUSTER).and_then(|name| ClusterName::new(name).ok())
}
