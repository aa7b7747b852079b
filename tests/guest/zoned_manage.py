# SPDX-License-Identifier: GPL-2.0-only
"""Zones are opened, closed, finished and reset by the device's own operations, and zones fail as the device says."""

from tests import boots, sim

CASES = {boots.SIM: None}
SPEC = ('5.2.6.1',)
HELPERS = ('virtio_blk_sim',)
ZONE, ZONES, CONVENTIONAL = 8192, 16, 2
NO_POINTER, EMPTY, IMPLICITLY_OPEN, OPEN, CLOSED, READ_ONLY, FULL, OFFLINE = 0, 1, 2, 3, 4, 13, 14, 15

NOISE = 'zone_report', 'read', 'kicks', 'interrupts'


def test(g):
    with sim.device(g, 'zones zoned=host-managed conventional=2 queues=2') as z:
        one_by_one(g, z)
        all_at_once(g, z)
        ranges(g, z)
        broken(g, z)


def blkzone(z, name, first, count=1):
    return f'blkzone {name} -o {first * ZONE} -c {count} {z.dev}'


def write(z, number, at=0, blocks=1):
    return f'dd if=/dev/zero of={z.dev} bs=64k count={blocks} seek={number * 64 + at} oflag=direct 2>/dev/null'


def states(z, command='', first=0, count=ZONES):
    """(condition, write pointer) of zones, after a command."""
    return [(zone[4], zone[3]) for zone in z.zones(f'-o {first * ZONE} -c {count}', command)]


def one_by_one(g, z):
    with z.counting() as done:
        for command, want in ((blkzone(z, 'open', 4), (OPEN, 0)), (write(z, 4), (OPEN, 128)),
                              (blkzone(z, 'close', 4), (CLOSED, 128)), (write(z, 4, 1), (IMPLICITLY_OPEN, 256)),
                              (blkzone(z, 'finish', 4), (FULL, None)), (blkzone(z, 'reset', 4), (EMPTY, 0))):
            seen = states(z, command, 4, 1)[0]
            assert seen[0] == want[0] and want[1] in (None, seen[1]), f'{seen} after {command}'
    assert {name: count for name, count in done.items() if name not in NOISE} == {
        'zone_open': 1, 'zone_close': 1, 'zone_finish': 1, 'zone_reset': 1, 'write': 2}, done
    assert states(z) == [(NO_POINTER, 0)] * CONVENTIONAL + [(EMPTY, 0)] * (ZONES - CONVENTIONAL)


def all_at_once(g, z):
    with z.counting() as done:
        seen = states(z, f'{write(z, 2)}; {write(z, 7)}; {write(z, 15)}; blkzone reset {z.dev}')
    assert done['zone_reset_all'] == 1 and 'zone_reset' not in done and done['write'] == 3, done
    assert seen == [(NO_POINTER, 0)] * CONVENTIONAL + [(EMPTY, 0)] * (ZONES - CONVENTIONAL)


def ranges(g, z):
    with z.counting() as done:
        finished = states(z, blkzone(z, 'finish', 5, 3), 4, 5)
        reset = states(z, blkzone(z, 'reset', 5, 3), 4, 5)
    assert done['zone_finish'] == done['zone_reset'] == 3, done
    assert [state for state, _ in finished] == [EMPTY, FULL, FULL, FULL, EMPTY]
    assert [state for state, _ in reset] == [EMPTY] * 5


def broken(g, z):
    z.set('zone_state', f'9 {READ_ONLY}')
    z.set('zone_state', f'10 {OFFLINE}')
    assert [state for state, _ in states(z, '', 9, 2)] == [READ_ONLY, OFFLINE]
    for number in (9, 10):
        assert 'rror' in g.fails(f'dd if=/dev/zero of={z.dev} bs=64k count=1 seek={number * 64} oflag=direct')
        assert 'rror' in g.fails(blkzone(z, 'open', number))
    read = f'dd if={z.dev} of=/dev/null bs=64k count=1 iflag=direct'
    g.sh(f'{read} skip={9 * 64} 2>/dev/null')
    assert 'rror' in g.fails(f'{read} skip={10 * 64}')
    g.sh(write(z, 11))
