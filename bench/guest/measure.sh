#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# measure.sh DISK LEAD SPAN LOCK FIO-ARGUMENT...
#
# Runs fio and prints what the kernel counted meanwhile, in sections that
# begin with "@@ name". CPU time is taken LEAD seconds into the run, for SPAN
# seconds; with SPAN 0, over the whole run. LOCK is the name of the lock class
# to print from lock_stat.
set -eu

disk=$1
lead=$2
span=$3
lock=$4
shift 4

tmp=/tmp/measure
kicks=/sys/kernel/tracing/kprobe_profile
mkdir -p "$tmp"

snapshot() {
	grep '^cpu ' /proc/stat >"$tmp/cpu.$1"
	cat "/sys/block/$disk/stat" >"$tmp/disk.$1"
	cat /proc/interrupts >"$tmp/interrupts.$1"
	if [ -e "$kicks" ]; then
		cat "$kicks" >"$tmp/kicks.$1"
	fi
}

rm -f "$tmp"/*
snapshot before
if [ -e /proc/lock_stat ]; then
	echo 0 >/proc/lock_stat
fi

fio "$@" >"$tmp/fio" 2>"$tmp/errors" &
fio=$!
if [ "$span" != 0 ]; then
	sleep "$lead"
	grep '^cpu ' /proc/stat >"$tmp/cpu.lead"
	sleep "$span"
	grep '^cpu ' /proc/stat >"$tmp/cpu.span"
fi
status=0
wait "$fio" || status=$?

if [ -e /proc/lock_stat ]; then
	grep -F -e "$lock" -e WARNING /proc/lock_stat >"$tmp/lock_stat" || true
fi
snapshot after

if [ "$status" -ne 0 ]; then
	cat "$tmp/errors" "$tmp/fio" >&2
	exit "$status"
fi
for file in "$tmp"/*; do
	echo "@@ ${file##*/}"
	cat "$file"
done
