# SPDX-License-Identifier: GPL-2.0-only
"""Direct and indirect descriptors, forced by the module parameter, carry the same data."""

from tests import boots, policy
from tests.machine import verified

CASES = {boot: policy.VALUES for boot in (boots.RINGS, boots.SWIOTLB, boots.MICROVM)}
DISKS = {boots.RINGS: ('split', 'packed', 'split-4q', 'legacy')}
PARAMS = None


def test(g, value):
    g.load(f'{policy.PARAMETER}={value}')
    path = f'/sys/module/virtio_blk/parameters/{policy.PARAMETER}'
    assert g.out(f'cat {path}') == value
    names = [g.disk(disk) for disk in DISKS.get(g.boot, ('split',))]
    for name in names:
        header, *queues = g.out(f'cat /sys/kernel/debug/virtio_blk/{name}/queues').splitlines()
        used = {dict(zip(header.split(), queue.split()))['descriptors'] for queue in queues}
        assert used == {policy.DESCRIPTORS[value]}, f'{name}: {used}'
    devs = [f'/dev/{name}' for name in names]
    g.fio(*devs, **verified(numjobs=4, size='256k', offset_increment='8m', iodepth=32))
    g.fio(*devs, **verified(size='2m', bs=None, bsrange='4k-1m', iodepth=8))
