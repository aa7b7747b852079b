#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Makes a tree into the guest of the tests. Usage: setup.sh ROOT
set -eu

root=${1:?usage: setup.sh ROOT}

echo vblk >"$root/etc/hostname"
echo '/dev/vda / ext4 errors=remount-ro 0 1' >"$root/etc/fstab"
mv "$root/usr/local/lib/fio" "$root/usr/local/bin"
mv "$root/usr/local/lib/agent.service" "$root/etc/systemd/system"
# A disk that is full must not silence the agent. (Debian 13 has it so.)
[ ! -e "$root/usr/share/systemd/tmp.mount" ] || cp "$root/usr/share/systemd/tmp.mount" "$root/etc/systemd/system"
chroot "$root" systemctl enable agent.service tmp.mount
chroot "$root" systemctl mask serial-getty@ttyS0.service apt-daily.timer apt-daily-upgrade.timer \
	dpkg-db-backup.timer fstrim.timer e2scrub_all.timer e2scrub_reap.service systemd-timesyncd.service
# Under TCG the compression is what an initramfs takes longest for.
if [ -e "$root/etc/initramfs-tools" ]; then
	echo 'COMPRESSLEVEL=1' >"$root/etc/initramfs-tools/conf.d/fast"
else
	echo "compress='zstd -1'" >"$root/etc/dracut.conf.d/fast.conf"
fi
rm -f "$root/etc/apt/sources.list"
