# SPDX-License-Identifier: GPL-2.0-only
"""The serial number is the device's: none, short, and the full 20 bytes, which end without a NUL."""

from tests import boots

CASES = {boots.SYSFS: ['defaults', 'serial-of-20-bytes--', 'no-serial']}


def test(g, disk):
    expected = '' if disk == 'no-serial' else disk
    path = f'/sys/block/{g.disk(expected)}/serial'
    assert g.out(f'cat {path}') == expected
    assert g.out(f'stat -c %a {path}') == '444'
    # Readers side by side share nothing.
    read = f'for i in 1 2 3 4 5 6 7 8; do (echo "<$(cat {path})>") & done; wait'
    assert g.out(read).splitlines() == [f'<{expected}>'] * 8
