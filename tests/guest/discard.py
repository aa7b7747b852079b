# SPDX-License-Identifier: GPL-2.0-only
"""Discard reaches the device, as few requests as its limits ask for, and the host gets its space back."""

from tests import boots
from tests.boot import MIB
from tests.machine import EXTENT_BLOCKS

CASES = {boots.OPS: ['plain', '4q', 'small-discard', 'blocks-4096']}
SIZE = 8 * MIB


def test(g, disk):
    dev = g.dev(disk)
    g.fio(dev, rw='write', bs='256k', size=2 * SIZE)
    g.sh('sync')
    full = g.allocated(disk)
    assert full >= 2 * SIZE
    before = g.stats(disk)
    g.sh(f'blkdiscard -o {MIB} -l {SIZE} {dev}')
    after = g.stats(disk)
    discarded = after['discard-bytes-ok'] - before['discard-bytes-ok']
    assert discarded == SIZE, f'{discarded} bytes were discarded on the device'
    operations = after['discard-nb-ok'] - before['discard-nb-ok']
    most = SIZE // (256 * 512) if disk == 'small-discard' else 1
    assert 1 <= operations <= most, f'{operations} discards on the device'
    freed = full - g.allocated(disk)
    assert abs(freed - SIZE) <= EXTENT_BLOCKS, f'the host got {freed} bytes back'
    data = g.image(disk).read_bytes()[:2 * SIZE]
    assert not any(data[MIB:MIB + SIZE]) and any(data[:MIB]) and any(data[MIB + SIZE:])
