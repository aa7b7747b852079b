# SPDX-License-Identifier: GPL-2.0-only
"""The serial number is the device's: none, short, and the full 20 bytes, which end without a NUL."""

from tests import boots

CASES = {boots.SYSFS: ['defaults', 'serial-of-20-bytes--', 'no-serial']}


def test(g, disk):
    expected = '' if disk == 'no-serial' else disk
    for _ in range(20):
        assert g.attribute(g.disk(expected), 'serial') == expected
    path = f'/sys/block/{g.disk(expected)}/serial'
    assert g.out(f'stat -c %a {path}') == '444'
    # Readers side by side share nothing.
    assert g.out(f'for i in 1 2 3 4 5 6 7 8; do cat {path} & done; wait').split() == [expected] * 8 * bool(expected)
