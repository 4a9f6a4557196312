//! Adoption: what belongs to another store, or was made by hand, comes to this cluster and store by a person's word.

use super::{Cleared, Context, Hold, Interlock, Refusal, checkpoint, clear, ownership};
use crate::action::{Action, CloudAction};
use crate::ids::{MountKey, NodeName, Subject};
use crate::memory::AwaitedId;
use crate::observation::{Found, InstanceState, Observation, SnapshotState, VolumeState};
use crate::plan::WaitOn;
use crate::tags::{
    ContentMark, Epoch, Identity, KEY_CLUSTER, KEY_CONTENT, KEY_EPOCH, KEY_GENERATION, KEY_STORE,
    StoreMark, Tags,
};

/// Something of the cluster that does not belong to the store it is driven from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfAnother {
    /// Whose it is in the cluster.
    pub subject: Subject,
    /// What it is.
    pub id: AwaitedId,
    /// To which store it belongs. `None`: it has no mark that can be read.
    pub store: Option<StoreMark>,
}

/// Lists all that does not belong to a store: living instances, volumes and snapshots of nodes and mounts.
#[must_use]
pub fn of_others(observation: &Observation, own: &StoreMark) -> Vec<OfAnother> {
    let nodes = observation.nodes.iter().flat_map(|node| of_node(observation, own, &node.name));
    // Mounts whose node is neither defined nor seen.
    let orphans =
        observation.mounts.iter().filter(|mount| observation.node(&mount.key.node).is_none());
    nodes.chain(orphans.flat_map(|mount| of_mount(observation, own, &mount.key))).collect()
}

/// Counts what belongs to which store, in words such as `2 instances, 1 volume`.
#[must_use]
pub fn by_store(others: &[OfAnother]) -> Vec<(Option<StoreMark>, String)> {
    let mut stores: Vec<(Option<StoreMark>, [usize; 3])> = Vec::new();
    for one in others {
        let kind = match one.id {
            AwaitedId::Instance(_) => 0,
            AwaitedId::Volume(_) => 1,
            AwaitedId::Snapshot(_) => 2,
        };
        match stores.iter_mut().find(|(store, _)| *store == one.store) {
            Some((_, counts)) => counts[kind] += 1,
            None => {
                let mut counts = [0; 3];
                counts[kind] = 1;
                stores.push((one.store.clone(), counts));
            }
        }
    }
    let words = |counts: [usize; 3]| {
        let kinds = counts.into_iter().zip(["instance", "volume", "snapshot"]);
        let told = kinds
            .filter(|(count, _)| *count > 0)
            .map(|(count, kind)| format!("{count} {kind}{}", if count == 1 { "" } else { "s" }));
        told.collect::<Vec<_>>().join(", ")
    };
    stores.into_iter().map(|(store, counts)| (store, words(counts))).collect()
}

/// Lists what of a node and its mounts does not belong to a store.
pub(super) fn of_node<'a>(
    observation: &'a Observation,
    own: &'a StoreMark,
    name: &'a NodeName,
) -> impl Iterator<Item = OfAnother> + 'a {
    let instances = observation.node(name).into_iter().flat_map(|node| &node.instances);
    let instances = instances.filter(|one| !one.tags.is_kept_in(own)).map(|one| OfAnother {
        subject: Subject::Node(name.clone()),
        id: AwaitedId::Instance(one.id.clone()),
        store: one.tags.store(),
    });
    let mounts = observation.mounts_of(name);
    instances.chain(mounts.flat_map(|mount| of_mount(observation, own, &mount.key)))
}

fn of_mount<'a>(
    observation: &'a Observation,
    own: &'a StoreMark,
    key: &'a MountKey,
) -> impl Iterator<Item = OfAnother> + 'a {
    let subject = || Subject::Mount(key.clone());
    let mount = observation.mount(key);
    let volumes = mount.into_iter().flat_map(|mount| &mount.volumes);
    let volumes = volumes.filter(|one| !one.tags.is_kept_in(own)).map(move |one| OfAnother {
        subject: subject(),
        id: AwaitedId::Volume(one.id.clone()),
        store: one.tags.store(),
    });
    let snapshots =
        mount.into_iter().flat_map(|mount| mount.snapshots.iter().chain(&mount.checkpoints));
    let snapshots = snapshots.filter(|one| !one.tags.is_kept_in(own)).map(move |one| OfAnother {
        subject: subject(),
        id: AwaitedId::Snapshot(one.id.clone()),
        store: one.tags.store(),
    });
    volumes.chain(snapshots)
}

