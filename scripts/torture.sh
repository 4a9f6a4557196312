#!/usr/bin/env bash
# Torments the engine by the seed: 200,000 days, and every guard switched off in turn. Takes hours; goes on
# where it was interrupted. Not part of the tests.
#
#   WUCLUSTER_SEEDS=1000 scripts/torture.sh     fewer days
set -euo pipefail
cd "$(dirname "$0")/.."

seeds=${WUCLUSTER_SEEDS:-200000}
target=${CARGO_TARGET_DIR:-target}
echo "== building"
cargo build --quiet --release --package wucluster-rehearse --features ablation --bin torture
echo "== $seeds days (state in $target/torture.json; remove it to begin anew)"
status=0
"$target/release/torture" run "$seeds" "$target/torture.json" || status=1
echo "== who misses which guard (written to docs/guards.md)"
"$target/release/torture" guards 20000 docs/guards.md || status=1
exit $status
