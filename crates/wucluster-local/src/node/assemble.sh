#!/bin/sh
# Makes the disk image ($2) and takes the kernel ($3) out of the tree, a directory or a tar file ($1).
# Runs under fakeroot when the host's user is not root: owners in the tree must stay what they are.
set -eu
source=$1 image=$2 kernel=$3 offset=$4 blocks=$5
if [ -f "$source" ]; then
    tree=$source.d
    mkdir "$tree"
    tar -x -f "$source" -C "$tree" --numeric-owner --exclude='./dev/*'
else
    tree=$source
    # The kernel makes the nodes of /dev itself (devtmpfs).
    rm -rf "$tree/dev"
    mkdir "$tree/dev"
fi
mv "$tree"/boot/vmlinuz-* "$kernel"
mke2fs -q -t ext4 -F -b 4096 -L wucluster-root -E "offset=$offset,lazy_itable_init=1,lazy_journal_init=1" \
    -d "$tree" "$image" "$blocks"
rm -rf "$tree"
