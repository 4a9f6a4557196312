# Disks without serial numbers, as Xen machines show them: found by the names that the cloud tells, and their sizes.
WU_XEN=xvd

# What the cloud says of the names of disks: `;NAME SERIAL SECTORS;` and so on.
names=';'

# add_name SERIAL NAME SECTORS
add_name() {
    decode "$1"
    wu_word=$decoded
    decode "$2"
    check_time "$3"
    case $wu_word:$decoded in *[!A-Za-z0-9._:-]*) give_up "the request is damaged" ;; esac
    names="$names$decoded $wu_word $3;"
}

# name_disk DIRECTORY: gives a disk of a Xen machine, which shows no serial number, the one that the cloud tells for its
# name; fails where it tells none. What does not fit makes `disk_doubt`, with which nothing is done to it, or `disk_unsure`,
# with which nothing is written to it.
name_disk() {
    case $names in *";$disk_name "*) ;; *) return 1 ;; esac
    case $disk_name in
        # The system's.
        "$WU_XEN"a) return 1 ;;
        "$WU_XEN"[a-z] | "$WU_XEN"[a-z][a-z]) ;;
        *) return 1 ;;
    esac
    # Disks of other kinds have such a file, even where it is empty.
    [ ! -e "$1/serial" ] && [ ! -e "$1/device/serial" ] || return 1
    wu_told=${names#*";$disk_name "}
    wu_told=${wu_told%%;*}
    disk_serial=${wu_told% *}
    wu_sectors=${wu_told#* }
    # Some kernels give names four letters further on; their system's disk is xvde.
    if [ ! -e "$WU_SYS/block/${WU_XEN}a/dev" ]; then
        disk_doubt="this kernel names disks in another way than the cloud: there is no ${WU_XEN}a"
    elif [ "$disk_sectors" -gt "$wu_sectors" ]; then
        disk_doubt="it has $disk_sectors sectors, and the volume of that name $wu_sectors"
    elif [ "$disk_sectors" -lt "$wu_sectors" ]; then
        disk_unsure="it has $disk_sectors sectors, and the volume of that name $wu_sectors"
    fi
    set +f
    for wu_other in "$WU_SYS/block/$WU_XEN"*; do
        wu_name=${wu_other##*/}
        [ "$wu_name" != "$disk_name" ] && [ "$wu_name" != "${WU_XEN}a" ] || continue
        case $names in *";$wu_name "*) continue ;; esac
        wu_size=
        { read -r wu_size <"$wu_other/size"; } 2>/dev/null
        [ "$wu_size" = "$wu_sectors" ] || continue
        disk_unsure="$wu_name is as large, and the cloud tells of no volume of that name: which is which cannot be told"
    done
    set -f
    return 0
}
