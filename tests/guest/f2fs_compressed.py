# SPDX-License-Identifier: GPL-2.0-only
"""f2fs decompresses what it reads where the read ends, and where that is a task, it may sleep (up to Linux 6.12): files
are read through the page cache while others use the same disk past it."""

from tests import boots
from tests.boot import MIB
from tests.machine import PATIENCE, fio_command

CASES = {boots.STACKED: None}
SIZE = 128 * MIB    # of the file system; the others' part of the disk is behind it
READERS, ROUNDS = 8, 10
STOPPED = 0, 128    # fio's exit code, if all was well until the end


def test(g):
    dev = g.dev('file-system')
    # A request for each cluster of four blocks.
    g.sh(f'''set -e
        mkfs.f2fs -f -q -O extra_attr,compression {dev} {SIZE // 512} > /dev/null
        mount -t f2fs -o 'compress_algorithm=lz4,compress_extension=*' {dev} /mnt
        cd /mnt
        for file in $(seq {READERS}); do base64 /dev/urandom | sed p | head -c 1048576 > $file; done
        sync; md5sum * > /tmp/sums
        blockdev --setra 32 {dev}''')
    # Whoever else submits to the disk may come upon f2fs's requests.
    others = g.spawn(fio_command(dev, {'rw': 'randread', 'bs': '4k', 'offset': SIZE, 'size': '64m', 'numjobs': 4,
                                       'time_based': 1, 'runtime': PATIENCE}))
    g.until(f'[ $(awk \'{{ print $1 }}\' /sys/block/{dev[5:]}/stat) -gt 2000 ]', 'reads of others')
    g.sh(f'''cd /mnt
        for file in $(seq {READERS}); do
            (for round in $(seq {ROUNDS}); do echo 1 > /proc/sys/vm/drop_caches; cat $file; done > /dev/null
                md5sum $file > /tmp/sum.$file) &
        done
        wait; killall fio''')
    assert others.wait(PATIENCE, check=False).rc in STOPPED, 'an error of the others'
    g.sh('set -e; cat /tmp/sum.* | cmp - /tmp/sums; rm /tmp/sum*; umount /mnt')
