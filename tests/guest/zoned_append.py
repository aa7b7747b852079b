# SPDX-License-Identifier: GPL-2.0-only
"""Zone appends say where their data went, and it is there."""

import hashlib

from tests import boots, sim

CASES = {boots.SIM: ['4q', 'direct', 'random']}
SPEC = ('5.2.6.1',)
HELPERS = ('virtio_blk_sim', 'zone_append')
OPTIONS = {'4q': 'queues=4', 'direct': '-indirect_desc', 'random': 'queues=2'}
RUN, LANDED = '/sys/module/zone_append/parameters/run', '/sys/module/zone_append/parameters/landed'
START, SECTORS, COUNT = 2 * 8192, 8, 48


def test(g, case):
    with sim.device(g, f'{case} zoned=host-managed conventional=1 {OPTIONS[case]}') as z:
        g.sh('insmod /modules/zone_append.ko')
        if case == 'random':
            z.set('order', 'random')
            z.set('latency_us', 100)
        assert z.queue('zone_append_max_bytes') == [str(1024 * 512)]
        with z.counting() as done:
            first, second = append(g, z, START), append(g, z, START)
        assert done['zone_append'] == 2 * COUNT and 'errors' not in done, done
        places = [START + SECTORS * n for n in range(2 * COUNT)]
        assert sorted(first) == places[:COUNT] and sorted(second) == places[COUNT:], f'{first} then {second}'
        check_data(g, z, first, second)
        assert z.zones(f'-o {START} -c 1')[0][3] == 2 * COUNT * SECTORS
        full(g, z)
        g.sh('rmmod zone_append')


def append(g, z, start):
    return [int(word) for word in g.out(f'echo "{z.dev} {start} {SECTORS} {COUNT}" > {RUN}; cat {LANDED}').split(',')]


def check_data(g, z, *runs):
    """The n-th append of a run holds bytes of value n."""
    blocks = {sector: number for landed in runs for number, sector in enumerate(landed)}
    want = b''.join(bytes([blocks[sector]]) * SECTORS * 512 for sector in sorted(blocks))
    seen = g.out(f'dd if={z.dev} bs=4k skip={START // SECTORS} count={len(blocks)} iflag=direct 2>/dev/null | md5sum')
    assert seen.split()[0] == hashlib.md5(want).hexdigest(), f'the data is not where the appends said: {runs}'


def full(g, z):
    start = START + 8192
    assert g.out(f'''set -e
        blkzone finish -o {start} -c 1 {z.dev}
        echo "{z.dev} {start} {SECTORS} 1" > {RUN}; cat {LANDED}''') == '-5'
