//! One stuck node delays no other, by more than a tenth.
#![allow(clippy::print_stdout, reason = "a test tells what it did")]

use wucluster_rehearse::twin::twins;

#[test]
fn one_stuck_node_delays_no_other() {
    let (mut compared, mut late) = (0, Vec::new());
    for seed in 0..100 {
        let (found, count) = twins(seed);
        compared += count;
        late.extend(found.into_iter().map(|violation| format!("seed {seed}: {violation}")));
    }
    println!("{compared} nodes and mounts beside a stuck one compared");
    assert!(late.is_empty(), "{} are late:\n{}", late.len(), late.join("\n"));
    assert!(compared > 200, "only {compared} were compared");
}
