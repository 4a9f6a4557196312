# Shared by every verb. The text is a constant: what is asked for arrives as words in WU_ARGS, each
# either `=plain` or `+base64`, and is never evaluated. Answers are lines of fields parted by tabs.
WU_SYS=/sys
WU_DEV=/dev
WU_LOCK=/run/wucluster.lock
WU_FENCE=/run/wucluster.fence
WU_FENCE_KEPT=1200
WU_RUN=/run/wucluster.run
WU_FROZEN=/run/wucluster.frozen
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
unset CDPATH ENV BASH_ENV GREP_OPTIONS
set -f
umask 022
cd / || exit 1
# Our answers go out through 3 alone, so that no tool's chatter can be taken for one.
exec 3>&1 >/dev/null </dev/null

wu_tab='	'
wu_lf='
'

# say FIELD...: one line of our answer, in one write.
say() {
    wu_line=$1
    shift
    for wu_word in "$@"; do
        wu_line="$wu_line$wu_tab$wu_word"
    done
    printf '%s\n' "$wu_line" >&3
}

# give_up TEXT: ends without the end marker; the other side takes it as no answer.
give_up() {
    encode "$1"
    say fail "$encoded"
    exit 0
}

# read_run: sets `wu_later` to the latest run for which this node was spoken to since its boot.
read_run() {
    wu_later=
    { read -r wu_later <"$WU_RUN"; } 2>/dev/null
    case $wu_later in '' | *[!0-9]*) wu_later=0 ;; esac
}

# is_late RUN: whether a later run has been here; then $wu_late tells. Nothing is late where no run is told.
is_late() {
    [ -n "$1" ] || return 1
    read_run
    [ "$wu_later" -gt "$1" ] && wu_late="a later run has been here: $wu_later, and this is $1"
}

# enter_run RUN: lets no earlier run do anything here any more; the lock is ours. Fails when a later one has been here.
enter_run() {
    [ -n "$1" ] || return 0
    is_late "$1" && return 1
    [ "$wu_later" -ne "$1" ] || return 0
    [ ! -L "$WU_RUN" ] && (echo "$1" >"$WU_RUN") || {
        wu_late="$WU_RUN cannot be written on the node"
        return 1
    }
    # What an earlier run left frozen goes on.
    set +f
    for wu_path in "$WU_FROZEN".vol*; do
        case $wu_path in
            *.over | *.watch) ;;
            *) go_on "$wu_path" ;;
        esac
    done
    set -f
}

# go_on FILE: thaws what a file in /run says to be frozen, if there is one.
go_on() {
    [ -f "$1" ] && [ ! -L "$1" ] || return 0
    wu_at=
    {
        read -r wu_word
        IFS= read -r wu_at
    } <"$1"
    [ -z "$wu_at" ] || fsfreeze -u "$wu_at" 2>&1
    rm -f "$1" "$1.over" "$1.watch"
}

# encode TEXT: sets `encoded` to its form as one field.
encode() {
    case $1 in
        *[![:print:]]*) encoded=+$(printf '%s' "$1" | base64 -w 0) ;;
        *) encoded="=$1" ;;
    esac
}

# decode WORD: sets `decoded`; a word that breaks the rules ends everything.
decode() {
    case $1 in
        =*)
            decoded=${1#=}
            case $decoded in *[!A-Za-z0-9._/:,@%+=-]*) give_up "the request is damaged" ;; esac
            ;;
        +*)
            encoded=${1#+}
            case $encoded in *[!A-Za-z0-9+/=]*) give_up "the request is damaged" ;; esac
            # A trailing dot shows that nothing was cut, and keeps trailing newlines.
            decoded=$(base64 -d <<WU_END
$encoded
WU_END
            ) || give_up "the request is damaged, or base64 is missing on the node"
            case $decoded in *.) decoded=${decoded%.} ;; *) give_up "the request is damaged" ;; esac
            ;;
        *) give_up "the request is damaged" ;;
    esac
}

