# issue: carries out requests in their order, and answers each.

# refuse TEXT, fail STATUS TEXT: answers to the request at hand.
refuse() {
    encode "$1"
    say answer "$index" refused "$encoded"
}
not_blank() {
    encode "$1"
    say answer "$index" notblank "$encoded"
}
fail() {
    encode "$2"
    say answer "$index" failed "$1" "$encoded"
}

# refuse_in_use: says who holds the disk, as far as it can be told.
refuse_in_use() {
    if is_busy "$disk_path"; then
        tell_other_spaces "$index" "$disk_nos"
        refuse "$disk_path is in use, though not mounted in the node's own mount table"
    else
        refuse "whether $disk_path is in use cannot be told: neither perl nor python3 is on the node"
    fi
}

# take_lock: one of us at a time on a node; let go when the shell ends, however it ends.
take_lock() {
    [ -L "$WU_LOCK" ] && {
        refuse "$WU_LOCK is a symbolic link"
        return 1
    }
    # A failing `exec` would end the shell, so the file is tried first.
    (: >>"$WU_LOCK") || {
        refuse "$WU_LOCK cannot be written on the node"
        return 1
    }
    exec 9>>"$WU_LOCK"
    flock -w 60 9 || {
        refuse "another request is at work on this node"
        return 1
    }
    enter_run "$run" || {
        refuse "$wu_late"
        return 1
    }
}

# raise_fence SERIAL SEEN_AT: from now on a mount that rests on a look from before this one is refused: its answer
# was lost, and it arrives late. It is written for this boot only, and lasts for $WU_FENCE_KEPT s. Looks of one run are
# told by their times; those of two runs, whose clocks may differ, by the runs.
raise_fence() {
    is_behind "$1" "$2" || { fence_run=${run:-0} fence=$2; }
    [ -L "$WU_FENCE.$1" ] && {
        refuse "$WU_FENCE.$1 is a symbolic link"
        return 1
    }
    (echo "$fence_run $fence $up" >"$WU_FENCE.$1") || {
        refuse "$WU_FENCE.$1 cannot be written on the node"
        return 1
    }
}

# pass_fence SERIAL SEEN_AT: fails, and answers, when a newer unmount was carried out.
pass_fence() {
    is_behind "$1" "$2" || return 0
    refuse "it was asked for before the last unmount"
    return 1
}

# is_behind SERIAL SEEN_AT: whether a look is older than the one that the fence tells of.
is_behind() {
    read_fence "$1"
    [ "${run:-0}" -lt "$fence_run" ] && return 0
    [ "${run:-0}" -eq "$fence_run" ] && [ "$2" -lt "$fence" ]
}

# read_fence SERIAL: sets `fence_run` and `fence`, both 0 when there is none in force, and `up`, the seconds since the boot.
read_fence() {
    fence_run=0 fence=0
    read -r up _ </proc/uptime
    up=${up%%.*}
    wu_run='' wu_fence='' wu_since=''
    { read -r wu_run wu_fence wu_since <"$WU_FENCE.$1"; } 2>/dev/null
    [ -n "$wu_since" ] || return 0
    case $wu_run$wu_fence$wu_since in *[!0-9]*) return 0 ;; esac
    [ "$((up - wu_since))" -ge "$WU_FENCE_KEPT" ] || fence_run=$wu_run fence=$wu_fence
}

# before_unmount HOOK...: runs the hooks of one request; fails, and answers, on a blocking no.
# A hook is five words: its number, its seconds, whether it blocks, its command's word, and `hook`.
before_unmount() {
    number=0
    while [ "${1-}" = hook ]; do
        id=$2 seconds=$3 blocks=$4
        eval "hook_status=\${hook_status_$id-} hook_output=\${hook_output_$id-}"
        if [ -z "$hook_status" ]; then
            decode "$5"
            unescape "$first_place"
            WUCLUSTER_HOOK=before-unmount
            WUCLUSTER_MOUNT=$mount_name
            WUCLUSTER_MOUNT_POINT=$plain
            export WUCLUSTER_HOOK WUCLUSTER_MOUNT WUCLUSTER_MOUNT_POINT
            run_hook "$seconds" "$decoded"
            eval "hook_status_$id=\$hook_status hook_output_$id=\$hook_output"
        fi
        say hook "$index" "$number" "$hook_status" "+$hook_output"
        if [ "$hook_status" -ne 0 ] && [ "$blocks" = 1 ]; then
            say answer "$index" hook "$number"
            return 1
        fi
        number=$((number + 1))
        shift 5
    done
    return 0
}

