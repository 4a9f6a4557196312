# freeze, thaw: lets a file system stand still for a moment. Whoever asked may die: a watchman of the node's own is there
# before it is frozen, thaws it when the time is over, and leaves a word of that.

# watchman FILE TOKEN DEADLINE: what it runs. The first line of FILE is the token of the freeze, the second one the place.
write_watchman() {
    # Under another name at first: one of another mount may be reading it.
    rm -f "$WU_FROZEN.new" && cat >"$WU_FROZEN.new" <<'WU_END'
trap '' HUP
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd /
is_ours() {
    mine=
    { read -r mine <"$1"; } 2>/dev/null
    [ "$mine" = "$2" ]
}
{
    read -r _
    IFS= read -r at
} <"$1"
: >"$1.watch"
while
    read -r up _ </proc/uptime
    [ "${up%%.*}" -lt "$3" ]
do
    is_ours "$1" "$2" || exit 0
    sleep 1
done
is_ours "$1" "$2" || exit 0
echo "$2" >"$1.over"
tries=0
# Whoever freezes it may still be at it.
while is_ours "$1" "$2" && [ "$tries" -lt 900 ]; do
    fsfreeze -u "$at" && break
    tries=$((tries + 1))
    sleep 1
done
rm -f "$1" "$1.watch"
WU_END
    mv -f "$WU_FROZEN.new" "$WU_FROZEN.sh"
}

# post_watchman: fails unless one is there; outside of our own session where the node can do that, as it may end with it.
post_watchman() {
    write_watchman || return 1
    rm -f "$state.watch"
    read -r up _ </proc/uptime
    deadline=$((${up%%.*} + limit))
    if command -v systemd-run; then
        timeout 5 systemd-run --quiet --collect /bin/sh "$WU_FROZEN.sh" "$state" "$token" "$deadline" 2>&1 3>&- 9>&- &&
            await_watchman && return 0
        # What that took is not taken off the limit.
        read -r up _ </proc/uptime
        deadline=$((${up%%.*} + limit))
    fi
    setsid /bin/sh "$WU_FROZEN.sh" "$state" "$token" "$deadline" 2>&1 3>&- 9>&- &
    await_watchman
}

await_watchman() {
    tries=0
    while [ ! -e "$state.watch" ]; do
        tries=$((tries + 1))
        [ "$tries" -le 20 ] || return 1
        sleep 0.1 || sleep 1
    done
}

do_freeze() {
    serial=$1 at=$2 at_escaped=$3 limit=$4
    case $at in
        /?*) ;;
        *)
            refuse "only what is mounted below / is frozen"
            return
            ;;
    esac
    find_disk "$serial" || {
        refuse "$reason"
        return
    }
    load_table
    look_at_place /
    case " $disk_nos " in
        *" $place_no "*)
            refuse "the system itself runs from $disk_path"
            return
            ;;
    esac
    look_at_place "$at_escaped"
    if [ "$place_no" != "$disk_no" ] || [ "$place_root" != / ]; then
        refuse "$disk_path is not mounted, whole and uncovered, at $at"
        return
    fi
    state=$WU_FROZEN.$serial
    if [ -e "$state" ] || [ -L "$state" ]; then
        refuse "it is frozen already"
        return
    fi
    if ! command -v fsfreeze; then
        refuse "fsfreeze is missing on the node"
        return
    fi
    # What waits to be written is written before, so that it stands still the shorter.
    said=$(timeout "$limit" sync -f -- "$at" 2>&1) || {
        fail 1 "what was written at $at did not reach the disk within ${limit}s: $said"
        return
    }
    read -r up _ </proc/uptime
    token=$$-$up
    rm -f "$state.over"
    (umask 077 && printf '%s\n%s\n' "$token" "$at" >"$state") || {
        fail 1 "$state cannot be written on the node"
        return
    }
    if ! post_watchman; then
        rm -f "$state"
        refuse "nobody on the node would thaw it if we were lost"
        return
    fi
    said=$(fsfreeze -f "$at" 2>&1 9>&-)
    status=$?
    if [ "$status" -ne 0 ]; then
        rm -f "$state" "$state.over"
        fail "$status" "${said:-fsfreeze ended with status $status}"
        return
    fi
    if [ -e "$state.over" ]; then
        fsfreeze -u "$at"
        rm -f "$state" "$state.over"
        fail 1 "to freeze it took longer than ${limit}s; it was thawed"
        return
    fi
    say answer "$index" "done"
}

do_thaw() {
    serial=$1 at=$2
    state=$WU_FROZEN.$serial
    if [ ! -e "$state" ]; then
        rm -f "$state.over"
        refuse "it did not stand still until now: it was thawed before"
        return
    fi
    said=$(fsfreeze -u "$at" 2>&1 9>&-)
    status=$?
    case $status:$said in
        0:* | *"Invalid argument"*) ;;
        # Its watchman goes on trying.
        *)
            fail "$status" "${said:-fsfreeze ended with status $status}"
            return
            ;;
    esac
    wu_over=
    [ -e "$state.over" ] && wu_over=1
    rm -f "$state" "$state.over" "$state.watch"
    if [ "$status" -ne 0 ] || [ -n "$wu_over" ]; then
        refuse "it did not stand still until now: it was thawed before"
        return
    fi
    say answer "$index" "done"
}
