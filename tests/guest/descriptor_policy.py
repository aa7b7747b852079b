# SPDX-License-Identifier: GPL-2.0-only
"""Direct and indirect descriptors, forced by the module parameter, carry the same data."""

from tests import boots, policy
from tests.machine import verified

CASES = {
    boots.RINGS: [f'{value}-{disk}' for value in policy.VALUES for disk in ('split', 'packed', 'split-4q', 'legacy')],
    boots.SWIOTLB: [f'{value}-split' for value in policy.VALUES],
    boots.MICROVM: [f'{value}-split' for value in policy.VALUES],
}
PARAMS = None


def test(g, case):
    value, _, disk = case.partition('-')
    g.load(f'{policy.PARAMETER}={value}')
    name = g.disk(disk)
    path = f'/sys/module/virtio_blk/parameters/{policy.PARAMETER}'
    assert g.out(f'cat {path}') == value
    header, *queues = g.out(f'cat /sys/kernel/debug/virtio_blk/{g.disk(disk)}/queues').splitlines()
    used = {dict(zip(header.split(), queue.split()))['descriptors'] for queue in queues}
    assert used == {policy.DESCRIPTORS[value]}, f'{used}'
    name = g.disk(disk)
    g.fio(f'/dev/{name}', **verified(numjobs=4, size='256k', offset_increment='8m', iodepth=32))
    g.fio(f'/dev/{name}', **verified(size='4m', bs=None, bsrange='4k-1m', iodepth=8))
