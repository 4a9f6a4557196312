#!/usr/bin/env bash
# Installs the Debian packages that machines on this host need, if any is missing, and says so.
# With `test`: also those that the tests need, and moto, a server that speaks S3 and EC2, below target/.
# With `bench`: also those that time the program.
# With `deb`: only those that the Debian package of wucluster is built and looked at with.
set -euo pipefail
cd "$(dirname "$0")/.."

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
purpose=${1:-}
[ "$purpose" != test ] || needs+=(sshd:openssh-server mkfs.xfs:xfsprogs fuser:psmisc python3:python3 losetup:mount chromium:chromium)
[ "$(id -u)" -eq 0 ] || needs+=(newuidmap:uidmap)
[ "$purpose" != bench ] || needs+=(hyperfine:hyperfine time:time script:bsdutils)
[ "$purpose" != deb ] || needs=(cc:gcc dpkg-shlibdeps:dpkg-dev xz:xz-utils man:man-db)

# find_missing: sets `missing` to the packages of the programs that are not here.
find_missing() {
    local need
    missing=()
    for need in "${needs[@]}"; do
        PATH="$PATH:/usr/sbin:/sbin" type -P "${need%%:*}" >/dev/null || missing+=("${need#*:}")
    done
    # Debian has what makes a virtual environment in a package of its own.
    [ "$purpose" != test ] || python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    [ "${#missing[@]}" -eq 0 ] || mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
}
find_missing

if ! command -v cargo >/dev/null; then
    echo "cargo is missing: install Rust 1.95 or later (rustup is the usual way), then repeat." >&2
    exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
give_up() {
    cat "$log" >&2
    echo "$1." >&2
    exit 1
}

install_packages() {
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
    apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q "$@" >>"$log" 2>&1; }
    # Nothing that is here is removed to make room: apt would do so unasked.
    install() { apt install -y --no-install-recommends --no-remove "$@" "${missing[@]}"; }
    apt update || true
    if ! install; then
        # qemu-utils of another release than the qemu-system of this one stand in each other's way.
        version=$(apt-cache policy qemu-system-x86 | awk '/Candidate:/ { print $2 }')
        echo "That failed; trying once more with qemu-utils of the same release, $version"
        install --allow-downgrades "qemu-utils=$version" || give_up "The packages could not be installed; nothing else was done"
    fi
    find_missing
    [ "${#missing[@]}" -eq 0 ] || give_up "They are installed, and still there is nothing of: ${missing[*]}; nothing else was done"
}

# install_moto: into a virtual environment of its own, which nothing but the tests use.
install_moto() {
    local target=${CARGO_TARGET_DIR:-target} wanted=crates/wucluster-store/tests/moto/requirements.txt venv
    venv=$target/moto-venv
    cmp -s "$wanted" "$venv/installed.txt" && "$venv/bin/python3" -c '' 2>/dev/null && return
    echo "Installing Python packages for the tests of buckets and of EC2 into $venv: $(grep -c == "$wanted"), for $(grep ^moto== "$wanted")"
    mkdir -p "$target"
    rm -rf "$venv"
    python3 -m venv "$venv" >>"$log" 2>&1 || give_up "No virtual environment could be made"
    "$venv/bin/python3" -m pip install --quiet --requirement "$wanted" >>"$log" 2>&1 ||
        give_up "The Python packages could not be installed"
    # Last: what is cut short is begun anew.
    cp "$wanted" "$venv/installed.txt"
}

if [ "${#missing[@]}" -gt 0 ]; then
    install_packages
elif [ -z "$purpose" ]; then
    echo "Nothing is missing."
fi
[ "$purpose" != test ] || install_moto