# check_number TEXT: anything but 1 to 9 digits ends everything.
check_number() {
    case $1 in '' | *[!0-9]* | ??????????*) give_up "the request is damaged" ;; esac
}

# check_time TEXT: ends on anything but milliseconds since the epoch.
check_time() {
    case $1 in '' | *[!0-9]* | ????????????????*) give_up "the request is damaged" ;; esac
}

# load_table: reads the mount table of the first process, which is the node's own.
load_table() {
    table=$(cat /proc/1/mountinfo)
    [ -n "$table" ] || give_up "the node's mount table cannot be read"
    table="$wu_lf$table$wu_lf"
}

# in_table NUMBERS: whether any of the devices is mounted.
in_table() {
    for wu_no in $1; do
        case $table in *" $wu_no "*) return 0 ;; esac
    done
    return 1
}

# load_disk DIRECTORY: sets disk_*; fails unless it is a whole disk with a serial number, its own or told by the cloud.
load_disk() {
    disk_name=${1##*/}
    disk_serial='' disk_no='' disk_sectors=0 disk_hidden=0 disk_on_top='' disk_nos='' disk_doubt='' disk_unsure=''
    # An answer without a newline makes `read` fail after it has set the variable.
    { read -r disk_serial <"$1/device/serial" || read -r disk_serial <"$1/serial"; } 2>/dev/null
    case $disk_serial in *[!A-Za-z0-9._-]*) return 1 ;; esac
    { read -r disk_hidden <"$1/hidden"; } 2>/dev/null
    { read -r disk_no <"$1/dev"; read -r disk_sectors <"$1/size"; } 2>/dev/null
    case $disk_hidden:$disk_no in 0:*[!0-9:]* | 0: | [!0]*) return 1 ;; esac
    case $disk_sectors in '' | *[!0-9]*) disk_sectors=0 ;; esac
    [ -n "$disk_serial" ] || name_disk "$1" || return 1
    disk_path=$WU_DEV/$disk_name
    disk_nos=$disk_no
    set +f
    for wu_part in "$1/$disk_name"*; do
        [ -e "$wu_part/partition" ] || continue
        disk_on_top="$disk_on_top ${wu_part##*/}"
        wu_no=
        { read -r wu_no <"$wu_part/dev"; } 2>/dev/null
        case $wu_no in '' | *[!0-9:]*) ;; *) disk_nos="$disk_nos $wu_no" ;; esac
        for wu_holder in "$wu_part"/holders/*; do
            [ -e "$wu_holder" ] && disk_on_top="$disk_on_top ${wu_holder##*/}"
        done
    done
    for wu_holder in "$1"/holders/*; do
        [ -e "$wu_holder" ] && disk_on_top="$disk_on_top ${wu_holder##*/}"
    done
    set -f
    disk_on_top=${disk_on_top# }
    return 0
}

# disk_directories: sets `directories` to the places in /sys where disks are told of.
disk_directories() {
    set +f
    directories=
    for wu_dir in "$WU_SYS"/block/nvme* "$WU_SYS"/block/xvd* "$WU_SYS"/block/vd* "$WU_SYS"/block/sd*; do
        [ -e "$wu_dir/dev" ] && directories="$directories $wu_dir"
    done
    set -f
}

