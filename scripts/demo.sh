#!/usr/bin/env bash
# The story on real machines: a cluster is launched, written to, put away, and launched again with its
# data; on the way a busy disk holds everything back, a machine loses its power, and the definition
# grows. Asks nothing, and leaves nothing behind but the cache that it names.
set -uo pipefail
cd "$(dirname "$0")/.."
top=$PWD

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi
stages=() times=() results=()

say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
# Shows a command, runs it, and gives up the demo when it does not end with the expected status.
try() { # STATUS COMMAND...
    local wanted=$1 status
    shift
    printf '%s$ %s%s\n' "$bold" "$(shown "$@")" "$plain"
    "$@" </dev/null
    status=$?
    if [ "$status" -ne "$wanted" ]; then
        printf '\nThat ended with status %s; the demo expects %s.\n' "$status" "$wanted"
        return 1
    fi
}
# A command as one would type it.
shown() {
    local word text=''
    for word in "$@"; do
        case $word in
            *[!A-Za-z0-9_./:=@%+,-]*) text+=" '$word'" ;;
            *) text+=" $word" ;;
        esac
    done
    text=${text# }
    printf '%s' "${text/#"$program"/wucluster}"
}
stage() { # NAME FUNCTION
    local started=$SECONDS
    say "== $1"
    if "$2"; then results+=(ok); else results+=(FAILED); fi
    stages+=("$1") times+=("$((SECONDS - started))")
    [ "${results[-1]}" = ok ] || finish 1
}
finish() {
    local at total=0 status=$1
    say "== times"
    for at in "${!stages[@]}"; do
        printf '  %-52s %5s s  %s\n' "${stages[at]}" "${times[at]}" "${results[at]}"
        total=$((total + times[at]))
    done
    printf '  %-52s %5s s\n' 'in all' "$total"
    exit "$status"
}

work=''
program=''
clean_up() {
    # Machines die with the demo, however it ends.
    if [ -n "$work" ]; then
        # Each has the demo's own folder on its command line.
        local pid
        for pid in $(pgrep -f "qemu-system.*$work"); do kill -9 "$pid" 2>/dev/null; done
        rm -rf "$work"
    fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM

prepare() {
    scripts/setup.sh || return
    cargo build --package wucluster || return
    local target=${CARGO_TARGET_DIR:-target}
    case $target in /*) ;; *) target=$top/$target ;; esac
    program=$target/debug/wucluster
    work=$(mktemp -d "${TMPDIR:-/tmp}/wucluster-demo.XXXXXX") || return
    export WUCLUSTER_STATE=$work/state XDG_RUNTIME_DIR=$work/run
    mkdir -m 700 "$work/run" || return
    cp examples/demo.cluster.toml "$work/" && cd "$work"
}
image() { try 0 "$program" local image; }
launch() {
    try 0 "$program" check && try 0 "$program" launch && try 0 "$program" status
}
write_files() {
    local node at
    while read -r node at; do
        try 0 "$program" ssh "$node" -- "dd if=/dev/urandom of=$at/bytes bs=1M count=8 status=none; echo written on $node >$at/note; sync" || return
    done <<<"$places"
    hashes >"$work/before" && cat "$work/before"
}
places='chief /mnt/home
chief /mnt/data
worker-1 /mnt/scratch
worker-2 /mnt/scratch'
hashes() {
    local node at
    while read -r node at; do
        "$program" ssh "$node" -- "cd $at && sha256sum bytes note" </dev/null | sed "s|^|$node $at  |" || return
    done <<<"$places"
}
same_hashes() {
    hashes >"$work/after" || return
    cat "$work/after"
    if cmp -s "$work/before" "$work/after"; then
        echo "All files are what they were."
    else
        echo "The files differ:"; diff "$work/before" "$work/after"; return 1
    fi
}
busy() {
    try 0 "$program" ssh chief -- 'nohup tail -f /mnt/data/note >/dev/null 2>&1 </dev/null & echo "process $! has /mnt/data/note open"' || return
    try 4 "$program" put-away --yes || return
    echo "(held, as it must be; nothing was forced)"
    try 0 "$program" ssh chief -- 'pkill -x tail'
}
put_away() {
    try 0 "$program" put-away --yes && try 0 "$program" snapshots && try 0 "$program" status --is away || return
    # Nothing of the cluster runs, whatever it says itself.
    if pgrep -f "qemu-system.*$work" >/dev/null; then echo "a machine is still there"; return 1; fi
    if compgen -G "$work/state/local/volumes/vol-*/data.raw" >/dev/null; then echo "a volume is still there"; return 1; fi
}
again() { try 0 "$program" launch && same_hashes; }
power_cut() {
    try 0 "$program" local kill worker-1 && try 0 "$program" launch && same_hashes
}
grow() {
    local chief before after
    before=$("$program" status --json | identities) || return
    printf '\n[node.extra]\nmount.spare = { at = "/mnt/spare", size = "1 GiB", fs = "xfs" }\n' >>demo.cluster.toml
    try 0 "$program" plan launched && try 0 "$program" launch || return
    after=$("$program" status --json | identities) || return
    if [ "$before" != "$(grep -v extra <<<"$after")" ]; then
        echo "the others were touched:"; diff <(echo "$before") <(echo "$after"); return 1
    fi
    echo "The others are the same machines, up since before."
    try 0 "$program" run -- uptime -s
}
# Each node and mount of a status with the id of what stands for it.
identities() { grep -oE '"(name|id)": *"[^"]*"' | paste - - | sort; }
farewell() { put_away; }

stage 'prepare (packages, program)' prepare
stage 'node image' image
stage 'launch 3 machines with 4 mounts' launch
stage 'write files on every mount' write_files
stage 'put away while a process holds a file: held' busy
stage 'put away' put_away
stage 'launch again, same files' again
stage 'a machine loses its power; launch again' power_cut
stage 'a node more in the definition; launch' grow
stage 'put away, and clean up' farewell
cd "$top"
say "What stays is the node image in ${WUCLUSTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/wucluster}: the next demo is quicker."
finish 0
