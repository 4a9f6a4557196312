//! Properties of the planner over any observation, also impossible ones. What is safe is judged here
//! from the listings themselves, not by the rules that the planner uses.
//!
//! `PROPTEST_CASES` sets how many observations each property sees, `PROPTEST_RNG_SEED` which.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

mod blocks;
#[path = "../common/mod.rs"]
mod common;
mod coverage;
mod referee;
mod worlds;

use std::collections::BTreeSet;
use std::env::VarError;
use std::time::Duration;

use common::{NOW, World};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use worlds::{NODES, any_demand, any_world};
use wucluster_core::action::{Action, CloudAction, Hazard, ShellAction};
use wucluster_core::demand::Demand;
use wucluster_core::ids::{MountKey, Subject, VolumeId};
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{
    Contents, Gap, GapKind, InstanceState, Observation, SnapshotState, VolumeSeen, VolumeState,
};
use wucluster_core::policy::Consent;
use wucluster_core::scope::Scope;
use wucluster_core::tags::{ContentMark, KEY_CONTENT, KEY_EPOCH, KEY_FILESYSTEM, Tags};

fn cloud_actions(actions: &[Cleared<Action>]) -> impl Iterator<Item = &CloudAction> {
    actions.iter().filter_map(|cleared| match cleared.action() {
        Action::Cloud(action) => Some(action),
        Action::Shell(_) => None,
    })
}

fn volume<'a>(world: &'a World, id: &VolumeId) -> &'a VolumeSeen {
    world
        .view
        .volumes
        .iter()
        .find(|volume| &volume.id == id)
        .expect("a plan names only what was seen")
}

/// Whether a running machine's own answer says, now, that nothing has the volume's device open; or
/// no machine has it at all.
fn is_surely_unmounted(world: &World, volume: &VolumeSeen) -> bool {
    volume.open_attachments().all(|attachment| {
        let Some(instance) =
            world.view.instances.iter().find(|seen| seen.id == attachment.instance)
        else {
            return false;
        };
        if matches!(instance.state, InstanceState::Stopped | InstanceState::Terminated) {
            return true;
        }
        world.answers.values().filter(|answer| answer.instance == instance.id).any(|answer| {
            match &answer.probe {
                Err(_) => false,
                Ok(probe) => probe.devices.get(&volume.id.serial()).is_none_or(|device| {
                    device.mounts.is_empty()
                        && device.is_held == Some(false)
                        && device.on_top.is_empty()
                }),
            }
        })
    })
}

fn mount_of(action: &CloudAction) -> Option<&MountKey> {
    match action {
        CloudAction::CreateVolume { mount, .. }
        | CloudAction::AttachVolume { mount, .. }
        | CloudAction::DetachVolume { mount, .. }
        | CloudAction::TagVolume { mount, .. }
        | CloudAction::GrowVolume { mount, .. }
        | CloudAction::TagSnapshot { mount, .. }
        | CloudAction::CreateSnapshot { mount, .. }
        | CloudAction::DeleteVolume { mount, .. }
        | CloudAction::DeleteSnapshot { mount, .. } => Some(mount),
        CloudAction::RunInstance { .. }
        | CloudAction::Adopt { .. }
        | CloudAction::StartInstance { .. }
        | CloudAction::StopInstance { .. }
        | CloudAction::TerminateInstance { .. } => None,
    }
}

/// Whether the deletion of the volume that an action is about was begun before.
fn is_doomed(world: &World, action: &CloudAction) -> bool {
    let CloudAction::DeleteVolume { volume, .. } = action else { return false };
    world.memory.phases.as_ref().is_some_and(|phases| phases.is_doomed(volume))
}

fn destroys(world: &World, demand: Demand) -> BTreeSet<String> {
    world
        .plan(demand)
        .actions
        .iter()
        .filter(|cleared| cleared.action().hazard() == Hazard::Destroys)
        .map(|cleared| {
            let text = cleared.action().to_string();
            // Another snapshot that covers it as well is as good.
            text.split(", kept by").next().unwrap().to_owned()
        })
        .collect()
}

