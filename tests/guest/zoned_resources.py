# SPDX-License-Identifier: GPL-2.0-only
"""A device that is out of open or active zones says which, and the application is told."""

from tests import boots, sim

CASES = {boots.SIM: ['open', 'active']}
HELPERS = ('virtio_blk_sim',)
ZONE = 8192
SAID = {'open': 'Too many references', 'active': 'Value too large'}     # ETOOMANYREFS, EOVERFLOW


def test(g, case):
    options = {'open': 'max_open_zones=3 max_active_zones=5', 'active': 'max_active_zones=3'}[case]
    with sim.device(g, f'{case} zoned=host-managed {options}') as z:
        assert z.queue('max_open_zones', 'max_active_zones') == (['3', '5'] if case == 'open' else ['0', '3'])
        g.sh(f'blkzone open -o 0 -c 3 {z.dev}')
        said = g.fails(f'blkzone open -o {4 * ZONE} -c 1 {z.dev}')
        assert SAID[case] in said, said
        g.sh(f'blkzone close -o 0 -c 1 {z.dev}')
        # Empty and closed is empty again: there is room for one more.
        g.sh(f'blkzone open -o {4 * ZONE} -c 1 {z.dev}')
        said = g.fails(f'dd if=/dev/zero of={z.dev} bs=64k count=1 seek={6 * 64} oflag=direct')
        assert SAID[case] in said, said