/// Passes the adoption of something that is seen to carry the name already.
pub(super) fn seen(ctx: &Context<'_>, subject: &Subject, id: &AwaitedId) -> Result<(), Refusal> {
    let instances = match subject {
        Subject::Node(name) => ctx.observation.node(name).map(|node| &node.instances[..]),
        Subject::Mount(_) | Subject::Cluster | Subject::Stranger(_) => None,
    };
    let mount = match subject {
        Subject::Mount(key) => ctx.observation.mount(key),
        Subject::Node(_) | Subject::Cluster | Subject::Stranger(_) => None,
    };
    let is_seen = match id {
        AwaitedId::Instance(id) => instances.unwrap_or_default().iter().any(|one| &one.id == id),
        AwaitedId::Volume(id) => {
            mount.is_some_and(|mount| mount.volumes.iter().any(|one| &one.id == id))
        }
        AwaitedId::Snapshot(id) => {
            let mut all = mount
                .into_iter()
                .flat_map(|mount| mount.snapshots.iter().chain(&mount.checkpoints));
            all.any(|one| &one.id == id)
        }
    };
    if is_seen {
        return Ok(());
    }
    Err(Refusal::wait(subject.clone(), WaitOn::Cloud, format!("{id} must be seen")))
}

/// Clears the adoption of something that belongs to another store.
///
/// # Errors
/// A wait while it is not seen, or while something is asked about its subject.
pub fn take_over(ctx: &Context<'_>, one: &OfAnother) -> Result<Cleared<Action>, Refusal> {
    let tags = Tags::default().kept_in(ctx.memory.store.as_ref());
    let action = CloudAction::Adopt { subject: one.subject.clone(), id: one.id.clone(), tags };
    clear(ctx, Action::Cloud(action))
}

/// Clears the adoption of something that was made by hand, as what a person calls it.
///
/// # Errors
/// A hold where it cannot be that: it is another cluster's, of another kind, in a state in which it cannot be used, or
/// the name has something already. Nothing was asked for.
pub fn by_hand(
    ctx: &Context<'_>,
    found: &Found,
    subject: &Subject,
) -> Result<Cleared<Action>, Refusal> {
    let hold = |interlock, why: String| {
        Hold::new(interlock, subject.clone(), format!("{} cannot be adopted as it", found.id()))
            .why(why)
            .so("nothing was changed")
    };
    if let Some(cluster) = found.tags().get(KEY_CLUSTER) {
        let own = &ctx.definition.name;
        let is_ours = cluster == own.as_str();
        let is_it = match found.tags().identity(own) {
            Ok(Identity::Node(node)) => *subject == Subject::Node(node),
            Ok(Identity::Mount(mount)) => *subject == Subject::Mount(mount),
            Err(_) => false,
        };
        if !is_ours || !is_it {
            let whose = if is_ours {
                "something else of this cluster".to_owned()
            } else {
                format!("cluster `{cluster}`")
            };
            return Err(hold(Interlock::Foreign, format!("it is tagged as of {whose}"))
                .fix("take the wucluster tags off it first, if that is wrong")
                .refuse());
        }
    }
    let mut tags = match (subject, found) {
        (Subject::Node(name), Found::Instance(instance)) => {
            if !matches!(
                instance.state,
                InstanceState::Running | InstanceState::Pending | InstanceState::Stopped
            ) {
                let why = format!("{} is {}", instance.id, instance.state);
                return Err(hold(Interlock::UnrecognizedState, why)
                    .fix("adopt a machine that runs or is stopped")
                    .refuse());
            }
            let living = ctx.observation.node(name).map_or(&[][..], |node| &node.instances);
            if living.iter().any(|one| one.id != instance.id) {
                return Err(ownership::instance_conflict(name, living));
            }
            Tags::for_node(&ctx.definition.name, name)
        }
        (Subject::Mount(key), Found::Volume(volume)) => {
            if !matches!(volume.state, VolumeState::Available | VolumeState::InUse) {
                let why = format!("{} is {}", volume.id, volume.state);
                return Err(hold(Interlock::UnrecognizedState, why)
                    .fix("wait until it is available, and repeat")
                    .refuse());
            }
            let node = ctx.observation.node(&key.node).and_then(|node| node.instance());
            let elsewhere =
                volume.open_attachments().find(|one| node.is_none_or(|own| own.id != one.instance));
            if let Some(elsewhere) = elsewhere {
                let why = format!(
                    "{} is attached to {}, which is not {}",
                    volume.id, elsewhere.instance, key.node
                );
                return Err(hold(Interlock::AttachedElsewhere, why)
                    .fix(format!("adopt {} first, as {}", elsewhere.instance, key.node))
                    .fix("or detach the volume, and repeat")
                    .refuse());
            }
            nothing_else(ctx, key, found, hold)?;
            marked(ctx, key, false)
        }
        (Subject::Mount(key), Found::Snapshot(snapshot)) => {
            if snapshot.state != SnapshotState::Completed {
                let why = format!("{} is {}", snapshot.id, snapshot.state);
                return Err(hold(Interlock::SnapshotUnfinished, why)
                    .fix("wait until it is complete, and repeat")
                    .refuse());
            }
            nothing_else(ctx, key, found, hold)?;
            marked(ctx, key, true)
        }
        (_, Found::Instance(_)) => {
            let fix = "name a node, such as `adopt ID as NODE`";
            return Err(hold(Interlock::Foreign, "it is an instance, and no mount".to_owned())
                .fix(fix)
                .refuse());
        }
        (_, Found::Volume(_) | Found::Snapshot(_)) => {
            let fix = "name a mount, such as `adopt ID as NODE/MOUNT`";
            return Err(hold(Interlock::Foreign, "it holds data, and is no node".to_owned())
                .fix(fix)
                .refuse());
        }
    };
    if found.tags().get(KEY_CLUSTER).is_some() {
        // It has its name already, and may have a history: only its store is another.
        tags = Tags::default();
    }
    let tags = tags.kept_in(ctx.memory.store.as_ref());
    let action = CloudAction::Adopt { subject: subject.clone(), id: found.awaited_id(), tags };
    Ok(Cleared::new(Action::Cloud(action), ctx.observation.cloud_asked_at))
}

