#!/bin/sh
# Turns a fresh Debian tree ($1) into a wucluster node. Runs on the host, as mmdebstrap's customize hook.
#
# A node must answer ssh as early as possible, also without hardware virtualisation, where every
# process costs: so sshd comes first, the network is four `ip` commands, and device management,
# journal and the rest follow. Generators and units that a node never needs are masked.
set -eu
root=$1
units=$root/etc/systemd/system

# --- packages taken apart rather than installed --------------------------------------------------
# The kernel is booted by QEMU from outside: no initramfs tools, no boot loader, and apt inside the
# node can never replace modules that belong to the kernel outside. xfsprogs would bring python3 and
# ICU for xfs_scrub alone.
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
parts=$root/tmp/wucluster-parts
mkdir -p "$parts"
depends() { apt-cache depends "$1" | sed -n 's/^ *Depends: \([a-z0-9][a-z0-9+.-]*\)$/\1/p'; }
kernel=$(depends linux-image-cloud-amd64 | grep '^linux-image-[0-9]' | head -n 1)
[ -n "$kernel" ] || { echo "E: no kernel behind linux-image-cloud-amd64 in these sources" >&2; exit 1; }
wanted="$kernel xfsprogs"
for package in $(depends xfsprogs | grep -v -e '^python3' -e '^libicu'); do
    [ -e "$root/var/lib/dpkg/info/$package.list" ] || [ -e "$root/var/lib/dpkg/info/$package:amd64.list" ] || wanted="$wanted $package"
done
(cd "$parts" && apt-get -qq -o APT::Sandbox::User=root download $wanted)
for deb in "$parts"/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --keep-directory-symlink \
        --exclude='./usr/share/man' --exclude='./usr/share/doc' --exclude='./usr/share/locale' \
        --exclude='./boot/System.map-*' --exclude='./usr/sbin/xfs_scrub*' --exclude='./lib/systemd/system/xfs_scrub*' \
        --exclude='*/kernel/drivers/gpu' --exclude='*/kernel/drivers/infiniband' --exclude='*/kernel/sound'
done
rm -rf "$parts"
version=${kernel#linux-image-}
for option in EXT4_FS BLK_DEV_NVME SERIAL_8250 KEYBOARD_ATKBD; do
    grep -q "^CONFIG_$option=y" "$root/boot/config-$version" ||
        { echo "E: $kernel lacks a built-in $option; the node could not boot without an initramfs" >&2; exit 1; }
done
rm -f "$root/boot/config-$version"
ldconfig -r "$root"
chroot "$root" depmod "$version"
chroot "$root" mkfs.xfs -V >/dev/null

# --- what systemd must not do --------------------------------------------------------------------
mask() { for unit in "$@"; do ln -sf /dev/null "$units/$unit"; done; }
mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer systemd-tmpfiles-clean.timer dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount \
    sys-kernel-tracing.mount sys-fs-fuse-connections.mount sys-kernel-config.mount \
    proc-sys-fs-binfmt_misc.automount systemd-binfmt.service systemd-pstore.service systemd-repart.service \
    systemd-firstboot.service systemd-pcrphase.service systemd-pcrphase-sysinit.service \
    systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-logind.service getty.target \
    systemd-ask-password-console.path systemd-ask-password-wall.path systemd-initctl.socket \
    systemd-journald-audit.socket remote-fs.target remote-cryptsetup.target cryptsetup.target \
    integritysetup.target veritysetup.target systemd-machine-id-commit.service systemd-journal-flush.service \
    systemd-sysusers.service systemd-network-generator.service systemd-hwdb-update.service rsync.service \
    modprobe@.service kmod-static-nodes.service systemd-random-seed.service systemd-modules-load.service \
    systemd-tmpfiles-setup-dev.service
mkdir -p "$root/etc/systemd/system-generators"
for generator in "$root"/usr/lib/systemd/system-generators/* "$root"/lib/systemd/system-generators/*; do
    [ -e "$generator" ] && ln -sf /dev/null "$root/etc/systemd/system-generators/${generator##*/}"
done
rm -rf "$root"/usr/lib/udev/hwdb.d "$root/etc/udev/hwdb.bin"
mkdir -p "$root/etc/udev/rules.d"
for rule in "$root"/usr/lib/udev/rules.d/* "$root"/lib/udev/rules.d/*; do
    [ -e "$rule" ] || continue
    case ${rule##*/} in
        50-udev-default.rules | 60-block.rules | 60-persistent-storage.rules | 99-systemd.rules) ;;
        *) ln -sf /dev/null "$root/etc/udev/rules.d/${rule##*/}" ;;
    esac
done

# --- what it does instead ------------------------------------------------------------------------
ln -sf /lib/systemd/system/multi-user.target "$units/default.target"
# QEMU presses ctrl-alt-del to ask for a clean end; a node has no other use for it.
ln -sf /lib/systemd/system/poweroff.target "$units/ctrl-alt-del.target"
mkdir -p "$root/usr/lib/wucluster" "$units/sysinit.target.wants" "$units/multi-user.target.wants"

