# SPDX-License-Identifier: GPL-2.0-only
"""More requests, and larger ones, than a small ring holds: all of them complete, none is lost or mixed up."""

from tests import boots, policy
from tests.machine import verified

CASES = {boots.TINY: [disk.id for disk in boots.TINY.disks] + [
    f'{policy.PARAMETER}={value} {disk}' for value in policy.VALUES for disk in ('ring4', 'ring16-wide')]}
PARAMS = None
SPEC = ('2.7.5.3.1',)


def test(g, case):
    params, _, disk = case.rpartition(' ')
    g.load(params)
    dev = g.dev(disk)
    g.fio(dev, **verified(numjobs=3, size='2m', offset_increment='16m', bs=None, bssplit='4k/50:64k/30:512k/15:1m/5',
                          iodepth=128))
    g.fio(dev, **verified(numjobs=4, size='256k', offset_increment='8m', iodepth=128, ioengine='io_uring',
                          iodepth_batch_submit=32, iodepth_batch_complete_min=1, iodepth_batch_complete_max=32))
