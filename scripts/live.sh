#!/usr/bin/env bash
# The main story on AWS itself, for those who have an account: two machines with two disks each are launched, written to,
# put away and launched again, and what was written is compared. It costs money, and says how much at most before it begins.
#
#   scripts/live.sh --max-usd 0.50 --zone us-east-1a [--type t3.small] [--image ssm:/aws/service/debian/release/12/latest/amd64]
#
# Credentials are found as every tool of AWS finds them. Nothing begins when an hour of it would cost more than --max-usd by
# the list prices, nor when a price is missing. All is put away again however it ends, but by a second interrupt; the last
# snapshots are deleted with the AWS command line, if that is there, else named.
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD

usage() {
    sed -n 's/^# \{0,1\}//; 2,9p' "$top/scripts/live.sh"
    exit 2
}
max='' zone='' type=t3.small image=ssm:/aws/service/debian/release/12/latest/amd64 cluster_lines='network = "managed"' check=yes
while [ $# -gt 0 ]; do
    case $1 in
        --max-usd) max=${2-} ;;
        --zone) zone=${2-} ;;
        --type) type=${2-} ;;
        --image) image=${2-} ;;
        # Lines for the section of the cluster, in place of `network = "managed"`.
        --cluster) cluster_lines=${2-} ;;
        # `no` leaves out the questions before the launch: for servers that answer like EC2 and know nothing of them.
        --check) check=${2-} ;;
        *) usage ;;
    esac
    [ $# -ge 2 ] || usage
    shift 2
done
[ -n "$max" ] && [ -n "$zone" ] || usage

program=${WUCLUSTER_PROGRAM:-}
if [ -z "$program" ]; then
    cargo build --release --package wucluster --features aws
    program=${CARGO_TARGET_DIR:-$top/target}/release/wucluster
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/wucluster-live.XXXXXX")
export WUCLUSTER_STATE=${WUCLUSTER_STATE:-$work/state}
cluster=live-$(od -An -N3 -tx1 /dev/urandom | tr -d ' \n')
cd "$work"
cat >"$cluster.cluster.toml" <<END
[cluster]
name = "$cluster"
provider = "aws"
zone = "$zone"
$cluster_lines
[node.n]
count = 2
image = "$image"
type = "$type"
mount.a = { at = "/mnt/a", size = "1 GiB" }
mount.b = { at = "/mnt/b", size = "1 GiB", fs = "xfs" }
END

say() { printf '\n== %s\n' "$*"; }
has_begun='' alarm=''
clean_up() {
    local status=$?
    trap - EXIT INT TERM
    # What puts away is not given up.
    [ -z "$alarm" ] || kill "$alarm" 2>/dev/null || true
    if [ -n "$has_begun" ]; then
        say "putting away whatever there is"
        if "$program" put-away --yes --timeout 30m; then
            throw_away
            rm -rf "$work"
        else
            status=1
            printf 'It is not away. It costs money until it is: repeat this in %s:\n   %s put-away\n' "$work" "$program"
        fi
    else
        rm -rf "$work"
    fi
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# The last snapshots: wucluster itself deletes no mount's newest one.
throw_away() {
    local ids
    ids=$("$program" snapshots --json | python3 -c 'import json, sys; print(*(s["id"] for s in json.load(sys.stdin)["snapshots"]))')
    [ -n "$ids" ] || return 0
    say "deleting what is left: $ids"
    if command -v aws >/dev/null; then
        local id
        for id in $ids; do aws ec2 delete-snapshot --region "${zone%[a-z]}" --snapshot-id "$id"; done
    else
        printf 'There is no `aws` here. Delete them by hand; until then they cost some cents a month.\n'
    fi
}

say "what it costs"
"$program" plan launched --json >plan.json
MAX=$max python3 - <<'END'
import json, os, sys
costs = json.load(open("plan.json")).get("costs") or {"launched": {"per_hour": 0, "unpriced": ["this region"]}, "currency": "USD", "source": "nobody"}
# Two root disks of 30 GiB of gp3 at 0.08 USD a GiB and month: the image says how large they are, and no more than that is likely.
roots = 2 * 30 * 0.08 / 730
unpriced = [what for what in costs["launched"]["unpriced"] if not what.startswith("root disks")]
if unpriced:
    sys.exit(f"no price is known of {', '.join(unpriced)}: nothing was begun. Take a zone of us-east-1, whose list prices are known, "
             "or give your own with --cluster (the section [prices] of a definition)")
hour, most = costs["launched"]["per_hour"] + roots, float(os.environ["MAX"])
print(f"{hour:.4f} {costs['currency']} an hour by {costs['source']}, root disks of 30 GiB supposed; at most {most:.2f} was allowed")
if hour > most:
    sys.exit("an hour of it would cost more: nothing was begun")
END
if [ "$check" != no ]; then
    say "whether a launch would work"
    "$program" check --online
fi

has_begun=yes
# Whatever is not done within 50 minutes is given up, and put away.
(
    sleep 3000 &
    trap 'kill "$!"' TERM
    wait "$!" && kill "$$"
) &
alarm=$!
disown "$alarm"

say "launch"
time "$program" launch --progress plain
as_root='as=; [ "$(id -u)" = 0 ] || as=sudo;'
write="$as_root"' for d in a b; do head -c 20000000 /dev/urandom | $as tee /mnt/$d/data >/dev/null; done; sync'
sums="$as_root"' cd /mnt && $as sha256sum a/data b/data'
for node in n-1 n-2; do
    "$program" run "$node" -- "$write"
    "$program" run "$node" -- "$sums" >"$node.before"
done
say "put away"
time "$program" put-away --yes --progress plain
"$program" status --is away
say "launch again"
time "$program" launch --progress plain
for node in n-1 n-2; do
    "$program" run "$node" -- "$sums" >"$node.after"
    diff "$node.before" "$node.after"
    [ "$(wc -l <"$node.after")" -eq 2 ]
done
say "launched and put away twice: what was written is what is read"
