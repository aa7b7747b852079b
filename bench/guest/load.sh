#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# load.sh DISKS MODULE [PARAMETER=VALUE...]: make this module, and no other,
# the driver of all disks; wait for that many; no I/O scheduler in the way.
set -eu

disks=$1
module=$2
shift 2

for old in virtio_blk virtio_blk_2010; do
	if grep -q "^$old " /proc/modules; then
		rmmod "$old"
	fi
done
insmod "$module" "$@"

disks_found() {
	set -- /sys/block/vd*
	[ -e "$1" ] || set --
	echo "$#"
}

tries=0
while [ "$(disks_found)" -ne "$disks" ]; do
	tries=$((tries + 1))
	if [ "$tries" -gt 100 ]; then
		echo "$module: $(disks_found) disks instead of $disks" >&2
		exit 1
	fi
	sleep 0.1
done

for queue in /sys/block/vd*/queue; do
	echo none >"$queue/scheduler"
done
