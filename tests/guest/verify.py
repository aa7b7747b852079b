# SPDX-License-Identifier: GPL-2.0-only
"""What was written is what is read, on every ring layout and transport, with small and with large requests."""

from tests import boots
from tests.machine import verified

CASES = {boot: [disk.id for disk in boot.disks if disk.plugged and disk.backend == 'file']
         for boot in (boots.RINGS, boots.PC, boots.IOMMU, boots.SWIOTLB, boots.MICROVM, boots.MICROVM_LEGACY)}
SERIES = {boots.RINGS: None}
LONG = {boots.PC: ['intx-too']}
SPEC = ('2.2.1', '2.2.3', '2.7.4.2', '2.8.17', '6.1')


def test(g, disk):
    dev = g.dev(disk)
    g.fio(dev, **verified(numjobs=4, size='256k', offset_increment='8m', iodepth_batch_submit=4))
    small = g.figures()
    assert small['write']['total_ios'] == small['read']['total_ios'] == 256
    g.fio(dev, **verified(numjobs=2, size='2m', offset_increment='16m', bs=None, bsrange='512-768k', iodepth=8))
    assert g.stats(disk)['failed_wr_operations'] == g.stats(disk)['failed_rd_operations'] == 0
