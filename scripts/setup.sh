#!/usr/bin/env bash
# Installs the Debian packages that machines on this host need, if any is missing, and says so.
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
[ "$(id -u)" -eq 0 ] || needs+=(newuidmap:uidmap)

missing=()
for need in "${needs[@]}"; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "${need%%:*}" >/dev/null || missing+=("${need#*:}")
done

if ! command -v cargo >/dev/null; then
    echo "cargo is missing: install Rust 1.95 or later (rustup is the usual way), then repeat." >&2
    exit 1
fi

[ "${#missing[@]}" -eq 0 ] && exit 0

mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
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
install() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q >>"$log" 2>&1 &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >>"$log" 2>&1
}
if ! install; then
    cat "$log" >&2
    echo "The packages could not be installed; nothing else was done." >&2
    exit 1
fi