/// Passes a mount that has neither volume nor snapshot but the one that is to be its: which of several holds what it should
/// begin from, nobody could tell.
fn nothing_else(
    ctx: &Context<'_>,
    key: &MountKey,
    found: &Found,
    hold: impl Fn(Interlock, String) -> Hold,
) -> Result<(), Refusal> {
    let Some(mount) = ctx.observation.mount(key) else { return Ok(()) };
    let id = found.id();
    let volumes = mount.volumes.iter().map(|one| one.id.to_string());
    let snapshots = mount.snapshots.iter().chain(&mount.checkpoints);
    let snapshots = snapshots.map(|one| one.id.to_string());
    let others: Vec<String> = volumes.chain(snapshots).filter(|other| *other != id).collect();
    if others.is_empty() {
        return Ok(());
    }
    let why = format!("{key} has data already: {}", others.join(", "));
    Err(hold(Interlock::IdentityConflict, why)
        .fix("adopt it as another mount, which the definition gives a name and a mount point")
        .refuse())
}

/// Makes the tags of a volume or snapshot that comes from elsewhere: it holds data, of which nobody knows more.
fn marked(ctx: &Context<'_>, key: &MountKey, is_sealed: bool) -> Tags {
    let known = checkpoint::known_epoch(ctx, key);
    let number = known.max(ctx.memory.sealed_epoch(key)).unwrap_or(0) + 1;
    let newest = ctx.observation.snapshot_generation_max().unwrap_or(0);
    let generation = if is_sealed { newest.max(1) } else { newest + 1 };
    let mut tags = Tags::for_mount(&ctx.definition.name, key);
    tags.set(KEY_EPOCH, Epoch { number, is_sealed }.to_string());
    tags.set(KEY_GENERATION, generation.to_string());
    tags.set(KEY_CONTENT, ContentMark::Data.as_str());
    tags
}

/// Passes a subject of which nothing, nor of its node, belongs to another store: whoever drives from there is not seen from
/// here, and may be about to delete what would be used, or to use what would be deleted.
pub(super) fn own_store(ctx: &Context<'_>, subject: &Subject) -> Result<(), Refusal> {
    let Some(own) = ctx.memory.store.as_ref().filter(|_| ctx.is_on(Interlock::OtherStore)) else {
        return Ok(());
    };
    let Some(node) = subject.node() else { return Ok(()) };
    let others: Vec<OfAnother> = of_node(ctx.observation, own, node).collect();
    let Some(first) = others.first() else { return Ok(()) };
    // Without ids: what is alike is then told once for all nodes.
    let whys = by_store(&others).into_iter().map(|(store, things)| match store {
        Some(store) => format!("{things} of store {} ({})", store.id, store.place),
        None => format!("{things} without a readable tag {KEY_STORE}"),
    });
    let mut hold = Hold::new(
        Interlock::OtherStore,
        Subject::Node(node.clone()),
        "it is driven from another store",
    )
    .whys(whys)
    .so("nothing of it was touched: who drives it from there cannot be seen from here");
    if let Some(store) = first.store.as_ref().filter(|store| !store.place.is_empty()) {
        hold = hold.fix(format!("drive it from there: {}", store.place));
    }
    Err(hold
        .fix("or, when nobody drives it from there any more, take it over:    wucluster adopt")
        .may_clear()
        .refuse())
}
