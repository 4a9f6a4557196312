//! The list of cases, and how they are run.

use std::future::Future;
use std::pin::Pin;

use wucluster_core::action::CloudAction;
use wucluster_core::observation::{InstanceState, VolumeState};

use super::bench::{Bench, Outcome};
use super::harness::Harness;
use super::report::Report;
use super::{adoption, instances, nodes, snapshots, volumes};

type Running<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// A named case.
struct Case {
    name: &'static str,
    run: for<'a> fn(&'a Bench<'a>) -> Running<'a>,
}

macro_rules! cases {
    ($($module:ident :: $name:ident,)+) => {
        &[$(Case { name: stringify!($name), run: |bench| Box::pin($module::$name(bench)) },)+]
    };
}

/// All cases, in the order in which they run; the last ones end the instance.
const CASES: &[Case] = cases![
    instances::an_unused_cluster_has_nothing,
    instances::an_instance_runs_and_answers,
    instances::the_tags_of_an_instance_are_those_of_its_making,
    instances::the_same_token_gives_the_same_instance,
    instances::a_running_instance_is_already_started,
    instances::an_unknown_instance_is_not_found,
    instances::another_host_key_is_refused_before_anything_is_sent,
    instances::another_cluster_sees_nothing_of_it,
    volumes::no_request_gets_no_answer,
    volumes::a_blank_volume_becomes_available,
    volumes::the_same_token_gives_the_same_volume,
    volumes::a_used_token_with_other_parameters_is_refused,
    volumes::the_token_of_a_deleted_volume_is_burned,
    volumes::tags_are_set_beside_the_others,
    volumes::an_unknown_volume_is_not_found,
    volumes::a_deleted_volume_is_deleted_once,
    volumes::answers_stand_in_the_order_of_requests,
    volumes::a_free_volume_grows,
    volumes::a_volume_never_shrinks,
    volumes::an_attached_volume_is_in_use_and_its_device_is_blank,
    volumes::an_attached_volume_is_not_attached_again,
    volumes::a_volume_in_use_is_not_deleted,
    volumes::a_free_volume_cannot_be_detached,
    volumes::a_detached_volume_is_available_and_its_device_gone,
    nodes::a_file_system_is_made_once,
    nodes::mounting_twice_is_mounting_once,
    nodes::a_mount_is_seen_with_its_serial,
    nodes::unmounting_twice_is_unmounting_once,
    nodes::a_blocking_hook_keeps_the_mount,
    nodes::checks_are_answered_in_their_order,
    nodes::an_absent_device_is_refused,
    nodes::bytes_survive_detaching_and_attaching,
    snapshots::a_snapshot_is_completed_with_its_tags,
    snapshots::each_request_makes_another_snapshot,
    snapshots::a_restored_volume_holds_the_bytes,
    snapshots::a_snapshot_outlives_its_volume,
    snapshots::an_unknown_snapshot_restores_nothing,
    snapshots::a_volume_smaller_than_its_snapshot_is_refused,
    snapshots::an_unknown_volume_gives_no_snapshot,
    snapshots::a_deleted_snapshot_is_gone_and_what_stands_beside_it_stays,
    snapshots::an_unknown_snapshot_is_not_deleted,
    adoption::what_there_is_is_found_by_its_id,
    adoption::an_adopted_thing_has_its_mark_beside_its_tags,
    adoption::an_unknown_thing_is_not_adopted,
    instances::a_stopped_instance_is_started_again,
    instances::a_terminated_instance_lets_its_volumes_go,
    instances::a_terminated_instance_answers_nobody,
    instances::the_token_of_a_terminated_instance_is_burned,
];

/// Runs all cases, one after the other, and cleans up.
///
/// Every case is tried whatever the others came to; a case that fails may leave a volume, which is
/// swept in the end.
pub async fn run(harness: &dyn Harness) -> Report {
    let mut report = Report::default();
    let bench = match Bench::new(harness) {
        Ok(bench) => bench,
        Err(why) => {
            report.failed.push(("the bench", why));
            return report;
        }
    };
    for case in CASES {
        match (case.run)(&bench).await {
            Ok(()) => report.passed.push(case.name),
            Err(why) => report.failed.push((case.name, why)),
        }
    }
    match sweep(&bench).await {
        Ok(()) => report.passed.push("nothing_is_left"),
        Err(why) => report.failed.push(("nothing_is_left", why)),
    }
    report
}

/// Terminates and deletes what is left, by force of repetition.
async fn sweep(bench: &Bench<'_>) -> Outcome {
    for _ in 0..bench.harness.looks_max() {
        let view = bench.view().await?;
        let mut is_clean = true;
        for seen in view.instances.iter().filter(|seen| seen.state != InstanceState::Terminated) {
            is_clean = false;
            let (node, instance) = (bench.node.clone(), seen.id.clone());
            // Whether it helped shows in the next look.
            let _ = bench.ask(CloudAction::TerminateInstance { node, instance }).await;
        }
        for seen in view.volumes.iter().filter(|seen| seen.state != VolumeState::Deleted) {
            is_clean = false;
            if seen.is_free() {
                let mount = bench.mount("left-over")?;
                let _ = bench.ask(Bench::delete_action(&mount, &seen.id)).await;
            }
        }
        if is_clean {
            return Ok(());
        }
        bench.harness.sleep(bench.harness.pause()).await;
    }
    Err("instances or volumes are left that could not be removed".to_owned())
}
