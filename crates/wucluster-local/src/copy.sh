# Copies a disk ($1) into a directory ($2) as `data.raw`, and says last, in `sum`, that it is whole.
# Without a disk: finishes what a machine has written to `data.part` there.
# Checks against a checksum ($3, may be empty), gives it its size ($4). Runs detached from whoever
# started it; its standard input is a lock that shows that it lives.
set -eu
source=$1 dir=$2 expected=$3 bytes=$4
exec 2>"$dir/copy.err"
[ -z "$source" ] || cp --reflink=auto --sparse=always -- "$source" "$dir/data.part"
sum=$(sha256sum <"$dir/data.part")
sum=${sum%% *}
if [ -n "$expected" ] && [ "$sum" != "$expected" ]; then
    echo "the content differs from what was stored: checksum $sum instead of $expected" >&2
    exit 1
fi
truncate -s "$bytes" "$dir/data.part"
sync "$dir/data.part"
echo "$sum" >"$dir/sum.part"
sync "$dir/sum.part"
mv "$dir/data.part" "$dir/data.raw"
sync "$dir"
mv "$dir/sum.part" "$dir/sum"
sync "$dir"
