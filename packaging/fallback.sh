#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# In the initramfs, when udev has loaded what it finds: if virtio disks are
# there and their driver is not, because the kernel refuses the one of DKMS (a
# signature it does not know, symbols of another kernel, a truncated file),
# take the kernel's own, so that the machine boots.
[ "${1:-}" != prereqs ] || exit 0

[ ! -e /sys/module/virtio_blk ] || exit 0
for id in /sys/bus/virtio/devices/*/device; do
	[ -e "$id" ] || continue
	[ "$(cat "$id")" = 0x0002 ] || continue
	for module in "/lib/modules/$(uname -r)"/kernel/drivers/block/virtio_blk.ko*; do
		[ -e "$module" ] || continue
		echo "virtio-blk: the module of DKMS does not load, falling back to $module" >/dev/kmsg
		insmod "$module"
	done
	exit 0
done
