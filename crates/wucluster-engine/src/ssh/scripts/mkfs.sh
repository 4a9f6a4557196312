# mkfs: makes a file system on a device that is proved once more to be blank.
do_mkfs() {
    serial=$1 kind=$2 uuid=$3
    case $kind in
        ext4 | xfs) ;;
        *)
            refuse "$kind is not a file system that is made here"
            return
            ;;
    esac
    case $uuid in
        *[!0-9a-f-]* | '')
            refuse "the UUID is malformed"
            return
            ;;
    esac
    find_sure_disk "$serial" || {
        refuse "$reason"
        return
    }
    look_for_signature "$disk_path"
    if [ "$signature_status:$signature_usage:$signature_type:$signature_uuid:$signature_table" = "0:filesystem:$kind:$uuid:" ]; then
        say answer "$index" already
        return
    fi
    load_table
    if in_table "$disk_nos"; then
        refuse "$disk_path is mounted"
        return
    fi
    if [ -n "$disk_on_top" ]; then
        not_blank "$disk_path is not blank: $disk_on_top on it"
        return
    fi
    open_exclusively "$disk_path"
    if ! is_free "$disk_path"; then
        refuse_in_use
        return
    fi
    examine "$disk_path" "$disk_sectors"
    if [ "$contents" != blank ]; then
        not_blank "$disk_path is not proved blank: $reason"
        return
    fi
    # Names of devices may change hands: the same name must still belong to the same serial number.
    find_sure_disk "$serial" || {
        refuse "$reason"
        return
    }
    # mkfs.ext4 overwrites silently when nobody sits at a terminal, hence all of the above.
    # mkfs.xfs refuses by itself, as it is not told otherwise.
    case $kind in
        ext4) said=$(mkfs.ext4 -q -U "$uuid" -E lazy_itable_init=1,lazy_journal_init=1,nodiscard "$disk_path" 2>&1 9>&-) ;;
        xfs) said=$(mkfs.xfs -q -K -m "uuid=$uuid" "$disk_path" 2>&1 9>&-) ;;
    esac
    status=$?
    if [ "$status" -ne 0 ]; then
        fail "$status" "mkfs.$kind $disk_path: ${said:-status $status}"
        return
    fi
    blockdev --flushbufs "$disk_path"
    look_for_signature "$disk_path"
    if [ "$signature_status:$signature_type:$signature_uuid" != "0:$kind:$uuid" ]; then
        fail 1 "mkfs.$kind $disk_path said nothing, and yet no such file system is found there"
        return
    fi
    say answer "$index" "done"
}
