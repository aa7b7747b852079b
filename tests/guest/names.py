# SPDX-License-Identifier: GPL-2.0-only
"""Disks are named vda to vdz, then vdaa, in the order of the bus, with sixteen minors each."""

from tests import boots

CASES = {boots.NAMES: None}
LETTERS = 'abcdefghijklmnopqrstuvwxyz'


def test(g):
    expected = [f'vd{letter}' for letter in LETTERS] + ['vdaa', 'vdab']
    rows = g.out('cd /sys/block; for d in vd*; do echo $d $(cat $d/serial) $(cat $d/dev) $(stat -c %T /dev/$d); done')
    seen = {name: rest for name, *rest in map(str.split, rows.splitlines())}
    assert sorted(seen) == sorted(expected)
    for number, name in enumerate(expected):
        serial, device, minor = seen[name]
        assert serial == f'name{number}'
        assert int(device.split(':')[1]) == int(minor, 16) == number * 16
