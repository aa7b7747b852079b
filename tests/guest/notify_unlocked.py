# SPDX-License-Identifier: GPL-2.0-only
"""The device is never notified with the queue's lock held, not even when the ring is full."""

from tests import boots, sim
from tests.machine import verified

CASES = {boots.SIM: ['ring8', 'ring16-direct']}
OPTIONS = {'ring8': 'queue_size=8', 'ring16-direct': 'queue_size=16 -indirect_desc'}
SERIES = {boots.SIM: None}
HELPERS = ('virtio_blk_sim',)


def test(g, case):
    with sim.device(g, f'{case} {OPTIONS[case]}') as disk:
        disk.set('latency_us', 50)
        with disk.counting() as done:
            g.fio(disk.dev, **verified(size='1m', bsrange='4k-64k', numjobs=4, offset_increment='16m', iodepth=32,
                                       iodepth_batch_submit=8))
        # 128 requests or more, and no ring holds more than eight of them.
        assert done['kicks'] >= 128 // 8, done
        assert 'kicks_irqs_off' not in done, done
