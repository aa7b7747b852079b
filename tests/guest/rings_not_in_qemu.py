# SPDX-License-Identifier: GPL-2.0-only
"""Data survives on rings that QEMU 7.2 does not have, and on those that it has with a device that keeps to the rules
more strictly."""

from tests import boots, sim
from tests.machine import Skip, verified

# Bits that the ring itself must know.
BIT = {'notification_data': 38, 'in_order': 35}
CASES = {boots.SIM: [*BIT, 'in_order-4q', 'notification_data-4q', 'strict', 'strict-direct', 'strict-legacy',
                     'wide-direct', 'dma']}
NEWEST = {boots.SIM: ['strict-direct', 'strict-legacy']}
SPEC = ('2.2.3', '2.7.4.2', '2.7.5.3.1', '2.7.10.1', '5.2.6.1', '5.2.6.4')
HELPERS = ('virtio_blk_sim',)
OPTIONS = {'notification_data': '+notification_data', 'in_order': '+in_order', 'in_order-4q': '+in_order queues=4',
           'notification_data-4q': '+notification_data queues=4 -event_idx', 'strict': 'queue_size=16 queues=2',
           'strict-direct': 'queue_size=16 -indirect_desc +size_max size_max=8192',
           'strict-legacy': '-version_1 -event_idx',
           # More segments than the ring has room for.
           'wide-direct': 'queue_size=32 seg_max=126 -indirect_desc +size_max size_max=4096',
           'dma': '+access_platform queues=2'}
LEAST = 2 * (4 << 20) // (256 << 10)    # requests, were all of them as large as they may be


def test(g, case):
    feature = case.removesuffix('-4q')
    with sim.device(g, f'{case} {OPTIONS[case]}') as disk:
        missing = feature in BIT and g.attribute(disk.disk, 'device/features')[BIT[feature]] == '0'
        if not missing:
            works(g, disk)
    if missing:
        raise Skip(f'the rings of {g.kernel.source.name} have no {feature}')


def works(g, disk):
    with disk.counting() as done:
        g.fio(disk.dev, **verified(size='4m', bsrange='512-256k', numjobs=2, offset_increment='16m', iodepth=32))
        g.sh(f'blkdiscard -f -o 40M -l 1M {disk.dev}; blkdiscard -f -z -o 42M -l 1M {disk.dev}; sync {disk.dev}')
    assert done['discard'] and done['write_zeroes'] and done['read'] >= LEAST and 'errors' not in done, done
