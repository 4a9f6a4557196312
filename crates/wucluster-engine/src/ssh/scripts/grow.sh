# grow: grows the file system that is mounted whole at one place to the size of its device, while it is in use.
do_grow() {
    serial=$1 at=$2 at_escaped=$3 sectors_wanted=$4
    # The kernel shows a larger device a moment after its cloud does.
    wu_tries=0
    while :; do
        find_disk "$serial" || {
            refuse "$reason"
            return
        }
        [ "$disk_sectors" -lt "$sectors_wanted" ] || break
        wu_tries=$((wu_tries + 1))
        if [ "$wu_tries" -gt 10 ]; then
            fail 1 "the kernel shows $disk_path with $((disk_sectors / 2097152)) GiB, and not with its new size yet"
            return
        fi
        # A disk of SCSI is asked anew for its size; others tell by themselves.
        [ ! -w "$WU_SYS/block/$disk_name/device/rescan" ] || echo 1 >"$WU_SYS/block/$disk_name/device/rescan"
        sleep 1
    done
    load_table
    look_at_place "$at_escaped"
    if [ "$place_no" != "$disk_no" ] || [ "$place_root" != / ]; then
        refuse "$disk_path is not mounted whole at $at"
        return
    fi
    measure_mounted "$disk_no" "$disk_path"
    before=$room
    case $place_kind in
        ext2 | ext3 | ext4) said=$(resize2fs "$disk_path" 2>&1 9>&-) ;;
        xfs) said=$(xfs_growfs -d "$at" 2>&1 9>&-) ;;
        *)
            refuse "$place_kind is not a file system that is grown here"
            return
            ;;
    esac
    status=$?
    if [ "$status" -ne 0 ]; then
        fail "$status" "growing $place_kind on $disk_path: ${said:-status $status}"
        return
    fi
    measure_mounted "$disk_no" "$disk_path"
    if [ -n "$before" ] && [ "$before" = "$room" ]; then
        say answer "$index" already
        return
    fi
    say answer "$index" "done"
}
