# SPDX-License-Identifier: GPL-2.0-only
"""Secure erase reaches the device as such, within its limits, and erases what was asked for and nothing else."""

from tests import boots, sim
from tests.boot import MIB

CASES = {boots.SIM: ['plain', '4q', 'limits', 'one-range', 'zones']}
SPEC = ('5.2.6.2',)
HELPERS = ('virtio_blk_sim',)
OPTIONS = {'plain': '', '4q': 'queues=4',
           'limits': 'max_secure_erase_sectors=512 secure_erase_sector_alignment=8',
           'one-range': 'max_secure_erase_seg=1', 'zones': 'zoned=host-managed +secure_erase'}
OFFSET, SIZE, ALL, ZONED = MIB, 2 * MIB, 4 * MIB, 16 * MIB


def test(g, case):
    with sim.device(g, f'{case} size={(ZONED if case == "zones" else ALL) // MIB}M -discard {OPTIONS[case]}') as disk:
        if case == 'zones':
            return whole_zones(g, disk)
        g.sh(f'tr "\\0" x < /dev/zero | dd of={disk.dev} bs=64k iflag=fullblock oflag=direct 2>/dev/null', check=False)
        with disk.counting() as done:
            g.sh(f'blkdiscard -f --secure -o {OFFSET} -l {SIZE} {disk.dev}')
        most = SIZE // (512 * 512) if case == 'limits' else 1
        assert 1 <= done['secure_erase'] <= most and not {'discard', 'write_zeroes', 'errors'} & set(done), done
        for start, length, word in ((0, OFFSET, 'x'), (OFFSET, SIZE, '\\0'), (OFFSET + SIZE, ALL - OFFSET - SIZE, 'x')):
            left = g.out(f'dd if={disk.dev} bs=64k skip={start // 65536} count={length // 65536} iflag=direct '
                         f'2>/dev/null | tr -d "{word}" | wc -c')
            assert left == '0', f'{left} bytes from {start} on are wrong'
        assert disk.queue('discard_max_bytes') == ['0']
        assert 'not supported' in g.fails(f'blkdiscard -f {disk.dev}').lower()


def whole_zones(g, disk):
    zone = 512 * int(disk.queue('chunk_sectors')[0])
    for start, length, right in ((0, zone, True), (zone, zone // 2, False), (zone + zone // 2, zone // 2, False)):
        erase = f'blkdiscard -f --secure -o {start} -l {length} {disk.dev}'
        with disk.counting() as done:
            if right:
                g.sh(erase)
            else:
                assert 'not supported' in g.fails(erase).lower()
        assert done.get('secure_erase', 0) == right, done