# find_disk SERIAL: sets disk_*; else fails and sets `reason`.
find_disk() {
    disk_directories
    wu_found=
    for wu_dir in $directories; do
        load_disk "$wu_dir" || continue
        [ "$disk_serial" = "$1" ] || continue
        if [ -n "$wu_found" ]; then
            reason="two devices have the serial number $1: $wu_found and $disk_name"
            return 1
        fi
        wu_found=$disk_name
    done
    if [ -z "$wu_found" ]; then
        reason="no device has the serial number $1"
        return 1
    fi
    if ! load_disk "$WU_SYS/block/$wu_found" || [ "$disk_serial" != "$1" ]; then
        reason="the device with the serial number $1 went away"
        return 1
    fi
    if [ -n "$disk_doubt" ]; then
        reason="whether $disk_path is $1 cannot be told: $disk_doubt"
        return 1
    fi
    # The path must lead to this very device.
    wu_numbers=$(stat -L -c '%t %T' -- "$disk_path") || {
        reason="$disk_path cannot be looked at"
        return 1
    }
    wu_major=0x${wu_numbers% *} wu_minor=0x${wu_numbers#* }
    if [ ! -b "$disk_path" ] || [ "$(($wu_major)):$(($wu_minor))" != "$disk_no" ]; then
        reason="$disk_path is not the device $disk_no that has the serial number $1"
        return 1
    fi
}

# find_sure_disk SERIAL: as find_disk, for a disk that is to be written to.
find_sure_disk() {
    find_disk "$1" || return 1
    [ -n "$disk_unsure" ] || return 0
    reason="whether $disk_path is $1 cannot be told: $disk_unsure"
    return 1
}

# open_exclusively PATH...: sets `opened` to `;free PATH;busy PATH;` and so on. What is missing in
# it could not be told. The kernel refuses an exclusive open of whatever is mounted in any name
# space, is swapped to, or is part of something else.
open_exclusively() {
    opened=
    [ $# -gt 0 ] || return 0
    if command -v perl; then
        opened=$(perl -MFcntl -e 'for (@ARGV) {
            if (sysopen(my $f, $_, O_RDONLY | O_EXCL)) { print ";free $_" }
            elsif ($! == 16) { print ";busy $_" }
        }' -- "$@")
    else
        for wu_python in python3 /usr/libexec/platform-python; do
            command -v "$wu_python" || continue
            opened=$("$wu_python" -I -S -c 'import os, sys
for path in sys.argv[1:]:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_EXCL))
        sys.stdout.write(";free " + path)
    except OSError as error:
        if error.errno == 16:
            sys.stdout.write(";busy " + path)' "$@")
            break
        done
    fi
    case $opened in
        '')
            # A rehearsed mke2fs opens exclusively and writes nothing.
            for wu_path in "$@"; do
                if wu_said=$(mke2fs -n -q -t ext4 "$wu_path" 2>&1); then
                    opened="$opened;free $wu_path"
                else
                    case $wu_said in
                        *"in use by the system"* | *"is mounted;"*) opened="$opened;busy $wu_path" ;;
                    esac
                fi
            done
            ;;
    esac
    opened="$opened;"
}

# is_free PATH, is_busy PATH: what the last open_exclusively said.
is_free() {
    case $opened in *";free $1;"*) return 0 ;; esac
    return 1
}
is_busy() {
    case $opened in *";busy $1;"*) return 0 ;; esac
    return 1
}

# look_for_signature PATH: sets signature_*; 0 found, 2 nothing found, 8 several, else: failed.
look_for_signature() {
    signature_type='' signature_usage='' signature_uuid='' signature_table=''
    wu_said=$(blkid -p -o export -s TYPE -s USAGE -s UUID -s PTTYPE -- "$1")
    signature_status=$?
    wu_ifs=$IFS
    IFS=$wu_lf
    for wu_word in $wu_said; do
        case $wu_word in
            TYPE=*) signature_type=${wu_word#TYPE=} ;;
            USAGE=*) signature_usage=${wu_word#USAGE=} ;;
            UUID=*) signature_uuid=${wu_word#UUID=} ;;
            PTTYPE=*) signature_table=${wu_word#PTTYPE=} ;;
        esac
    done
    IFS=$wu_ifs
    return "$signature_status"
}

