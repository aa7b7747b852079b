# SPDX-License-Identifier: GPL-2.0-only
"""A device that wants no notifications gets none, in either of the two ways to say so."""

from tests import boots, sim
from tests.machine import verified

CASES = {boots.SIM: ['flags', 'event_idx']}
SPEC = ('2.7.10.1',)
OPTIONS = {'flags': '-event_idx', 'event_idx': ''}
HELPERS = ('virtio_blk_sim',)
LEAST = 16              # requests, were all of them merged as far as may be


def test(g, case):
    with sim.device(g, f'{case} {OPTIONS[case]}') as disk:
        disk.fault('no_kicks', -1)
        # The one that the device asked for before.
        g.sh(f'dd if={disk.dev} of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null')
        with disk.counting() as done:
            g.fio(disk.dev, **verified(size='1m'))
        assert done['write'] >= LEAST and 'kicks' not in done, done
        disk.fault('no_kicks', 0)
        with disk.counting() as done:
            g.fio(disk.dev, **verified(size='1m'))
        assert done.get('kicks'), done