/// A part of a cluster, by one or two patterns.
fn any_scope() -> impl Strategy<Value = Scope> {
    let words =
        ["chief", "worker-1", "gone", "*", "worker-*", "chief/home", "*/data", "gone/*", "w*/s*"];
    let part = prop::sample::select(words.to_vec()).prop_map(|word| word.parse().unwrap());
    (prop::collection::vec(part, 1..3), any::<bool>()).prop_map(|(parts, takes_away)| {
        let scope = Scope::of(parts);
        if takes_away { scope.and_take_away_removed() } else { scope }
    })
}

/// The mounts and nodes that a demand is about, by a reading of its own: those that are named and, where a mount is to come
/// up, the node below it.
fn is_concerned(world: &World, demand: Demand, scope: &Scope, subject: &Subject) -> bool {
    let below = |name| {
        demand.is_upward()
            && world
                .definition
                .mounts()
                .any(|(key, _)| &key.node == name && scope.has(&Subject::Mount(key)))
    };
    match subject {
        Subject::Node(name) => scope.has(subject) || below(name),
        Subject::Mount(_) => scope.has(subject),
        Subject::Cluster | Subject::Stranger(_) => false,
    }
}

/// Something that is known no more.
#[derive(Debug, Clone, Copy)]
enum Less {
    Answer(usize),
    Snapshot(usize),
    Tag(usize, &'static str),
    State(usize),
}

fn any_loss() -> impl Strategy<Value = Less> {
    let tags = [KEY_EPOCH, KEY_CONTENT, KEY_FILESYSTEM];
    prop_oneof![
        (0..NODES.len()).prop_map(Less::Answer),
        (0..5usize).prop_map(Less::Snapshot),
        (0..5usize, proptest::sample::select(tags.to_vec()))
            .prop_map(|(at, tag)| Less::Tag(at, tag)),
        (0..5usize).prop_map(Less::State),
    ]
}

/// How many observations each property sees, unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 100_000;

/// Where chance begins, unless `PROPTEST_RNG_SEED` says otherwise: a number, or `random`. The same run twice is the
/// same run; new worlds are for `make torture`.
const SEED: u64 = 20_261_125;

#[expect(clippy::disallowed_methods, reason = "the core reads no environment; its test does")]
fn config() -> ProptestConfig {
    // A word that cannot be read is no reason to test something else in silence.
    let given = |name| match std::env::var(name) {
        Err(VarError::NotPresent) => None,
        given => Some(given.expect("text")),
    };
    let cases = given("PROPTEST_CASES").map(|cases| cases.parse().expect("a number"));
    let rng_seed = match given("PROPTEST_RNG_SEED").as_deref() {
        Some("random") => RngSeed::Random,
        Some(seed) => RngSeed::Fixed(seed.parse().expect("a number, or `random`")),
        None => RngSeed::Fixed(SEED),
    };
    ProptestConfig {
        cases: cases.unwrap_or(CASES),
        failure_persistence: None,
        rng_seed,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_independent_referee_passes_every_request(world in any_world(), demand in any_demand()) {
        for cleared in &world.plan(demand).actions {
            let judgement = referee::judge(&world, demand, cleared);
            prop_assert!(judgement.is_ok(), "{}", judgement.unwrap_err());
        }
    }

    #[test]
    fn every_block_is_true(world in any_world(), demand in any_demand()) {
        for hold in &world.plan(demand).holds {
            prop_assert!(blocks::is_true(&world, hold), "{hold:?}");
            prop_assert!(!hold.why.is_empty() && !hold.so.is_empty(), "{hold:?}");
        }
    }

    #[test]
    fn the_same_world_gives_the_same_plan(world in any_world(), demand in any_demand()) {
        prop_assert_eq!(world.plan(demand), world.clone().plan(demand));
    }

    #[test]
    fn a_plan_is_never_silently_stuck(world in any_world(), demand in any_demand()) {
        let plan = world.plan(demand);
        prop_assert!(!plan.is_stuck() || !plan.holds.is_empty(), "{}", common::tell(&plan));
    }

    #[test]
    fn a_met_demand_asks_nothing(world in any_world(), demand in any_demand()) {
        let plan = world.plan(demand);
        prop_assert!(!plan.is_met() || (plan.actions.is_empty() && plan.holds.is_empty()));
    }

    #[test]
    fn a_plan_does_not_depend_on_the_order_of_listings(world in any_world(), demand in any_demand()) {
        let mut turned = world.clone();
        turned.view.instances.reverse();
        turned.view.volumes.reverse();
        turned.view.snapshots.reverse();
        prop_assert_eq!(world.plan(demand), turned.plan(demand));
    }

    #[test]
    fn one_subject_is_asked_for_one_thing_at_a_time(world in any_world(), demand in any_demand()) {
        let plan = world.plan(demand);
        let subjects: BTreeSet<Subject> = plan.actions.iter().map(|one| one.action().subject()).collect();
        prop_assert_eq!(subjects.len(), plan.actions.len());
    }

    #[test]
    fn a_volume_is_deleted_only_under_a_whole_snapshot_of_its_last_write(world in any_world()) {
        for action in cloud_actions(&world.plan(Demand::Away).actions) {
            let CloudAction::DeleteVolume { volume: id, kept_by, .. } = action else { continue };
            let volume = volume(&world, id);
            prop_assert_eq!(&volume.state, &VolumeState::Available);
            prop_assert!(volume.open_attachments().next().is_none());
            let epoch = volume.tags.epoch().expect("an epoch is read");
            prop_assert!(epoch.is_sealed);
            let kept = world.view.snapshots.iter().find(|seen| Some(&seen.id) == kept_by.as_ref()).unwrap();
            prop_assert_eq!(&kept.state, &SnapshotState::Completed);
            prop_assert_eq!(&kept.volume, id);
            prop_assert_eq!(kept.size, volume.size);
            prop_assert_eq!(kept.tags.epoch().map(|claimed| claimed.number), Some(epoch.number));
        }
    }

    #[test]
    fn only_away_deletes_and_terminates(world in any_world(), demand in proptest::sample::select(&Demand::ALL[..9])) {
        for action in cloud_actions(&world.plan(demand).actions) {
            // What somebody began to delete is deleted, whatever is demanded by now.
            prop_assert!(action.hazard() != Hazard::Destroys || is_doomed(&world, action));
        }
    }

    #[test]
    fn a_volume_is_detached_only_when_surely_unmounted(world in any_world(), demand in any_demand()) {
        for action in cloud_actions(&world.plan(demand).actions) {
            if let CloudAction::DetachVolume { volume: id, .. } = action {
                prop_assert!(is_surely_unmounted(&world, volume(&world, id)));
            }
        }
    }

    #[test]
    fn an_instance_is_terminated_only_with_nothing_attached(world in any_world()) {
        for action in cloud_actions(&world.plan(Demand::Away).actions) {
            if let CloudAction::TerminateInstance { instance, .. } = action {
                let attached = world
                    .view
                    .volumes
                    .iter()
                    .any(|volume| volume.open_attachments().any(|one| &one.instance == instance));
                prop_assert!(!attached);
            }
        }
    }

    #[test]
    fn an_instance_is_stopped_only_with_nothing_attached_and_by_its_own_word(world in any_world(), demand in any_demand()) {
        for action in cloud_actions(&world.plan(demand).actions) {
            if let CloudAction::StopInstance { node, instance } = action {
                prop_assert_eq!(demand, Demand::Parked);
                let mut volumes = world.view.volumes.iter().flat_map(VolumeSeen::open_attachments);
                prop_assert!(volumes.all(|one| &one.instance != instance));
                let answer = world.answers.get(node).filter(|answer| &answer.instance == instance);
                let probe = answer.and_then(|answer| answer.probe.as_ref().ok());
                prop_assert!(probe.is_some_and(|probe| probe.volumes().next().is_none()));
            }
        }
    }

    #[test]
    fn a_snapshot_is_taken_only_of_a_sealed_volume_that_nobody_has(world in any_world(), demand in any_demand()) {
        for action in cloud_actions(&world.plan(demand).actions) {
            if let CloudAction::CreateSnapshot { volume: id, tags, .. } = action {
                let volume = volume(&world, id);
                prop_assert!(volume.is_free());
                prop_assert!(volume.tags.epoch().is_some_and(|epoch| epoch.is_sealed));
                prop_assert_eq!(tags.epoch(), volume.tags.epoch());
            }
        }
    }

    #[test]
    fn a_volume_is_attached_only_under_an_epoch_that_no_snapshot_claims(world in any_world(), demand in any_demand()) {
        for action in cloud_actions(&world.plan(demand).actions) {
            let CloudAction::AttachVolume { volume: id, instance, mount } = action else { continue };
            let epoch = volume(&world, id).tags.epoch().unwrap();
            prop_assert!(!epoch.is_sealed);
            let claims = world.view.snapshots.iter().any(|seen| {
                &seen.volume == id
                    && seen.tags.identity(&world.definition.name).is_ok()
                    && seen.tags.epoch().is_none_or(|claimed| claimed.number >= epoch.number)
                    && seen.tags.get("wucluster:mount") == Some(mount.mount.as_str())
                    && seen.tags.get("wucluster:node") == Some(mount.node.as_str())
            });
            prop_assert!(!claims);
            let own = world.view.instances.iter().find(|seen| &seen.id == instance).unwrap();
            prop_assert_eq!(own.tags.get("wucluster:node"), Some(mount.node.as_str()));
        }
    }

    #[test]
    fn only_what_is_proven_blank_is_formatted(world in any_world(), demand in any_demand()) {
        for cleared in &world.plan(demand).actions {
            let Action::Shell(ShellAction::MakeFilesystem { serial, .. }) = cleared.action() else { continue };
            let volume = world.view.volumes.iter().find(|volume| &volume.id.serial() == serial).unwrap();
            prop_assert_eq!(volume.tags.content(), Some(ContentMark::Blank));
            prop_assert_eq!(&volume.from_snapshot, &None);
            let seen_blank = world.answers.values().any(|answer| {
                answer.probe.as_ref().is_ok_and(|probe| {
                    probe.devices.get(serial).is_some_and(|device| {
                        device.contents == Contents::Blank && device.is_held == Some(false)
                    })
                })
            });
            prop_assert!(seen_blank);
        }
    }

    #[test]
    fn a_blank_volume_is_made_only_where_no_data_is_known(world in any_world(), demand in any_demand()) {
        for action in cloud_actions(&world.plan(demand).actions) {
            let CloudAction::CreateVolume { mount, from, .. } = action else { continue };
            let of_mount: Vec<_> = world
                .view
                .snapshots
                .iter()
                .filter(|seen| seen.tags.contains(&Tags::for_mount(&world.definition.name, mount)))
                .filter(|seen| seen.tags.content() != Some(ContentMark::Blank))
                .collect();
            let newest = of_mount.iter().filter_map(|seen| seen.tags.epoch()).map(|epoch| epoch.number).max();
            if world.policy.lose.contains(mount) {
                continue;
            }
            let base = world.definition.mount(mount).and_then(|defined| defined.from.clone());
            match from {
                None => {
                    prop_assert!(of_mount.is_empty() && base.is_none());
                    prop_assert!(!world.memory.data_epochs.contains_key(mount));
                }
                Some(id) if base.as_ref() == Some(id) => {
                    prop_assert!(of_mount.is_empty());
                    prop_assert!(!world.memory.data_epochs.contains_key(mount));
                }
                Some(id) => {
                    let source = of_mount.iter().find(|seen| &seen.id == id).unwrap();
                    prop_assert_eq!(&source.state, &SnapshotState::Completed);
                    prop_assert_eq!(source.tags.epoch().map(|epoch| epoch.number), newest);
                    prop_assert!(world.memory.data_epochs.get(mount).is_none_or(|known| Some(*known) <= newest));
                }
            }
        }
    }

    #[test]
    fn twins_are_never_touched(world in any_world(), demand in any_demand()) {
        let observation: Observation = world.observe();
        for cleared in &world.plan(demand).actions {
            match cleared.action() {
                Action::Cloud(action) => {
                    if let Some(mount) = mount_of(action) {
                        prop_assert!(observation.mount(mount).is_none_or(|seen| seen.volumes.len() < 2));
                    } else if let Subject::Node(node) = action.subject() {
                        prop_assert!(observation.node(&node).is_none_or(|seen| seen.instances.len() < 2));
                    }
                }
                Action::Shell(action) => {
                    prop_assert!(observation.mount(action.mount()).is_none_or(|seen| seen.volumes.len() < 2));
                }
            }
        }
    }

    #[test]
    fn nothing_is_destroyed_beyond_the_yes(world in any_world()) {
        let mut world = world;
        world.policy.consent = Consent::Only(BTreeSet::new());
        for action in cloud_actions(&world.plan(Demand::Away).actions) {
            // The yes was given when it was begun.
            prop_assert!(action.hazard() != Hazard::Destroys || is_doomed(&world, action));
        }
    }

    #[test]
    fn knowing_less_never_destroys_more(world in any_world(), demand in any_demand(), less in any_loss()) {
        let before = destroys(&world, demand);
        let mut blind = world.clone();
        match less {
            Less::Answer(node) => {
                if let Some(answer) = blind.answers.get_mut(&common::node(NODES[node])) {
                    let why = "connection lost".to_owned();
                    answer.probe = Err(Gap { kind: GapKind::NoAnswer, why, at: NOW });
                }
            }
            Less::Snapshot(which) if !blind.view.snapshots.is_empty() => {
                let which = which % blind.view.snapshots.len();
                // Whose it is nobody can heed who does not see it. A whole cluster is another store's, as a rule.
                let own = world.memory.store.as_ref();
                let is_ours = |own| world.view.snapshots[which].tags.is_kept_in(own);
                prop_assume!(own.is_none_or(is_ours));
                blind.view.snapshots.remove(which);
            }
            Less::Tag(which, tag) if !blind.view.volumes.is_empty() => {
                let which = which % blind.view.volumes.len();
                blind.view.volumes[which].tags.remove(tag);
            }
            Less::State(which) if !blind.view.volumes.is_empty() => {
                let which = which % blind.view.volumes.len();
                blind.view.volumes[which].state = VolumeState::Unrecognized("odd".to_owned());
            }
            Less::Snapshot(_) | Less::Tag(..) | Less::State(_) => {}
        }
        let after = destroys(&blind, demand);
        prop_assert!(after.is_subset(&before), "{after:?} of {before:?}");
    }

    #[test]
    fn what_was_asked_is_not_asked_again_before_it_is_seen(world in any_world(), demand in any_demand()) {
        let first = world.plan(demand);
        let mut asked = world.clone();
        for cleared in &first.actions {
            let memory = asked.memory.subjects.entry(cleared.action().subject()).or_default();
            memory.in_flight = Some(cleared.action().name());
        }
        prop_assert!(asked.plan(demand).actions.is_empty());
        for cleared in &first.actions {
            let memory = asked.memory.subjects.entry(cleared.action().subject()).or_default();
            memory.in_flight = None;
            memory.cloud_settled_at = Some(NOW.after(Duration::from_secs(1)));
        }
        prop_assert!(asked.plan(demand).actions.is_empty());
    }

    #[test]
    fn a_part_is_driven_as_in_the_whole_and_the_rest_is_left_alone(
        world in any_world(),
        demand in any_demand(),
        scope in any_scope(),
    ) {
        let whole = world.plan(demand);
        let mut part = world.clone();
        part.policy.scope = scope.clone();
        let plan = part.plan(demand);
        let is_concerned = |subject: &Subject| is_concerned(&world, demand, &scope, subject);
        for subject in plan.actions.iter().map(|cleared| cleared.action().subject()) {
            prop_assert!(is_concerned(&subject), "asked about {subject}");
        }
        for subject in plan.verdict.shortfalls().map(|short| &short.subject) {
            prop_assert!(is_concerned(subject), "it falls short for {subject}");
        }
        for wait in &plan.waits {
            prop_assert!(is_concerned(&wait.subject), "{wait:?}");
        }
        for row in plan.rows_in_scope(&world.definition, &world.observe()) {
            prop_assert!(row.wanted.is_none() || is_concerned(&row.subject), "{row:?}");
        }
        prop_assert!(!plan.is_met() || plan.actions.is_empty());
        prop_assert!(plan.is_met() || !plan.actions.is_empty() || !plan.waits.is_empty() || !plan.holds.is_empty());
        // What is named, and defined or on its way down, falls short as it does in the whole.
        let named = |subject: &Subject| match subject {
            Subject::Node(name) => {
                scope.has(subject) && (!demand.is_upward() || world.definition.nodes.contains_key(name))
            }
            Subject::Mount(key) => {
                scope.has(subject) && (!demand.is_upward() || world.definition.mount(key).is_some())
            }
            Subject::Cluster | Subject::Stranger(_) => false,
        };
        let of_named = |verdict: &wucluster_core::demand::Verdict| {
            let mut short: Vec<String> = verdict
                .shortfalls()
                .filter(|short| named(&short.subject))
                .map(|short| format!("{short:?}"))
                .collect();
            short.sort();
            short
        };
        prop_assert_eq!(of_named(&plan.verdict), of_named(&whole.verdict));
    }

    #[test]
    fn what_left_the_definition_is_touched_on_the_way_up_only_where_that_is_said(
        world in any_world(),
        demand in any_demand(),
        takes_away in any::<bool>(),
    ) {
        let mut world = world;
        if takes_away {
            world.policy.scope = Scope::default().and_take_away_removed();
        }
        let plan = world.plan(demand);
        for action in &plan.actions {
            let subject = action.action().subject();
            let is_defined = match &subject {
                Subject::Node(name) => world.definition.nodes.contains_key(name),
                Subject::Mount(key) => world.definition.mount(key).is_some(),
                Subject::Cluster | Subject::Stranger(_) => false,
            };
            let creates = matches!(
                action.action(),
                Action::Cloud(CloudAction::RunInstance { .. } | CloudAction::CreateVolume { .. })
            );
            prop_assert!(is_defined || !creates, "{}", action.action());
            prop_assert!(is_defined || takes_away || !demand.is_upward(), "{}", action.action());
        }
    }

    #[test]
    fn rows_tell_of_everything_that_falls_short(world in any_world(), demand in any_demand()) {
        let observation = world.observe();
        let plan = world.plan(demand);
        let rows = plan.rows(&world.definition, &observation);
        for shortfall in plan.verdict.shortfalls() {
            if matches!(shortfall.subject, Subject::Node(_) | Subject::Mount(_)) {
                let row = rows.iter().find(|row| row.subject == shortfall.subject);
                prop_assert!(row.is_some_and(|row| !row.is_there), "{shortfall:?}");
            }
        }
    }
}