# examine PATH SECTORS: sets `contents` to blank, filesystem, other or unreadable, and `reason`.
# Only when every single look succeeds and finds nothing is it blank.
examine() {
    contents=unreadable
    look_for_signature "$1"
    case $signature_status in
        0)
            if [ "$signature_usage" = filesystem ] && [ -n "$signature_type" ] && [ -z "$signature_table" ]; then
                contents=filesystem
                reason="a file system, $signature_type $signature_uuid"
                return
            fi
            contents=other
            reason=${signature_type:+"$signature_type ${signature_usage:+"($signature_usage) "}"}
            reason="$reason${signature_table:+"a partition table ($signature_table)"}"
            reason=${reason:-a signature without a name}
            return
            ;;
        2) ;;
        8)
            contents=other
            reason="several signatures at once"
            return
            ;;
        127)
            reason="blkid is missing on the node"
            return
            ;;
        *)
            reason="blkid failed with status $signature_status"
            return
            ;;
    esac
    wu_said=$(wipefs -n -p -- "$1" 2>&1)
    wu_status=$?
    if [ "$wu_status" -ne 0 ]; then
        reason="wipefs failed with status $wu_status"
        return
    fi
    wu_ifs=$IFS
    IFS=$wu_lf
    for wu_word in $wu_said; do
        case $wu_word in
            '#'* | '') ;;
            *)
                IFS=$wu_ifs
                contents=other
                reason="a signature: $wu_word"
                return
                ;;
        esac
    done
    IFS=$wu_ifs
    # Both tools say "nothing" of what they cannot read, so it must be shown that reading works.
    if [ "$2" -lt 4096 ]; then
        reason="its size, $2 sectors, is too small to be true"
        return
    fi
    for wu_place in "skip=0 count=1" "skip=$(($2 / 2048 - 1)) count=2"; do
        # shellcheck disable=SC2086
        wu_said=$(dd "if=$1" of=/dev/null bs=1048576 iflag=direct,fullblock $wu_place 2>&1) || {
            reason="reading it failed: $wu_said"
            return
        }
        case $wu_said in
            "1+0 records in"* | "1+1 records in"*) ;;
            *)
                reason="reading it gave too little: $wu_said"
                return
                ;;
        esac
    done
    contents=blank
    reason="nothing was found on it"
}

# unescape TEXT: sets `plain`; the kernel writes blanks and backslashes as three octal digits.
unescape() {
    plain=$1
    case $1 in *\\*) ;; *) return ;; esac
    wu_rest=$1
    wu_done=
    while :; do
        case $wu_rest in *\\*) ;; *) break ;; esac
        wu_done="$wu_done${wu_rest%%\\*}\\0"
        wu_rest=${wu_rest#*\\}
    done
    plain=$(printf '%b.' "$wu_done$wu_rest")
    plain=${plain%.}
}

# measure_mounted NUMBER PATH: sets `room` to the size in bytes of the file system that is mounted whole from that device,
# by its own superblock, and `room_kind` and `room_place` to its type and one place, escaped, where it is. Where nothing of
# it can be told, `room` is empty.
measure_mounted() {
    room='' room_kind='' room_place=''
    wu_ifs=$IFS
    IFS=$wu_lf
    for wu_word in $table; do
        case $wu_word in *" $1 / /"*) ;; *) continue ;; esac
        IFS=$wu_ifs
        wu_kind=${wu_word#* - }
        wu_path=$2
        # shellcheck disable=SC2086
        set -- $wu_word
        room_kind=${wu_kind%% *} room_place=${5-}
        set -- "${3-}" "$wu_path"
        break
    done
    IFS=$wu_ifs
    wu_blocks='' wu_block=''
    case $room_kind in
        ext2 | ext3 | ext4)
            # The kernel keeps the superblock of ext in the page cache of the device, so it is read as it is by now.
            wu_said=$(timeout 5 dumpe2fs -h "$2" 2>/dev/null) || return 0
            wu_blocks=${wu_said#*Block count:} wu_block=${wu_said#*Block size:}
            ;;
        xfs)
            # That of xfs is not, so the kernel is asked.
            unescape "$room_place"
            wu_said=$(timeout 5 xfs_growfs -n "$plain" 2>/dev/null) || return 0
            wu_said=${wu_said#*"${wu_lf}data "}
            wu_blocks=${wu_said#*blocks=} wu_block=${wu_said#*bsize=}
            ;;
        *) return 0 ;;
    esac
    wu_blocks=${wu_blocks%%"$wu_lf"*} wu_block=${wu_block%%"$wu_lf"*}
    # shellcheck disable=SC2086
    set -- ${wu_blocks%%,*}
    wu_blocks=${1-}
    # shellcheck disable=SC2086
    set -- $wu_block
    wu_block=${1-}
    case $wu_blocks in '' | *[!0-9]*) return 0 ;; esac
    case $wu_block in '' | *[!0-9]*) return 0 ;; esac
    room=$((wu_blocks * wu_block))
}

