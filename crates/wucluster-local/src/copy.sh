# Copies a disk into a directory ($3), and says last, in `sum`, that the copy is whole. Runs detached from
# whoever started it; its standard input is a lock that shows that it lives.
#
#   save DISK DIR                   keeps the disk's content as DIR/data.qcow2, holes left out; a disk that lies
#                                   in DIR itself is used up
#   restore KEPT DIR SUM BYTES      makes DIR/data.raw, of that size, of what was kept, if it is what was kept
#
# The checksum is that of the file that is kept, so what a disk does not hold costs nothing to check.
set -eu
verb=$1 source=$2 dir=$3
exec 2>"$dir/copy.err"
part=$dir/data.part
sum_of() { set -- "$(sha256sum <"$1")" && echo "${1%% *}"; }
case $verb in
    save)
        made=data.qcow2
        qemu-img convert -f raw -O qcow2 "file:$source" "file:$part"
        sum=$(sum_of "$part")
        ;;
    restore)
        made=data.raw sum=$4
        found=$(sum_of "$source")
        if [ "$found" != "$sum" ]; then
            echo "the content differs from what was stored: checksum $found instead of $sum" >&2
            exit 1
        fi
        case $source in *.qcow2) form=qcow2 ;; *) form=raw ;; esac
        qemu-img convert -f "$form" -O raw "file:$source" "file:$part"
        truncate -s "$5" "$part"
        ;;
esac
sync "$part"
echo "$sum" >"$dir/sum.part"
sync "$dir/sum.part"
mv "$part" "$dir/$made"
sync "$dir"
mv "$dir/sum.part" "$dir/sum"
sync "$dir"
case $source in "$dir"/*) rm -f "$source" ;; esac
