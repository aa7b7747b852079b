# SPDX-License-Identifier: GPL-2.0-only
"""A synchronous write is on the device before it returns: FUA becomes a flush behind the write."""

from tests import boots

CASES = {boots.OPS: None}
WRITES = 20


def test(g):
    dev = g.dev('file-system')
    before = g.stats('file-system')['flush_operations']
    g.fio(dev, rw='write', bs='4k', size='1m', number_ios=WRITES, ioengine='psync', iodepth=1, sync=1)
    flushes = g.stats('file-system')['flush_operations'] - before
    assert flushes >= WRITES, f'{flushes} flushes for {WRITES} synchronous writes'
    assert g.attribute(g.disk('file-system'), 'queue/fua') == '0'
