# SPDX-License-Identifier: GPL-2.0-only
"""A device may call the driver from a task, with a lock held that a notification takes as well: VDUSE does."""

from tests import boots, sim
from tests.machine import verified

CASES = {boots.SIM: ['ring8', 'ring128', '4-queues']}
OPTIONS = {'ring8': 'queue_size=8', 'ring128': '', '4-queues': 'queue_size=8 queues=4'}
NEWEST = {boots.SIM: ['ring128', '4-queues']}
HELPERS = ('virtio_blk_sim',)
PARAMS = None


def test(g, case):
    # The in-tree driver notifies with its lock held when the ring is full.
    g.load('' if g.module == 'in-tree' else 'queue_depth=64')
    with sim.device(g, f'{case} interrupts=task {OPTIONS[case]}') as disk:
        disk.set('latency_us', 200)     # time for the device to sleep, and to want notifications
        with disk.counting() as done:
            g.fio(disk.dev, **verified(size='512k', numjobs=4, offset_increment='16m', iodepth=64,
                                       iodepth_batch_submit=16))
        assert done['interrupts'] and done['kicks'], done