# tell_process KEY PID WHAT: one line about a process that holds something.
tell_process() {
    wu_user=$(stat -c %U "/proc/$2" 2>/dev/null)
    wu_command=$(head -c 300 "/proc/$2/cmdline" 2>/dev/null | base64 -w 0)
    encode "$3"
    wu_what=$encoded
    encode "${wu_user:-?}"
    say holder "$1" "$2" "$encoded" "$wu_what" "+$wu_command"
}

# tell_other_spaces KEY NUMBERS: names processes in whose mount tables the devices are.
tell_other_spaces() {
    wu_key=$1
    # shellcheck disable=SC2086
    set -- $2
    for wu_no in "$@"; do
        shift
        set -- "$@" -e " $wu_no "
    done
    set +f
    wu_said=$(timeout 5 grep -sHF -m 1 "$@" /proc/[0-9]*/mountinfo)
    set -f
    wu_ifs=$IFS
    IFS=$wu_lf
    wu_count=0
    for wu_word in $wu_said; do
        IFS=$wu_ifs
        wu_count=$((wu_count + 1))
        [ "$wu_count" -le 8 ] || break
        wu_pid=${wu_word#/proc/}
        wu_pid=${wu_pid%%/*}
        # shellcheck disable=SC2086
        set -- ${wu_word#*:}
        tell_process "$wu_key" "$wu_pid" "a mount of another name space at ${5-?}"
        IFS=$wu_lf
    done
    IFS=$wu_ifs
}

# add_environment NAME WORD: keeps a variable for the hooks.
wu_env_count=0
add_environment() {
    case $1 in '' | [0-9]* | wu_* | *[!A-Za-z0-9_]*) give_up "the request is damaged" ;; esac
    decode "$2"
    wu_env_count=$((wu_env_count + 1))
    eval "wu_env_name_$wu_env_count=\$1 wu_env_value_$wu_env_count=\$decoded"
}

# run_hook SECONDS COMMAND: sets hook_status, and hook_output in base64. The user's command is the
# one thing that is meant to be run as a shell command. What it leaves running in the background
# cannot hold us up.
run_hook() {
    wu_seconds=$1
    wu_command=$2
    wu_said=$(
        {
            {
                wu_index=0
                while [ "$wu_index" -lt "$wu_env_count" ]; do
                    wu_index=$((wu_index + 1))
                    eval "export \"\$wu_env_name_$wu_index=\$wu_env_value_$wu_index\""
                done
                [ "${LC_ALL-}" = C ] && unset LC_ALL
                timeout -k 5 "$wu_seconds" /bin/sh -c "$wu_command" 2>&1 3>&- 4>&- 9>&-
                printf '%s:' "$?" >&4
            } | timeout "$((wu_seconds + 8))" tail -c 500 | base64 -w 0
        } 4>&1
    )
    case $wu_said in
        [0-9]*:*)
            hook_status=${wu_said%%:*}
            hook_output=${wu_said#*:}
            ;;
        *)
            hook_status=126
            hook_output=
            ;;
    esac
}
