#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# scatter.sh [SIZE]: a file in memory whose pages are nowhere next to each other: they
# are allocated one by one, in random order (fallocate would take them all at once, in
# order). fio may remove its name; the pages stay, under another one.
set -eu

size=${1:-8m}
file=/tmp/scattered
kept=$file.$size

if [ ! -e "$kept" ]; then
	fio --name=scatter --filename="$kept" --size="$size" --rw=randwrite --bs=4k \
		--fallocate=none --ioengine=psync >/tmp/scatter.log
	[ "$(du -m "$kept" | cut -f 1)" = "${size%m}" ]
fi
ln -f "$kept" $file
