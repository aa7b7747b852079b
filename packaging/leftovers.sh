#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Before a removal: what DKMS has built and not installed was interrupted on its
# way in or out. DKMS would leave its module, and the initramfs with it, alone;
# and the kernel's own module where DKMS 3.2 has put it aside.
set -eu

aside=/var/lib/dkms/virtio-blk/original_module
dkms status -m virtio-blk | sed -n 's|^virtio-blk/[^,]*, \([^,]*\), [^:]*: built.*|\1|p' | while read -r kernel; do
	rm -f "/lib/modules/$kernel/updates/dkms/virtio_blk"*.ko*
	for origin in "$aside/$kernel"/*/virtio_blk.ko*.origin; do
		[ -e "$origin" ] || continue
		read -r place <"$origin"
		[ -e "$place" ] || mv "${origin%.origin}" "$place"
		rm -r "${aside:?}/$kernel"
		rmdir --ignore-fail-on-non-empty "$aside"
	done
	"${0%/*}/initramfs.sh" "$kernel"
done
