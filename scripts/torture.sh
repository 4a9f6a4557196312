#!/usr/bin/env bash
# Torments the engine: every guard switched off in turn, the planner asked about new worlds of any kind and searched
# as a model in all scopes, operators killed wherever they wait, the program killed 300 times, 50,000 damaged stores, and
# 200,000 days by the seed with a tenth as many with all kinds of change beside them, which take hours and go on where they
# were interrupted.
# Not part of the tests.
#
#   WUCLUSTER_SEEDS=1000 scripts/torture.sh     fewer days
set -euo pipefail
cd "$(dirname "$0")/.."

seeds=${WUCLUSTER_SEEDS:-200000}
target=${CARGO_TARGET_DIR:-target}
echo "== building"
cargo build --quiet --release --package wucluster-rehearse --features ablation --bin torture
status=0
echo "== who misses which guard (written to docs/guards.md)"
"$target/release/torture" guards 2000 docs/guards.md || status=1
echo "== the planner in a million new worlds for each property"
PROPTEST_RNG_SEED=random PROPTEST_CASES=${PROPTEST_CASES:-1000000} \
    cargo test --quiet --package wucluster-core --test properties || status=1
echo "== the planner as a model, all scopes"
WUCLUSTER_MODEL=full cargo test --quiet --package wucluster-rehearse --features ablation --test model -- \
    --nocapture --test-threads 1 || status=1
echo "== operators killed at every point at which they wait"
"$target/release/torture" kills "${WUCLUSTER_POINTS:-20000}" || status=1
echo "== damaged stores"
"$target/release/torture" stores "${WUCLUSTER_STORES:-50000}" || status=1
echo "== the program killed -9 on the simulated cloud"
# Of 350 about 300 are killed before they end.
WUCLUSTER_KILLS=${WUCLUSTER_KILLS:-350} cargo test --quiet --package wucluster --test lease killed_anywhere -- \
    --nocapture || status=1
echo "== $seeds days, and a tenth as many with changes (state in $target/torture.json; remove it to begin anew)"
"$target/release/torture" run "$seeds" "$target/torture.json" || status=1
exit $status
