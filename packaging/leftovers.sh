#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Before a removal: what DKMS has built and not installed was interrupted on its
# way in or out. DKMS would leave its module, and the initramfs with it, alone.
set -eu

dkms status -m virtio-blk | sed -n 's|^virtio-blk/[^,]*, \([^,]*\), [^:]*: built.*|\1|p' | while read -r kernel; do
	rm -f "/lib/modules/$kernel/updates/dkms/virtio_blk"*.ko*
	"${0%/*}/initramfs.sh" "$kernel"
done
