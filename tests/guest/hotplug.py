# SPDX-License-Identifier: GPL-2.0-only
"""A disk that is plugged in works at once; one that is pulled out idle is gone, and its name is free again."""

from tests import boots
from tests.machine import verified

CASES = {boots.HOTPLUG: None, boots.PC: None}


def test(g):
    ids = ('one', 'two', 'three') if g.boot is boots.HOTPLUG else ('plugged',)
    first = sorted(g.disks())
    names = []
    for _ in range(2):
        for disk in ids:
            g.plug(disk, **g.slot())
            g.until(f'grep -qsx {disk} /sys/block/vd*/serial', f'{disk} appears')
        g.fio(*map(g.dev, ids), **verified(size='512k'))
        names.append(g.disks())
        assert len(names[-1]) == len(first) + len(ids)
        there = [g.disk(disk) for disk in ids]
        g.unplug(*ids)
        for name in there:
            g.until(f'[ ! -e /sys/block/{name} ] && [ ! -e /dev/{name} ]', f'{name} is gone')
        assert sorted(g.disks()) == first
        g.fio(g.dev(first[0]), **verified(size='256k'))
    assert names[0] == names[1], f'first {names[0]}, then {names[1]}'
