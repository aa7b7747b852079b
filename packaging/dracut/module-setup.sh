#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Takes the module of DKMS along, also where the folders of the kernel's own are
# searched and DKMS has taken its counterpart out of them; and the kernel's own,
# which fallback.sh loads if the one of DKMS is refused.

installkernel() {
	local module

	for module in "/lib/modules/${kernel:?}"/updates/dkms/virtio_blk*.ko*; do
		case $module in
		*/virtio_blk.ko*) instmods virtio_blk ;;
		*\**) dwarn "virtio-blk: DKMS has no module for $kernel, which boots with its own driver" ;;
		esac
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
