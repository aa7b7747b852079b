# SPDX-License-Identifier: GPL-2.0-only
"""Zones are reported as they are, also by several requests, and only of devices that need to be written in order."""

from tests import boots, sim

SIZE, ZONE = 131072, 8192       # sectors
CASES = {boots.SIM: ['host-managed', 'conventional', 'capacity', 'runt', 'several-requests', 'host-aware', 'none']}
NEWEST = {boots.SIM: ['conventional', 'capacity']}
SPEC = ('5.2.5.1', '5.2.6.1')
HELPERS = ('virtio_blk_sim',)
OPTIONS = {
    'host-managed': 'zoned=host-managed queues=2',
    'conventional': 'zoned=host-managed conventional=3',
    'capacity': 'zoned=host-managed zone_cap=3M',
    'runt': 'zoned=host-managed size=63M',
    'several-requests': 'zoned=host-managed zone_size=64K seg_max=2',
    'host-aware': 'zoned=host-aware conventional=2',
    'none': '+zoned model=0',
}
CONVENTIONAL, SEQUENTIAL = 1, 2
NO_POINTER, EMPTY = 0, 1


def test(g, case):
    with sim.device(g, f'{case} {OPTIONS[case]}') as z:
        if case in ('host-aware', 'none'):
            return no_zones(g, z)
        zone = 128 if case == 'several-requests' else ZONE
        want = expected(case, zone)
        assert z.queue('zoned', 'chunk_sectors', 'nr_zones') == ['host-managed', str(zone), str(len(want))]
        with z.counting() as done:
            seen = z.zones()
        wrong = [pair for pair in zip(seen, want) if pair[0] != pair[1]]
        assert seen == want, f'{len(seen)} zones of {len(want)}; seen and expected: {wrong[:3]}'
        if case == 'several-requests':
            assert done['zone_report'] >= 1024 * 64 // 8192, done
        middle = want[5]
        assert z.zones(f'-o {middle[0]} -c 1') == [middle]


def expected(case, zone):
    end = SIZE - 2048 if case == 'runt' else SIZE
    zones = []
    for start in range(0, end, zone):
        length = min(zone, end - start)
        if case == 'conventional' and len(zones) < 3:
            zones.append((start, length, length, 0, NO_POINTER, CONVENTIONAL))
        else:
            capacity = 6144 if case == 'capacity' else length
            zones.append((start, length, capacity, 0, EMPTY, SEQUENTIAL))
    return zones


def no_zones(g, z):
    assert z.queue('zoned', 'chunk_sectors') == ['none', '0']
    assert 'nable to' in g.fails(f'blkzone report {z.dev}')
    g.fio(z.dev, rw='randwrite', bs='4k', size='1m', offset='40m', verify='crc32c', do_verify=1, verify_fatal=1)
