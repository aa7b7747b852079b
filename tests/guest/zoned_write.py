# SPDX-License-Identifier: GPL-2.0-only
"""Sequential writes reach their zone and move its write pointer; others fail, and change nothing."""

from tests import boots, sim

CASES = {boots.SIM: ['1q', '4q-direct']}
SPEC = ('5.2.6.1',)
HELPERS = ('virtio_blk_sim',)
OPTIONS = {'1q': '', '4q-direct': 'queues=4 -indirect_desc'}
ZONE = 8192
IMPLICITLY_OPEN, FULL = 2, 14


def test(g, case):
    with sim.device(g, f'{case} zoned=host-managed conventional=2 zone_cap=3M {OPTIONS[case]}') as z:
        sequential(g, z)
        misplaced(g, z)
        fills(g, z)
        z.set('order', 'lifo' if case == '1q' else 'random')
        with z.counting() as done:
            many_writers(g, z)
        assert 'errors' not in done, done


def sequential(g, z):
    g.sh(f'''set -e
        dd if=/dev/urandom of=/tmp/data bs=64k count=8 2>/dev/null
        dd if=/tmp/data of={z.dev} bs=64k seek=128 oflag=direct 2>/dev/null
        dd if={z.dev} bs=64k skip=128 count=8 iflag=direct 2>/dev/null | cmp - /tmp/data''')
    zone = z.zones(f'-o {2 * ZONE} -c 1')[0]
    assert zone[3] == 1024 and zone[4] == IMPLICITLY_OPEN, zone


def misplaced(g, z):
    for seek in (3 * 64 + 1, 2 * 64 + 3):       # past the pointer of an empty zone, before that of an open one
        assert 'rror' in g.fails(f'dd if=/tmp/data of={z.dev} bs=64k count=1 seek={seek} oflag=direct')
    assert [zone[3] for zone in z.zones(f'-o {2 * ZONE} -c 2')] == [1024, 0]
    g.sh(f'dd if={z.dev} bs=64k skip=128 count=8 iflag=direct 2>/dev/null | cmp - /tmp/data')


def fills(g, z):
    g.sh(f'dd if=/dev/zero of={z.dev} bs=64k count=48 seek=192 oflag=direct 2>/dev/null')
    zone = z.zones(f'-o {3 * ZONE} -c 1')[0]
    assert zone[4] == FULL, zone
    assert 'rror' in g.fails(f'dd if=/dev/zero of={z.dev} bs=64k count=1 seek=240 oflag=direct')


def many_writers(g, z):
    g.fio(z.dev, zonemode='zbd', rw='randwrite', bsrange='4k-64k', offset='16m', size='16m',
          io_size='3m', numjobs=2, offset_increment='16m', max_open_zones=8, iodepth=8, verify='crc32c', do_verify=1,
          verify_fatal=1)
