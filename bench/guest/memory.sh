#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# memory.sh DEVICE DRIVER MODULE [PARAMETER=VALUE...]: give one device of the
# virtio bus this module as its driver and print "name value" for each figure:
# what the block layer allocates for a request, how many requests there are,
# and what the module's own code has allocated and holds.
set -eu

device=$1
driver=$2
module=$3
shift 3

bus=/sys/bus/virtio
tracing=/sys/kernel/tracing

switch() {
	for event in kmem/kmalloc kmem/kfree percpu/percpu_alloc_percpu percpu/percpu_free_percpu; do
		echo "$1" >"$tracing/events/$event/enable"
	done
}

for old in virtio_blk virtio_blk_2010; do
	if grep -q "^$old " /proc/modules; then
		rmmod "$old"
	fi
done
echo 0 >$bus/drivers_autoprobe
insmod "$module" "$@"
echo 16384 >$tracing/buffer_size_kb
echo >$tracing/trace
switch 1
echo "$device" >"$bus/drivers/$driver/bind"
switch 0
echo 1 >$bus/drivers_autoprobe

# "# entries-in-buffer/entries-written: 100/100   #P:4"
if ! awk '/entries-in-buffer/ { split($3, n, "/"); exit n[1] != n[2] }' $tracing/trace; then
	echo "the trace lost events" >&2
	exit 1
fi
awk -v "module=[$(basename "$module" .ko)]" '
	function value(name) {
		if (!match($0, " " name "=[^ ]*"))
			return ""
		return substr($0, RSTART + length(name) + 2, RLENGTH - length(name) - 2)
	}
	/ (kfree|percpu_free_percpu): / { delete held[value("ptr")] }
	/ (kmalloc|percpu_alloc_percpu): / && index($0, module) {
		held[value("ptr")] = value("bytes_alloc")
	}
	END {
		for (ptr in held)
			sum += held[ptr]
		print "own_bytes", sum + 0
	}' $tracing/trace
echo >$tracing/trace

dmesg -c >/dev/null
insmod /modules/vblk_probe.ko "disk=/dev/$(basename "$bus/devices/$device"/block/*)"
rmmod vblk_probe
dmesg | sed -n 's/^.*vblk_probe: cmd_size=/cmd_size=/p' | tr ' =' '\n '
