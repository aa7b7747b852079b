# SPDX-License-Identifier: GPL-2.0-only
"""A synchronous write is on the device before it returns: FUA becomes a flush behind the write."""

from tests import boots

CASES = {boots.OPS: None}
WRITES = 20


def test(g):
    dev = g.dev('file-system')
    before = g.stats('file-system')['flush_operations']
    g.sh(f'dd if=/dev/zero of={dev} bs=4k count={WRITES} oflag=direct,sync 2>/dev/null || '
         f'fio --name=sync --filename={dev} --rw=write --bs=4k --number_ios={WRITES} --sync=1 --direct=1 --size=1m')
    flushes = g.stats('file-system')['flush_operations'] - before
    assert flushes >= WRITES, f'{flushes} flushes for {WRITES} synchronous writes'
    assert g.attribute(g.disk('file-system'), 'queue/fua') == '0'
