# SPDX-License-Identifier: GPL-2.0-only
"""More requests, and larger ones, than a small ring holds: all of them complete, none is lost or mixed up."""

from tests import boots, policy
from tests.guest import counters
from tests.machine import verified

CASES = {boots.TINY: [disk.id for disk in boots.TINY.disks] + [
    f'{policy.PARAMETER}={value} {disk}' for value in policy.VALUES for disk in ('ring4', 'ring16-wide')]}
LONG = {boots.TINY: ['ring8', 'ring8-direct', 'ring16', 'ring16-packed-direct', f'{policy.PARAMETER}=0 ring4',
                     f'{policy.PARAMETER}=1 ring16-wide']}
NEWEST = {boots.TINY: ['ring16-4q', 'wide-packed-direct', 'ring16-wide', f'{policy.PARAMETER}=1 ring4']}
SERIES = {boots.TINY: [disk.id for disk in boots.TINY.disks]}
# More than any of the rings takes: without it, the block layer would hold back what an indirect descriptor each fits.
DEPTH = 128
PARAMS = f'queue_depth={DEPTH}'


def test(g, case):
    params, _, disk = case.rpartition(' ')
    g.want(f'{PARAMS} {params}'.strip())
    name = g.disk(disk)
    dev = f'/dev/{name}'
    g.fio(dev, **verified(numjobs=3, size='1m', offset_increment='16m', bs=None, bssplit='4k/50:64k/30:512k/15:1m/5',
                          iodepth=DEPTH))
    g.fio(dev, **verified(numjobs=4, size='256k', offset_increment='8m', iodepth=DEPTH, ioengine='io_uring',
                          iodepth_batch_submit=32, iodepth_batch_complete_min=1, iodepth_batch_complete_max=32))
    if g.module != 'virtio_blk':
        return          # It counts nothing.
    # No test before this one, with the same parameters, has filled the ring of this disk.
    waited = counters.read(g, name, dict(g.boot.disk(disk).options)['num-queues'])['max_backlog']
    assert waited, 'no request ever waited for room in the ring'
