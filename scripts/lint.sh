#!/usr/bin/env bash
# Format, clippy, documentation, dependency rules.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "== cargo fmt"
cargo fmt --all --check
echo "== cargo clippy"
cargo clippy --workspace --all-targets --all-features --quiet -- -D warnings
# And as it is built for use, without the server for tests, which makes permits by hand. With other features the SDK of AWS would be gone through once more, for minutes.
cargo clippy --workspace --exclude wucluster-aws --exclude wucluster-ec2-front --quiet -- -D warnings
echo "== cargo doc"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --exclude wucluster-aws --no-deps --quiet
echo "== the direction of dependencies"
# Inward only: the core knows nobody; engine, sim, local and aws know the core only; the store implements the engine's
# port; tests may use sim.
known() { cargo tree --package "$1" --edges normal --prefix none --depth 1 | awk '{print $1}' | grep '^wucluster' | sort -u | grep -vx "$1" || true; }
expect() {
    local seen
    seen=$(known "$1" | tr '\n' ' ')
    if [ "$seen" != "$2" ]; then
        echo "$1 depends on: ${seen:-nothing }(expected: ${2:-nothing})" >&2
        exit 1
    fi
}
expect wucluster-core ""
expect wucluster-engine "wucluster-core "
expect wucluster-sim "wucluster-core "
expect wucluster-local "wucluster-core "
expect wucluster-aws "wucluster-core "
expect wucluster-ec2-front "wucluster-core "
expect wucluster-store "wucluster-core wucluster-engine "
expect wucluster-rehearse "wucluster-core wucluster-engine wucluster-sim "
echo "== dependency rules"
if command -v cargo-deny >/dev/null; then
    cargo deny --all-features --offline check bans licenses sources
else
    scripts/licences.sh
fi
echo "lint is clean"
