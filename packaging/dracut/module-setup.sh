#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Takes the kernel's own driver along beside the one of DKMS, which modprobe
# prefers: fallback.sh loads it if that one is refused.

installkernel() {
	local module

	for module in "/lib/modules/${kernel:?}"/updates/dkms/virtio_blk*.ko*; do
		[[ -e $module ]] || dwarn "virtio-blk: DKMS has no module for $kernel, which boots with its own driver"
	done
	# DKMS 3.2 keeps it apart while its own is installed.
	for module in "/lib/modules/$kernel"/kernel/drivers/block/virtio_blk.ko* \
		/var/lib/dkms/virtio-blk/original_module/"$kernel"/*/virtio_blk.ko*; do
		[[ ! -f $module || $module == *.origin ]] ||
			inst_simple "$module" "/lib/modules/$kernel/kernel/drivers/block/${module##*/}"
	done
}

install() {
	inst_multiple cat insmod uname
	inst_simple "${moddir:?}/fallback.sh" /sbin/virtio-blk-fallback
	# dracut sources a hook, and would end with the script.
	inst_hook initqueue/settled 50 "$moddir/settled.sh"
}