# one_request WORD...: decodes one whole request, then carries it out.
one_request() {
    verb=$1
    is_late "$run" && {
        refuse "$wu_late"
        return
    }
    case $verb in
        mkfs)
            decode "$2"; a=$decoded
            decode "$3"; b=$decoded
            decode "$4"; c=$decoded
            take_lock || return
            do_mkfs "$a" "$b" "$c"
            ;;
        mount)
            decode "$2"; a=$decoded
            decode "$3"; b=$decoded
            decode "$4"; c=$decoded
            decode "$5"; d=$decoded
            decode "$6"; e=$decoded
            decode "$7"; f=$decoded
            decode "$8"; g=$decoded
            take_lock || return
            pass_fence "$a" "$9" || return
            do_mount "$a" "$b" "$c" "$d" "$e" "$f" "$g"
            ;;
        grow)
            decode "$2"; a=$decoded
            decode "$3"; b=$decoded
            decode "$4"; c=$decoded
            take_lock || return
            do_grow "$a" "$b" "$c" "$5"
            ;;
        unmount)
            decode "$2"; serial=$decoded
            decode "$3"; mount_name=$decoded
            seen_at=$4
            shift 4
            go_on "$WU_FROZEN.$serial"
            plan_unmount "$serial" || return
            if [ -n "$places" ]; then
                before_unmount "$@" || return
            fi
            take_lock || return
            raise_fence "$serial" "$seen_at" || return
            do_unmount "$serial"
            ;;
        freeze)
            decode "$2"; a=$decoded
            decode "$3"; b=$decoded
            decode "$4"; c=$decoded
            take_lock || return
            do_freeze "$a" "$b" "$c" "$5"
            ;;
        thaw)
            decode "$2"; a=$decoded
            decode "$3"; b=$decoded
            take_lock || return
            do_thaw "$a" "$b"
            ;;
    esac
    exec 9>&-
}

# count_words VERB...: sets `words` to how many words the first request has; ends on nonsense.
count_words() {
    case ${1-} in
        mkfs) words=4 ;;
        mount)
            check_time "${9-}"
            words=9
            ;;
        grow)
            check_time "${5-}"
            words=5
            ;;
        unmount)
            check_time "${4-}"
            words=4
            shift 4
            while [ "${1-}" = hook ]; do
                check_number "${2-}"
                check_number "${3-}"
                words=$((words + 5))
                shift 5
            done
            ;;
        freeze)
            check_number "${5-}"
            words=5
            ;;
        thaw) words=3 ;;
        *) give_up "the request is damaged" ;;
    esac
}

issue() {
    # A request that was cut on its way has no `end`, and then nothing at all is done.
    for wu_word in "$@"; do
        last=$wu_word
    done
    [ "${last-}" = end ] || give_up "the request is damaged"
    while [ "${1-}" = disk ]; do
        add_name "${2-}" "${3-}" "${4-}"
        shift 4
    done
    while [ "${1-}" = environment ]; do
        add_environment "${2-}" "${3-}"
        shift 3
    done
    run=
    if [ "${1-}" = run ]; then
        check_time "${2-}"
        run=$2
        shift 2
    fi
    index=0
    while [ "$1" != end ]; do
        count_words "$@"
        [ "$#" -gt "$words" ] || give_up "the request is damaged"
        one_request "$@"
        shift "$words"
        index=$((index + 1))
    done
    say end issue
}

# shellcheck disable=SC2086
issue $WU_ARGS
