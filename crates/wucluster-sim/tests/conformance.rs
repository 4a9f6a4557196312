//! The simulator passes the suite that every cloud has to pass.

use wucluster_sim::conformance::{Report, SimHarness, run};
use wucluster_sim::{Durations, Limits, Sim, World};

fn conform(world: World) -> (Report, World) {
    let sim = Sim::new(world);
    let report = wucluster_sim::run(async {
        let harness = SimHarness::new(&sim, "conformance").expect("it is a name");
        run(&harness).await
    });
    (report, sim.into_world())
}

#[test]
fn the_simulator_conforms_at_real_speed() {
    for seed in 0..20 {
        let (report, _) = conform(World::new(seed));
        assert!(report.is_ok(), "seed {seed}: {report}");
        assert!(report.passed.len() >= 25, "{report}");
    }
}

#[test]
fn the_simulator_conforms_when_everything_is_instant() {
    for durations in [Durations::instant(), Durations::fast()] {
        let world = World::new(7).with_durations(durations).with_limits(Limits::generous());
        let (report, _) = conform(world);
        assert!(report.is_ok(), "{report}");
    }
}

#[test]
fn a_cloud_that_does_not_keep_its_word_fails_the_suite() {
    use wucluster_sim::{Fault, Faults};
    let faults = Faults::none().with_chance(1.0, Fault::SnapshotFails);
    let (report, _) = conform(World::new(1).with_faults(faults));
    let failed: Vec<_> = report.failed.iter().map(|(name, _)| *name).collect();
    assert!(failed.contains(&"a_snapshot_is_completed_with_its_tags"), "{report}");
    assert!(!failed.contains(&"a_blank_volume_becomes_available"), "{report}");
}
