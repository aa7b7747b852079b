# SPDX-License-Identifier: GPL-2.0-only
"""Disks that share bounce buffers, of which there are too few for all they have in flight: all I/O completes."""

from tests import boots

CASES = {boots.SWIOTLB: None}
SERIES = CASES


def test(g):
    with g.messages() as log:
        devs = [g.dev(disk.id) for disk in boots.SWIOTLB.disks]
        with g.busy(*devs, size='4m', bs=None, bsrange='4k-256k', iodepth=32, iodepth_batch_submit=32,
                    iodepth_batch_complete_min=16):
            pass
    assert any('swiotlb buffer is full' in line for line in log), 'there were buffers enough'
