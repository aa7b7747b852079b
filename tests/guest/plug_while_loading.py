# SPDX-License-Identifier: GPL-2.0-only
"""Disks that arrive while the module loads and unloads all end up in place."""

from tests import boots
from tests.machine import verified

CASES = {boots.HOTPLUG: None}
PARAMS = None
DISKS = ('one', 'two', 'three')


def test(g):
    # Who looks for partitions of a new disk keeps the module for that time.
    loading = g.spawn('''set -e
        for i in 1 2 3 4 5; do insmod MODULE; sleep 0.1; until rmmod virtio_blk; do sleep 0.1; done; sleep 0.1; done
        insmod MODULE'''.replace('MODULE', g.module_path))
    for disk in DISKS:
        g.plug(disk, **g.slot())
    g.finish(loading, 'loading and unloading')
    for disk in DISKS:
        g.until(f'grep -qsx {disk} /sys/block/vd*/serial', f'{disk} appears')
    for disk in ('stays', *DISKS):
        g.fio(g.dev(disk), **verified(size='256k'))
    g.unplug(*DISKS)
