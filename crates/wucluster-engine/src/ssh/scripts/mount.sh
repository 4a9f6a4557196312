# mount: mounts the device with this serial number, whole, at one place, and proves it.
do_mount() {
    serial=$1 at=$2 at_escaped=$3 kind=$4 options=$5 owner=$6 mode=$7
    case $at in
        /?*) ;;
        *)
            refuse "the mount point is not absolute"
            return
            ;;
    esac
    case $at/ in
        *//* | */./* | */../* | *"$wu_lf"*)
            refuse "the mount point is not normalized"
            return
            ;;
    esac
    find_disk "$serial" || {
        refuse "$reason"
        return
    }
    load_table
    if in_table "$disk_nos"; then
        look_at_place "$at_escaped"
        if [ "$place_no" = "$disk_no" ] && [ "$place_root" = / ]; then
            own_place && say answer "$index" already
            return
        fi
        refuse "$disk_path is mounted, and not whole and uncovered at $at"
        return
    fi
    find_sure_disk "$serial" || {
        refuse "$reason"
        return
    }
    if [ -n "$disk_on_top" ]; then
        refuse "$disk_path has something on top: $disk_on_top"
        return
    fi
    open_exclusively "$disk_path"
    if ! is_free "$disk_path"; then
        refuse_in_use
        return
    fi
    look_for_signature "$disk_path"
    if [ "$signature_status" -ne 0 ] || [ "$signature_usage" != filesystem ] || [ "$signature_type" != "$kind" ]; then
        refuse "$disk_path was to hold $kind; found: ${signature_type:-nothing known} (blkid status $signature_status)"
        return
    fi
    prepare_place || return
    case $kind in
        ext2 | ext3 | ext4)
            said=$(e2fsck -p "$disk_path" 2>&1 9>&-)
            status=$?
            if [ "$status" -gt 1 ]; then
                refuse "e2fsck -p $disk_path ended with status $status, so a person must look: $said"
                return
            fi
            ;;
        # A volume and its copy carry one UUID, and xfs takes no two of them without this.
        xfs) options=${options:+$options,}nouuid ;;
    esac
    said=$(mount -t "$kind" -o "${options:-defaults}" -- "$disk_path" "$at" 2>&1 9>&-)
    status=$?
    if [ "$status" -ne 0 ]; then
        fail "$status" "${said:-mount ended with status $status}"
        return
    fi
    load_table
    look_at_place "$at_escaped"
    if [ "$place_no" != "$disk_no" ] || [ "$place_root" != / ]; then
        umount -- "$at"
        refuse "after mounting, the node's mount table does not show $disk_path at $at"
        return
    fi
    # Owner and mode belong to it: whoever looks later sees "mounted" and asks for nothing more.
    own_place || {
        umount -- "$at"
        return
    }
    say answer "$index" "done"
}

# look_at_place ESCAPED: sets place_no, place_root and place_kind of what is mounted there on top.
look_at_place() {
    place_no='' place_root='' place_kind=''
    case $table in *" $1 "*) ;; *) return ;; esac
    wu_place=$1
    wu_ifs=$IFS
    IFS=$wu_lf
    for wu_word in $table; do
        case $wu_word in *" $wu_place "*) ;; *) continue ;; esac
        IFS=$wu_ifs
        wu_kind=${wu_word#* - }
        # shellcheck disable=SC2086
        set -- $wu_word
        if [ "${5-}" = "$wu_place" ]; then
            place_no=$3 place_root=$4 place_kind=${wu_kind%% *}
        fi
        IFS=$wu_lf
    done
    IFS=$wu_ifs
}

# prepare_place: makes the mount point; fails, and answers, unless it is a free, empty directory.
prepare_place() {
    wu_rest=${at#/}/
    wu_path=
    while [ -n "$wu_rest" ]; do
        wu_path=$wu_path/${wu_rest%%/*}
        wu_rest=${wu_rest#*/}
        if [ -L "$wu_path" ]; then
            refuse "$wu_path is a symbolic link: name the place that it leads to"
            return 1
        fi
        if [ -e "$wu_path" ] && [ ! -d "$wu_path" ]; then
            refuse "$wu_path is not a directory"
            return 1
        fi
    done
    look_at_place "$at_escaped"
    if [ -n "$place_no" ]; then
        refuse "the mount point $at is taken by something else that is mounted there ($place_kind)"
        return 1
    fi
    said=$(mkdir -p -- "$at" 2>&1) || {
        fail 1 "the mount point cannot be made: $said"
        return 1
    }
    set +f
    for wu_path in "$at"/* "$at"/.[!.]* "$at"/..?*; do
        if [ -e "$wu_path" ] || [ -L "$wu_path" ]; then
            set -f
            refuse "the mount point $at is not empty, and mounting would hide what is in it: ${wu_path##*/}"
            return 1
        fi
    done
    set -f
    return 0
}

# own_place: sets owner and mode of the mounted directory; answers when that fails.
own_place() {
    if [ -n "$owner" ]; then
        said=$(chown -- "$owner" "$at" 2>&1) || {
            fail 1 "$said"
            return 1
        }
    fi
    if [ -n "$mode" ]; then
        said=$(chmod -- "$mode" "$at" 2>&1) || {
            fail 1 "$said"
            return 1
        }
    fi
    return 0
}
