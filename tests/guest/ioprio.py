# SPDX-License-Identifier: GPL-2.0-only
"""The I/O priority of a task is that of its requests, as the device gets them."""

from tests import boots, sim

CASES = {boots.SIM: None}
HELPERS = ('virtio_blk_sim',)
OUT = 1                 # VIRTIO_BLK_T_OUT
CLASS_SHIFT = 13
COUNT = 8


def test(g):
    with sim.device(g, 'prio') as dev:
        for prioclass, prio in ((1, 5), (2, 3), (3, 0)):
            g.fio(dev.dev, rw='randwrite', bs='4k', size='1m', number_ios=COUNT, iodepth=1, prioclass=prioclass,
                  prio=prio)
            seen = [request.ioprio for request in dev.requests(OUT)[-COUNT:]]
            assert seen == [prioclass << CLASS_SHIFT | prio] * COUNT, f'class {prioclass}, priority {prio}: {seen}'
