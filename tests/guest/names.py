# SPDX-License-Identifier: GPL-2.0-only
"""Disks are named vda to vdz, then vdaa, in the order of the bus, with sixteen minors each."""

from tests import boots

CASES = {boots.NAMES: None}
LETTERS = 'abcdefghijklmnopqrstuvwxyz'


def test(g):
    expected = [f'vd{letter}' for letter in LETTERS] + ['vdaa', 'vdab']
    for number, name in enumerate(expected):
        assert g.attribute(name, 'serial') == f'name{number}'
        assert g.attribute(name, 'dev').split(':')[1] == str(number * 16)
        assert g.out(f'stat -c %T /dev/{name}') == f'{number * 16:x}'
    assert len(g.disks()) == len(expected)
