#!/usr/bin/env bash
# Every test: pure ones, simulated ones, and those on real machines. Prints the totals last.
#
# The node image is built once, in a cache below target/ (or in WUCLUSTER_CACHE, if that is set).
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh test
target=${CARGO_TARGET_DIR:-target}
case $target in /*) ;; *) target=$PWD/$target ;; esac
export WUCLUSTER_CACHE=${WUCLUSTER_CACHE:-$target/wucluster-cache}
mkdir -p "$WUCLUSTER_CACHE"
export WUCLUSTER_MOTO=$target/moto-venv/bin/moto_server
export INSTA_UPDATE=no

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
started=$SECONDS
echo "== building"
cargo test --workspace --all-features --no-run --quiet
echo "== node image in $WUCLUSTER_CACHE"
WUCLUSTER_STATE=$target/wucluster-state "$target/debug/wucluster" local image --progress plain
echo "== tests"
set +e
cargo test --workspace --all-features --no-fail-fast 2>&1 |
    tee "$log" | grep --line-buffered -vE '^test .* ok$|^$|^running [0-9]+ tests?$|^ +Running|Doc-tests'
# Also where a program of tests ended without a line of totals.
[ "${PIPESTATUS[0]}" -eq 0 ] || status=1
set -e

# cargo prints one line of totals per test program: add them up.
awk -v seconds=$((SECONDS - started)) '
    /^test result:/ { passed += $4; failed += $6; skipped += $8 }
    END {
        printf "tests took %d s\n%d passed, %d failed, %d skipped\n", seconds, passed, failed, skipped
        exit failed > 0 || passed == 0
    }' "$log" || status=1
exit $status
