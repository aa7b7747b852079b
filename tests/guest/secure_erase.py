# SPDX-License-Identifier: GPL-2.0-only
"""A device that does not offer secure erase says so, and nothing is erased."""

from tests import boots

CASES = {boots.OPS: ['plain']}


def test(g, disk):
    dev = g.dev(disk)
    g.fio(dev, rw='write', bs='64k', size='1m')
    before = g.out(f'dd if={dev} bs=64k count=16 iflag=direct 2>/dev/null | md5sum')
    assert 'not supported' in g.fails(f'blkdiscard -s -l 1048576 {dev}').lower()
    assert g.out(f'dd if={dev} bs=64k count=16 iflag=direct 2>/dev/null | md5sum') == before