cat >"$root/usr/lib/wucluster/identity" <<'END'
#!/bin/sh
# Network, names, host key and authorized keys, from the credentials that the host passed in.
echo "wucluster: the system has begun" >/dev/ttyS0
c=/run/credentials/@system
modprobe -a virtio_pci virtio_net
address=$(cat $c/wucluster.address)
[ -d /proc/sys/net/ipv6/conf/eth1 ] && echo 1 >/proc/sys/net/ipv6/conf/eth1/disable_ipv6
ip -batch - <<E
link set lo up
addr add 10.0.2.15/24 dev eth0
link set eth0 up
route add default via 10.0.2.2
addr add $address dev eth1
link set eth1 up
E
{ printf '127.0.0.1 localhost\n::1 localhost\n'; cat $c/wucluster.hosts; } >/etc/hosts
mkdir -p -m 700 /root/.ssh
cp $c/wucluster.authorized-keys /root/.ssh/authorized_keys
umask 077
cp $c/wucluster.host-key /etc/ssh/ssh_host_ed25519_key
END
cat >"$units/wucluster-identity.service" <<'END'
[Unit]
Description=Identity of this wucluster node
DefaultDependencies=no
Before=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
StandardOutput=null
ExecStart=/usr/lib/wucluster/identity
END

cat >"$root/usr/lib/wucluster/names" <<'END'
#!/bin/bash
# Keeps /etc/hosts at what the host says about the cluster: one line per node, for as long as it runs.
exec </dev/tcp/10.0.2.4/77 || exit 1
while read -r address name _; do
    [[ $address =~ ^[0-9.]+$ && $name =~ ^[a-z0-9-]+$ ]] || continue
    grep -qx "$address $name" /etc/hosts || echo "$address $name" >>/etc/hosts
done
exit 1
END
cat >"$units/wucluster-names.service" <<'END'
[Unit]
Description=Names of the other nodes
After=network.target ssh.service
[Service]
ExecStart=/usr/lib/wucluster/names
Restart=always
RestartSec=5
[Install]
WantedBy=multi-user.target
END
chmod 755 "$root/usr/lib/wucluster/identity" "$root/usr/lib/wucluster/names"
ln -sf ../wucluster-names.service "$units/multi-user.target.wants/wucluster-names.service"

cat >"$units/ssh.service" <<'END'
[Unit]
Description=OpenBSD Secure Shell server
DefaultDependencies=no
Requires=wucluster-identity.service
After=wucluster-identity.service
Conflicts=shutdown.target
Before=shutdown.target sysinit.target
[Service]
ExecStart=/usr/sbin/sshd -D
# The host reads this line on the console, and need not knock at the port to find out.
ExecStartPost=/bin/sh -c 'echo "wucluster: ssh is up" >/dev/ttyS0'
Slice=wucluster.slice
KillMode=process
Restart=on-failure
Type=notify
StandardOutput=null
StandardError=null
RuntimeDirectory=sshd
RuntimeDirectoryMode=0755
[Install]
WantedBy=sysinit.target
END
# What is asked for by ssh goes before what the system does beside it, as long as it boots and after: a
# slice of its own, as the first process and its helpers would else get the same share.
cat >"$units/wucluster.slice" <<'END'
[Unit]
Description=What is asked for by ssh
DefaultDependencies=no
Before=slices.target
[Slice]
CPUWeight=10000
END
rm -f "$units/multi-user.target.wants/ssh.service"
ln -sf ../ssh.service "$units/sysinit.target.wants/ssh.service"
for unit in systemd-udevd systemd-udev-trigger systemd-journald systemd-tmpfiles-setup systemd-sysctl; do
    mkdir -p "$units/$unit.service.d"
    printf '[Unit]\nAfter=ssh.service\n' >"$units/$unit.service.d/after-ssh.conf"
done
mkdir -p "$units/systemd-udev-trigger.service.d" "$root/etc/systemd/journald.conf.d" "$root/etc/systemd/system.conf.d" "$root/etc/ssh/sshd_config.d"
cat >"$units/systemd-udev-trigger.service.d/few.conf" <<'END'
[Service]
ExecStart=
ExecStart=-udevadm trigger --type=devices --action=add --prioritized-subsystem=block --subsystem-match=block --subsystem-match=nvme --subsystem-match=net
END
printf '[Journal]\nStorage=volatile\nCompress=no\nSeal=no\nRuntimeMaxUse=16M\nAudit=no\nReadKMsg=no\n' >"$root/etc/systemd/journald.conf.d/node.conf"
printf '[Manager]\nDefaultTimeoutStopSec=20s\n' >"$root/etc/systemd/system.conf.d/node.conf"
# Without PAM, and without the post-quantum exchange that a loopback port does not need, a login costs a
# third: 0.5 instead of 1.5 s of translated code (measured 2026-11).
cat >"$root/etc/ssh/sshd_config.d/node.conf" <<'END'
UsePAM no
KexAlgorithms -sntrup*
PasswordAuthentication no
UseDNS no
PrintLastLog no
MaxStartups 64:30:128
MaxSessions 64
HostKey /etc/ssh/ssh_host_ed25519_key
END

# --- no identity of its own ----------------------------------------------------------------------
rm -f "$root"/etc/ssh/ssh_host_*
# A valid id, so that no boot counts as the first one (which would apply presets); QEMU's command line
# gives each instance its own.
echo 77756375737465722d6e6f6465303031 >"$root/etc/machine-id"
echo localhost >"$root/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
echo 'nameserver 10.0.2.3' >"$root/etc/resolv.conf"
: >"$root/etc/fstab"
