# SPDX-License-Identifier: GPL-2.0-only
"""fsync reaches the device as a flush, once each; with a write-through cache it does not."""

from tests import boots

CASES = {boots.OPS: ['plain', '4q', 'through']}
SPEC = ('5.2.5.1',)
WRITES = 50


def test(g, disk):
    dev, before = g.dev(disk), g.stats(disk)
    g.fio(dev, rw='randwrite', bs='4k', size='1m', number_ios=WRITES, iodepth=1, ioengine='psync', fsync=1,
          end_fsync=1)
    after = g.stats(disk)
    flushes = after['flush_operations'] - before['flush_operations']
    assert after['wr_operations'] - before['wr_operations'] == WRITES
    # The close of a block device syncs too.
    allowed = range(0, 1) if disk == 'through' else range(WRITES, WRITES + 3)
    assert flushes in allowed, f'{flushes} flushes for {WRITES} fsyncs'
