# SPDX-License-Identifier: GPL-2.0-only
"""What fsync() said is on the disk is there after a loss of power: the device's write cache is dropped but for random
sectors, and the file system, looked at from the host, has every file. VBLK_POWER_LOSSES: how many times (3)."""

import os
import random
import time

from harness.util import Failure
from tests import boots, vhost, vhost_image

CASES = {boots.VHOST: None}
WRITERS = 2
# The file system of a disk without power complains, as it should.
ALLOW = ('EXT4-fs error', 'EXT4-fs .*emergency', 'JBD2: .*[Ee]rror')


def losses(text):
    if not text.isdecimal() or not int(text):
        raise Failure(f'VBLK_POWER_LOSSES is "{text}", not a number from 1 on')
    return int(text)


LOSSES = losses(os.environ.get('VBLK_POWER_LOSSES', '3'))


def test(g):
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    with vhost.disk(g, 'power', queues=4, volatile=True) as disk:
        g.sh(f'set -e; mke2fs -q -F -t ext4 {disk.dev}; mkdir -p /mnt; rm -f /tmp/synced.*')
        for loss in range(LOSSES):
            writers = mount_and_write(g, disk, loss)
            time.sleep(chance.random())
            disk.lose_power(chance.random())
            disk.start(failing=True)
            for writer in writers:
                g.finish(writer, 'the end of a writer')
            g.sh('umount /mnt')
            disk.tell('fail', False)
            missing = lacking(g, vhost_image.files(disk.image))
            assert not missing, f'loss {loss} of seed {seed}: synced, but not there: {missing}'
        g.sh(f'set -e; mount {disk.dev} /mnt; umount /mnt; e2fsck -fn {disk.dev}')


def mount_and_write(g, disk, loss):
    """Each writer makes files until it fails, and notes those that are synced."""
    g.sh(f'mount {disk.dev} /mnt')
    writers = [g.spawn(f'''n=0
        while echo {loss}.{writer}.$n | dd of=/mnt/{loss}.{writer}.$n conv=fsync 2>/dev/null; do
            echo {loss}.{writer}.$n >> /tmp/synced.{writer}; n=$((n + 1))
        done''') for writer in range(WRITERS)]
    for writer in range(WRITERS):
        g.until(f'grep -qs ^{loss}.{writer}.3 /tmp/synced.{writer}', 'four synced files')
    return writers


def lacking(g, found):
    synced = g.out('cat /tmp/synced.*').splitlines()
    assert synced
    return [name for name in synced if found.get(name) != f'{name}\n'.encode()]
