#!/usr/bin/env bash
# The picture in the README: a session on real machines, recorded and drawn. Leaves nothing behind but docs/session.svg.
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD

scripts/setup.sh
cargo build --release --package wucluster
target=${CARGO_TARGET_DIR:-target}
case $target in /*) ;; *) target=$top/$target ;; esac
export PATH=$target/release:$PATH

work=$(mktemp -d "${TMPDIR:-/tmp}/wucluster-record.XXXXXX")
export WUCLUSTER_STATE=$work/state XDG_RUNTIME_DIR=$work/run
mkdir -m 700 "$work/run"
clean_up() {
    # Machines die with the recording, however it ends; each has its folder on its command line.
    local pid
    for pid in $(pgrep -f "qemu-system.*$work"); do kill -9 "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

sed -n '/^\[cluster\]/,$p' examples/demo.cluster.toml >"$work/demo.cluster.toml"
cd "$work"
wucluster local image
python3 "$top/scripts/record.py" "$work/session.svg" 96x24 <<'SESSION'
wucluster launch
+ wucluster ssh chief -- 'echo kept >/mnt/data/note; tail -f /mnt/data/note >/dev/null 2>&1 &'
4: wucluster put-away --yes
+ wucluster run chief -- pkill tail
wucluster put-away --yes
wucluster launch
+ wucluster ssh chief -- cat /mnt/data/note
SESSION
wucluster put-away --yes --progress quiet >/dev/null 2>&1
mv "$work/session.svg" "$top/docs/session.svg"
