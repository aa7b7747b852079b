#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Regenerate a kernel's initramfs, if it has one, after DKMS has put the module
# there or taken it away. Usage: packaging/initramfs.sh KERNEL-RELEASE
set -u

kernel=${1:?usage: packaging/initramfs.sh KERNEL-RELEASE}

# Without: the kernel is just being installed, and its own hooks follow.
for image in "/boot/initrd.img-$kernel" "/boot/initramfs-$kernel.img" ''; do
	[ ! -e "$image" ] || break
done
[ -n "$image" ] || exit 0

# DKMS does it only after this.
depmod -a "$kernel"

if command -v update-initramfs >/dev/null; then
	update-initramfs -u -k "$kernel"
elif command -v dracut >/dev/null; then
	# It writes where it is told to, and removes what it could not finish.
	dracut --force "$image.new" "$kernel" && mv -f "$image.new" "$image" && sync -f "$image"
else
	false
fi || {
	echo "virtio-blk: $image could not be regenerated and boots with the driver it had" >&2
	exit 1
}
