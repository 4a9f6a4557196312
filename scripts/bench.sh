#!/usr/bin/env bash
# Timings, as ratios where there is something to compare with. Nothing here is asserted by a test.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh bench
echo "== building (release)"
cargo build --release --quiet --package wucluster
target=${CARGO_TARGET_DIR:-target}
case $target in /*) ;; *) target=$PWD/$target ;; esac
program=$target/release/wucluster
export WUCLUSTER_CACHE=${WUCLUSTER_CACHE:-$target/wucluster-cache}

work=$(mktemp -d "${TMPDIR:-/tmp}/wucluster-bench.XXXXXX")
export WUCLUSTER_STATE=$work/state XDG_RUNTIME_DIR=$work/run
mkdir -m 700 "$work/run"
memory=$(mktemp -d /dev/shm/wucluster-bench.XXXXXX)
clean_up() {
    local pid
    for pid in $(pgrep -f "qemu-system.*$work"); do kill -9 "$pid" 2>/dev/null || true; done
    rm -rf "$work" "$memory"
}
trap clean_up EXIT

now() { echo "${EPOCHREALTIME/./}"; } # microseconds
seconds() { awk -v us="$1" 'BEGIN { printf "%.1f s", us / 1e6 }'; }

echo "== size of the program: $(stat -c %s "$program" | awk '{ printf "%.1f MB", $1 / 1e6 }')"
echo "== plan"
cargo bench --quiet --package wucluster-engine --bench plan

echo "== simulated days"
cargo bench --quiet --package wucluster-rehearse --bench days
echo "== states of the model"
cargo test --quiet --package wucluster-rehearse --features ablation --test model -- \
    --nocapture no_invariant_is_broken_in_any_small_world | sed -n 's/^[0-9]* unique states/   &/p'

# definition FILE NAME COUNT MOUNT...: a simulated cluster of nodes that are alike.
definition() {
    local mount
    printf '[cluster]\nname = "%s"\nprovider = "sim"\n[node.n]\ncount = %s\n' "$2" "$3" >"$1"
    for mount in "${@:4}"; do printf 'mount.%s = { at = "/mnt/%s", size = "1 GiB" }\n' "$mount" "$mount" >>"$1"; done
}
# start_up NAME BAR FOLDER ARGUMENT...: how long the program takes, from its start to its end.
start_up() {
    local name=$1 bar=$2
    cd "$3"
    hyperfine -N --style none --warmup 3 --runs 30 --ignore-failure --export-csv "$work/timed" "$program ${*:4}" 2>/dev/null
    cd "$OLDPWD"
    awk -F, -v name="$name" -v bar="$bar" 'NR == 2 { printf "   %-36s %6.1f ms, fastest %.1f%s\n", name, 1000 * $4, 1000 * $7, bar ? " (aim " bar ")" : "" }' "$work/timed"
}
echo "== start-up (median of 30 runs, whole processes)"
mkdir "$work/small" "$work/many"
cp examples/demo.cluster.toml "$work/small/"
start_up --help '20 ms' "$work/small" --help
start_up check '20 ms' "$work/small" check
# Simulated time leaps: what nodes take to answer is not in it.
(
    export WUCLUSTER_SIM_SPEED=fast WUCLUSTER_STATE=$memory/looked-at
    definition "$work/small/sim.cluster.toml" small 3 a b
    definition "$work/many/many.cluster.toml" many 500 a b c d
    cd "$work/small"
    "$program" -f sim.cluster.toml launch --progress quiet
    start_up 'status, 3 nodes x 2 mounts' '150 ms' . -f sim.cluster.toml status
    export WUCLUSTER_STATE=$memory/many
    start_up 'check, 500 nodes x 4 mounts' '' "$work/many" check
    start_up 'status, 500 nodes x 4 mounts, away' '' "$work/many" status
    start_up 'plan launched, 500 nodes x 4 mounts' '' "$work/many" plan launched
)

# What the live tree costs: the same 30 s of a launch with it and without, at the pace of a real cloud.
echo "== the live tree of 500 nodes x 4 mounts, repainted 10 times a second for 30 s"
watched() { # STATE PROGRESS ROWS COLUMNS
    (
        cd "$work/many"
        export WUCLUSTER_SIM_SPEED=real WUCLUSTER_STATE=$memory/$1 TERM=xterm
        script -qec "stty rows $3 columns $4; env time -o $work/used -f '%U %S' $program launch --timeout 30s --progress $2" /dev/null >/dev/null || true
        awk '$1 ~ /^[0-9.]+$/ { print $1 + $2 }' "$work/used"
    )
}
for size in '24 80' '40 120' '60 250'; do
    # shellcheck disable=SC2086
    with=$(watched "tty-${size% *}" tty $size)
    # shellcheck disable=SC2086
    without=$(watched "quiet-${size% *}" quiet $size)
    awk -v size="${size#* } x ${size% *}" -v with="$with" -v without="$without" 'BEGIN {
        printf "   %-9s %.2f s of a core with it, %.2f s without: it takes %.1f %% (aim 5 %%)\n", size, with, without, (with - without) / 0.3 }'
done

# The same simulated launch with its store on a disk, each object synced, and in memory: the difference is the disk's.
# Simulated time leaps, so that next to nothing but the store takes real time.
echo "== the store in a simulated launch of 100 nodes x 2 mounts"
mkdir "$work/sim"
cat >"$work/sim/large.cluster.toml" <<'TOML'
[cluster]
name = "large"
provider = "sim"
[node.n]
count = 100
mount.a = { at = "/mnt/a", size = "1 GiB" }
mount.b = { at = "/mnt/b", size = "1 GiB", fs = "xfs" }
TOML
launch_sim() { # STATE STORE
    local from
    from=$(now)
    (cd "$work/sim" && WUCLUSTER_SIM_SPEED=fast WUCLUSTER_STATE=$1 "$program" launch --store "$2" --progress quiet)
    echo $(($(now) - from))
}
for round in 1 2 3; do
    launch_sim "$memory/state$round" "$memory/store$round" >>"$work/in-memory"
    launch_sim "$memory/disk$round" "$work/store$round" >>"$work/on-disk"
done
objects=$(find "$work/store1" -type f | wc -l)
bytes=$(find "$work/store1" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }')
span=$(cd "$work/sim" && WUCLUSTER_SIM_SPEED=fast WUCLUSTER_STATE=$memory/disk1 "$program" history --json --store "$work/store1" |
    grep -oE '"(since|at)": ?[0-9]+' | grep -oE '[0-9]+' | sort -n | sed -n '1p;$p' | paste -sd' ' | awk '{ print ($2 - $1) / 1000 }')
median() { sort -n "$1" | sed -n 2p; }
awk -v disk="$(median "$work/on-disk")" -v memory="$(median "$work/in-memory")" -v objects="$objects" \
    -v bytes="$bytes" -v span="$span" 'BEGIN {
        store = (disk - memory) / 1e6
        printf "   %d objects, %.1f MB; %.2f s of the disk, %.1f ms an object\n", objects, bytes / 1e6, store, 1000 * store / objects
        printf "   the launch takes %.0f s of simulated time: the store is %.1f %% of it\n", span, 100 * store / span
    }'

# With what the tests are built with: a release of the SDK would take many minutes to compile.
echo "== launch and put-away of 5, 20 and 100 nodes x 2 mounts through AWS's SDK, on a simulated account with EC2's lags"
cargo test --quiet --workspace --all-features --bench launch

echo "== launch of 4 nodes x 2 mounts"
cat >"$work/demo.cluster.toml" <<'TOML'
[cluster]
name = "bench"
[defaults]
memory = "384 MiB"
[node.n]
count = 4
mount.a = { at = "/mnt/a", size = "1 GiB" }
mount.b = { at = "/mnt/b", size = "1 GiB", fs = "xfs" }
TOML
cd "$work"
"$program" local image >/dev/null 2>&1
for name in new again; do
    from=$(now)
    /usr/bin/env time -f '%U %S %M' -o usage "$program" launch --progress quiet || exit 1
    launch=$(($(now) - from))
    awk -v name="$name" -v wall="$(seconds $launch)" \
        '{ printf "   %-5s %s; wucluster itself: %.1f s of a core, %.0f MB\n", name, wall, $1 + $2, $3 / 1024 }' usage
    eval "launch_$name=$launch"
    if [ "$name" = new ]; then
        from=$(now)
        "$program" put-away --yes --progress quiet 2>/dev/null >/dev/null
        echo "   put away $(seconds $(($(now) - from)))"
    fi
done

# The same four machines by hand: the very command lines, each on a new overlay of the same image, all
# at once, until each says on its console that its ssh is up.
echo "== the same four machines booted by hand, all at once"
lines=()
for pid in $(pgrep -f "qemu-system.*$work"); do
    cp "/proc/$pid/cmdline" "line.$pid"
    lines+=("line.$pid")
done
for pid in $(pgrep -f "qemu-system.*$work"); do kill -9 "$pid"; done
while pgrep -f "qemu-system.*$work" >/dev/null; do :; done
image=$(find "$WUCLUSTER_CACHE/images" -name root.img | xargs ls -t | head -1)
consoles=()
from=$(now)
for line in "${lines[@]}"; do
    mapfile -d '' -t words <"$line"
    root=$(printf '%s\n' "${words[@]}" | grep -o '[^=,]*root\.qcow2' | head -1)
    console=$(dirname "$root")/console.log
    rm -f "$root" "$console"
    qemu-img create -q -f qcow2 -b "$image" -F raw "$root"
    (cd "$(dirname "$root")" && "${words[@]}")
    consoles+=("$console")
done
for console in "${consoles[@]}"; do
    until grep -q 'wucluster: ssh is up' "$console" 2>/dev/null; do sleep 0.05; done
    slowest=$(($(now) - from))
done
echo "   slowest until its ssh is up: $(seconds "$slowest")"
awk -v launch="$launch_new" -v again="$launch_again" -v boot="$slowest" \
    'BEGIN { printf "== ratio of launch to slowest boot by hand: %.2f new, %.2f again (aim 1.25)\n", launch / boot, again / boot }'
