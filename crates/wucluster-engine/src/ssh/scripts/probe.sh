# begin_run RUN: lets nothing of an earlier run change anything from here on; what it is about to do is awaited.
begin_run() {
    is_late "$1" && give_up "$wu_late"
    [ -n "$1" ] && [ "$wu_later" -ne "$1" ] || return 0
    [ ! -L "$WU_LOCK" ] && (: >>"$WU_LOCK") || give_up "$WU_LOCK cannot be written on the node"
    exec 9>>"$WU_LOCK"
    flock -w 10 9 || give_up "another request is at work on this node"
    enter_run "$1" || give_up "$wu_late"
    exec 9>&-
}

# probe: tells boot, mount table, disks, contents of the disks asked for, and answers of checks.
probe() {
    serials=' ' ready_count=0 halt_count=0 run=
    while [ "${1-}" != end ]; do
        case ${1-} in
            serial)
                decode "${2-}"
                serials="$serials$decoded "
                shift 2
                ;;
            run)
                check_time "${2-}"
                run=$2
                shift 2
                ;;
            disk)
                add_name "${2-}" "${3-}" "${4-}"
                shift 4
                ;;
            environment)
                add_environment "${2-}" "${3-}"
                shift 3
                ;;
            ready)
                check_number "${2-}"
                decode "${3-}"
                eval "ready_seconds_$ready_count=\$2 ready_command_$ready_count=\$decoded"
                ready_count=$((ready_count + 1))
                shift 3
                ;;
            halt)
                check_number "${2-}"
                decode "${3-}"
                eval "halt_seconds_$halt_count=\$2 halt_command_$halt_count=\$decoded"
                halt_count=$((halt_count + 1))
                shift 3
                ;;
            *) give_up "the request is damaged" ;;
        esac
    done

    begin_run "$run"

    # The checks run beside each other and beside our own look; each answers in one line.
    start_checks ready "$ready_count"
    start_checks halt "$halt_count"

    boot=
    { read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
    say boot "$boot"
    load_table
    wu_ifs=$IFS
    IFS=$wu_lf
    for line in $table; do
        say mount "$line"
    done
    IFS=$wu_ifs

    disk_directories
    paths=
    for directory in $directories; do
        load_disk "$directory" || continue
        say disk "$disk_name" "$disk_path" "$disk_serial" "$disk_sectors" "$disk_nos" "$disk_on_top"
        [ ! -e "$WU_FROZEN.$disk_serial" ] || say frozen "$disk_name"
        paths="$paths $disk_path"
    done
    # shellcheck disable=SC2086
    open_exclusively $paths
    for directory in $directories; do
        load_disk "$directory" || continue
        probe_disk
    done
    wait
    say end probe
}

# start_checks KIND COUNT: begins them in the background.
start_checks() {
    index=0
    while [ "$index" -lt "$2" ]; do
        eval "seconds=\$${1}_seconds_$index command=\$${1}_command_$index"
        case $1 in ready) WUCLUSTER_HOOK=ready ;; *) WUCLUSTER_HOOK=before-halt ;; esac
        export WUCLUSTER_HOOK
        (
            run_hook "$seconds" "$command"
            say check "$1" "$index" "$hook_status" "+$hook_output"
        ) &
        index=$((index + 1))
    done
    unset WUCLUSTER_HOOK
}

# tell_room: tells how large the mounted file system of the disk at hand is, if that is asked for and can be told.
tell_room() {
    case $serials in *" $disk_serial "*) ;; *) return ;; esac
    measure_mounted "$disk_no" "$disk_path"
    [ -z "$room" ] || say room "$disk_name" "$room"
}

# probe_disk: looks at one disk more closely.
probe_disk() {
    if [ -n "$disk_doubt" ]; then
        encode "whether it is $disk_serial cannot be told: $disk_doubt"
        say contents "$disk_name" unreadable "$encoded"
        return
    fi
    if is_free "$disk_path"; then
        say open "$disk_name" free
    elif is_busy "$disk_path"; then
        say open "$disk_name" busy
        if in_table "$disk_nos"; then
            tell_room
        else
            tell_other_spaces "$disk_name" "$disk_nos"
        fi
        return
    else
        say open "$disk_name" unknown
        return
    fi
    case $serials in *" $disk_serial "*) ;; *) return ;; esac
    if in_table "$disk_nos"; then
        return
    fi
    examine "$disk_path" "$disk_sectors"
    if [ "$contents" = blank ] && [ -n "$disk_unsure" ]; then
        contents=unreadable
        reason="whether it is $disk_serial cannot be told: $disk_unsure"
    fi
    case $contents in
        filesystem)
            encode "$signature_type"
            kind=$encoded
            encode "$signature_uuid"
            say contents "$disk_name" filesystem "$kind" "$encoded"
            ;;
        *)
            encode "$reason"
            say contents "$disk_name" "$contents" "$encoded"
            ;;
    esac
}

# shellcheck disable=SC2086
probe $WU_ARGS
