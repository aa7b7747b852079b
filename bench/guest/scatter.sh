#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# scatter.sh: a file in memory whose pages are nowhere next to each other: every
# other page first, then those between them.
set -eu

size=8m
half=4m
file=/tmp/scattered

for offset in 0 4k; do
	fio --name=scatter --filename=$file --filesize=$size --offset=$offset --rw=write:4k --bs=4k \
		--io_size=$half --ioengine=psync >/tmp/scatter.log
done
[ "$(du -m $file | cut -f 1)" = "${size%m}" ]
