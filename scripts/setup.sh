#!/usr/bin/env bash
# Installs the Debian packages that machines on this host need, if any is missing, and says so.
# With `test`: also those that the tests need.
set -euo pipefail

# program:package
needs=(
    qemu-system-x86_64:qemu-system-x86
    qemu-img:qemu-utils
    mmdebstrap:mmdebstrap
    fakeroot:fakeroot
    mke2fs:e2fsprogs
    ssh:openssh-client
    ssh-keygen:openssh-client
    cc:gcc
)
[ "${1:-}" != test ] || needs+=(sshd:openssh-server mkfs.xfs:xfsprogs fuser:psmisc python3:python3 losetup:mount)
[ "$(id -u)" -eq 0 ] || needs+=(newuidmap:uidmap)

# find_missing: sets `missing` to the packages of the programs that are not here.
find_missing() {
    local need
    missing=()
    for need in "${needs[@]}"; do
        PATH="$PATH:/usr/sbin:/sbin" command -v "${need%%:*}" >/dev/null || missing+=("${need#*:}")
    done
    [ "${#missing[@]}" -eq 0 ] || mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
}
find_missing

if ! command -v cargo >/dev/null; then
    echo "cargo is missing: install Rust 1.95 or later (rustup is the usual way), then repeat." >&2
    exit 1
fi

[ "${#missing[@]}" -eq 0 ] && exit 0

echo "Installing Debian packages: ${missing[*]}"
if ! command -v apt-get >/dev/null; then
    echo "This is no Debian machine: install these by your own means, then repeat." >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Neither root nor sudo: ask an administrator to install them." >&2; exit 1; }
    as_root=(sudo)
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q "$@" >>"$log" 2>&1; }
# Nothing that is here is removed to make room: apt would do so unasked.
install() { apt install -y --no-install-recommends --no-remove "$@" "${missing[@]}"; }
give_up() {
    cat "$log" >&2
    echo "$1; nothing else was done." >&2
    exit 1
}
apt update || true
if ! install; then
    # qemu-utils of another release than the qemu-system of this one stand in each other's way.
    version=$(apt-cache policy qemu-system-x86 | awk '/Candidate:/ { print $2 }')
    echo "That failed; trying once more with qemu-utils of the same release, $version"
    install --allow-downgrades "qemu-utils=$version" || give_up "The packages could not be installed"
fi
find_missing
[ "${#missing[@]}" -eq 0 ] || give_up "They are installed, and still there is nothing of: ${missing[*]}"
