# SPDX-License-Identifier: GPL-2.0-only
"""Requests of one sector up to the queue's largest; beyond the end and unaligned they fail, as in-tree."""

from tests import boots
from tests.machine import fio_command, verified

CASES = {boots.OPS: ['plain', '4q', 'blocks-4096']}
SPEC = ('5.2.6.1',)


def test(g, disk):
    name = g.disk(disk)
    dev, block = f'/dev/{name}', int(g.attribute(name, 'queue/logical_block_size'))
    g.fio(dev, **verified(bs=block, size=f'{block * 256}', verify='crc32c' if block > 512 else 'md5'))
    largest = int(g.attribute(name, 'queue/max_sectors_kb'))
    assert largest >= 1024
    g.fio(dev, **verified(bs=f'{largest}k', size=f'{4 * largest}k', iodepth=2))
    sectors = g.boot.disk(disk).size // block
    g.sh(f'dd if={dev} of=/dev/null bs={block} count=1 skip={sectors - 1} iflag=direct 2>/dev/null')
    assert g.out(f'dd if={dev} bs={block} count=1 skip={sectors} iflag=direct 2>/dev/null | wc -c') == '0'
    assert 'No space' in g.fails(f'dd if=/dev/zero of={dev} bs={block} count=1 seek={sectors} oflag=direct')
    # A read over the end is short.
    got = g.out(f'dd if={dev} bs={8 * block} count=2 skip={sectors // 8 - 1} iflag=direct 2>/dev/null | wc -c')
    assert got == str(8 * block)
    for direction in ('read', 'write'):
        said = g.fails(fio_command(dev, {'rw': direction, 'bs': block // 2, 'number_ios': 1, 'size': '64k'}))
        assert 'Invalid argument' in said, said
