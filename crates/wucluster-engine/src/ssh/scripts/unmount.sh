# unmount: takes the device out of the node's mount table, never lazily and never by force, and
# proves that nobody holds it any more.

# plan_unmount SERIAL: sets `places` to where it is mounted, the latest first, still escaped.
plan_unmount() {
    find_disk "$1" || {
        refuse "$reason"
        return 1
    }
    load_table
    places='' first_place=''
    in_table "$disk_nos" || return 0
    wu_ifs=$IFS
    IFS=$wu_lf
    for wu_word in $table; do
        IFS=$wu_ifs
        # shellcheck disable=SC2086
        set -- $wu_word
        IFS=$wu_lf
        case " $disk_nos " in *" ${3-} "*) ;; *) continue ;; esac
        places="$5 $places"
        [ -n "$first_place" ] || [ "$4" != / ] || first_place=$5
    done
    IFS=$wu_ifs
    first_place=${first_place:-${places%% *}}
    case " $places" in
        *" / "*)
            refuse "the system itself runs from $disk_path"
            return 1
            ;;
    esac
    return 0
}

do_unmount() {
    serial=$1
    plan_unmount "$serial" || return
    for place in $places; do
        load_table
        look_at_place "$place"
        case " $disk_nos " in
            *" $place_no "*) ;;
            *)
                unescape "$place"
                tell_busy "$plain is covered by something else that is mounted over it"
                return
                ;;
        esac
        unescape "$place"
        said=$(sync -f -- "$plain" 2>&1) || {
            fail 1 "not everything written at $plain reached the disk: $said"
            return
        }
        said=$(umount -- "$plain" 2>&1)
        status=$?
        if [ "$status" -ne 0 ]; then
            tell_file_holders
            tell_busy "${said:-umount ended with status $status}"
            return
        fi
    done
    load_table
    if in_table "$disk_nos"; then
        tell_file_holders
        tell_busy "$disk_path was mounted again at once"
        return
    fi
    # The kernel lets go a moment after the last file is closed.
    tries=0
    while :; do
        open_exclusively "$disk_path"
        is_busy "$disk_path" || break
        tries=$((tries + 1))
        [ "$tries" -lt 3 ] || break
        sleep 0.3 || sleep 1
    done
    if is_busy "$disk_path"; then
        tell_other_spaces "$index" "$disk_nos"
        case $(cat /proc/swaps) in
            *"$disk_path"*) tell_kernel "$disk_path is swapped to" ;;
        esac
        for wu_word in $disk_on_top; do
            tell_kernel "$wu_word stands on it"
        done
        tell_busy "$disk_path is mounted nowhere in the node's own table, yet the kernel holds it"
        return
    fi
    if ! is_free "$disk_path"; then
        fail 1 "whether $disk_path is still held cannot be told: neither perl nor python3 is on the node"
        return
    fi
    said=$(blockdev --flushbufs "$disk_path" 2>&1)
    status=$?
    if [ "$status" -ne 0 ]; then
        fail "$status" "blockdev --flushbufs $disk_path: $said"
        return
    fi
    case $places in
        '') say answer "$index" already ;;
        *) say answer "$index" "done" ;;
    esac
}

# tell_busy TEXT
tell_busy() {
    encode "$1"
    say answer "$index" busy "$encoded"
}

# tell_kernel WHAT: something that no process holds.
tell_kernel() {
    encode "$1"
    say holder "$index" 0 =root "$encoded" "+KGtlcm5lbCk="
}

# tell_file_holders: names who uses files of the device: its number is compared, so that neither
# the name of the place nor the name space matters. Limited in time and in number.
tell_file_holders() {
    held_count=0
    numbers='' maps=''
    for wu_no in $disk_nos; do
        wu_major=${wu_no%%:*} wu_minor=${wu_no##*:}
        numbers="$numbers $(((wu_minor & 255) | ((wu_major & 4095) << 8) | ((wu_minor & ~255) << 12)))"
        maps="$maps $(printf '%02x:%02x' "$wu_major" "$wu_minor")"
    done
    set +f
    found=$(
        {
            timeout 5 find -L /proc/[0-9]*/cwd /proc/[0-9]*/root /proc/[0-9]*/exe -maxdepth 0 -printf '%D %p\n'
            timeout 10 find -L /proc/[0-9]*/fd -mindepth 1 -maxdepth 1 -printf '%D %p\n'
        } 2>/dev/null
    )
    set -f
    wu_ifs=$IFS
    IFS=$wu_lf
    for wu_entry in $found; do
        IFS=$wu_ifs
        case "$numbers " in
            *" ${wu_entry%% *} "*) tell_file_holder "${wu_entry#* }" ;;
        esac
        IFS=$wu_lf
    done
    IFS=$wu_ifs
    for wu_no in $maps; do
        set +f
        found=$(timeout 10 grep -sHF -m 1 " $wu_no " /proc/[0-9]*/maps)
        set -f
        IFS=$wu_lf
        for wu_entry in $found; do
            IFS=$wu_ifs
            wu_pid=${wu_entry#/proc/}
            wu_pid=${wu_pid%%/*}
            held_count=$((held_count + 1))
            [ "$held_count" -gt 24 ] || tell_process "$index" "$wu_pid" "a memory map of /${wu_entry#*/*/*/*/}"
            IFS=$wu_lf
        done
        IFS=$wu_ifs
    done
    # Things of the kernel: disks made of files there, and mounts below it.
    set +f
    for wu_path in /sys/block/loop*/loop/backing_file; do
        wu_backing=
        { read -r wu_backing <"$wu_path"; } 2>/dev/null
        case $wu_backing in
            "$plain"/*)
                wu_path=${wu_path#/sys/block/}
                tell_kernel "/dev/${wu_path%%/*}, a device made of $wu_backing"
                ;;
        esac
    done
    set -f
    IFS=$wu_lf
    for wu_entry in $table; do
        IFS=$wu_ifs
        # shellcheck disable=SC2086
        set -- $wu_entry
        IFS=$wu_lf
        case ${5-} in
            "$place"/*) tell_kernel "$5 is mounted below it" ;;
        esac
    done
    IFS=$wu_ifs
}

# tell_file_holder PATH: PATH is like /proc/7/cwd or /proc/7/fd/3.
tell_file_holder() {
    held_count=$((held_count + 1))
    [ "$held_count" -le 24 ] || return 0
    wu_pid=${1#/proc/}
    wu_pid=${wu_pid%%/*}
    wu_target=$(readlink "$1")
    case $1 in
        */cwd) wu_target="working directory $wu_target" ;;
        */root) wu_target="root directory $wu_target" ;;
        */exe) wu_target="program $wu_target" ;;
        */fd/*)
            wu_flags=
            while read -r wu_name wu_value; do
                [ "$wu_name" = flags: ] && wu_flags=$wu_value
            done <"/proc/$wu_pid/fdinfo/${1##*/}" 2>/dev/null
            case $wu_flags in
                *[1256]) wu_target="$wu_target (open for writing)" ;;
                *) wu_target="$wu_target (open)" ;;
            esac
            ;;
    esac
    tell_process "$index" "$wu_pid" "$wu_target"
}
