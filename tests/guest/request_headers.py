# SPDX-License-Identifier: GPL-2.0-only
"""Each kind of request has the header and the payload that the specification wants (VIRTIO 1.3, 5.2.6)."""

from tests import boots, sim

CASES = {boots.SIM: ['plain', 'zoned']}
SPEC = ('2.1.1', '2.7.4.2', '3.1.1', '5.2.6.1')
HELPERS = ('virtio_blk_sim', 'zone_append')
IN, OUT, FLUSH, GET_ID, DISCARD, WRITE_ZEROES, SECURE_ERASE = 0, 1, 4, 8, 11, 13, 14
APPEND, REPORT, OPEN, CLOSE, FINISH, RESET, RESET_ALL = 15, 16, 18, 20, 22, 24, 26
RANGE = 16      # bytes
REALTIME = 1 << 13


def test(g, case):
    options = {'plain': '', 'zoned': 'zoned=host-managed'}[case]
    with sim.device(g, f'{case} queues=2 {options}') as disk:
        for kind, fields, command in {'plain': plain, 'zoned': zoned}[case](disk):
            g.sh(command)
            got = disk.requests(kind)
            assert got, f'no request of type {kind} after: {command}'
            seen = {name: getattr(got[-1], name) for name in fields}
            assert seen == fields and got[-1].status == 0, f'{command}: {got[-1]} instead of {fields}'


def plain(disk):
    dev = disk.dev
    read, write = f'dd of=/dev/null iflag=direct if={dev}', f'dd if=/dev/zero of={dev}'
    yield IN, {'sector': 2048, 'in_len': 65536, 'out_len': 0}, f'{read} bs=64k skip=16 count=1'
    yield OUT, {'sector': 4096, 'in_len': 0, 'out_len': 4096}, f'{write} bs=4k seek=512 count=1 oflag=direct'
    yield IN, {'sector': 8, 'ioprio': REALTIME | 3}, f'ionice -c 1 -n 3 {read} bs=4k skip=1 count=1'
    yield FLUSH, {'sector': 0, 'in_len': 0, 'out_len': 0, 'segments': 0}, f'{write} bs=4k count=1 conv=fsync'
    yield GET_ID, {'sector': 0, 'in_len': 20, 'out_len': 0}, f'cat /sys/block/{disk.disk}/serial'
    erased = {'sector': 0, 'in_len': 0, 'out_len': RANGE, 'segments': 1}
    yield DISCARD, erased, f'blkdiscard -f -o 1M -l 1M {dev}'
    yield WRITE_ZEROES, erased, f'blkdiscard -f -z -o 1M -l 1M {dev}'
    yield SECURE_ERASE, erased, f'blkdiscard -f --secure -o 1M -l 1M {dev}'


def zoned(disk):
    dev = disk.dev
    yield REPORT, {'sector': 16384, 'out_len': 0}, f'blkzone report -o 16384 -c 1 {dev}'
    managed = {'sector': 16384, 'out_len': 0, 'in_len': 0, 'segments': 0}
    for kind, name in ((OPEN, 'open'), (CLOSE, 'close'), (FINISH, 'finish'), (RESET, 'reset')):
        yield kind, managed, f'blkzone {name} -o 16384 -c 1 {dev}'
    yield RESET_ALL, {'sector': 0, 'out_len': 0, 'in_len': 0, 'segments': 0}, f'blkzone reset {dev}'
    yield APPEND, {'sector': 24576, 'out_len': 4096, 'in_len': 0, 'segments': 1}, f'''set -e
        insmod /modules/zone_append.ko
        echo "{dev} 24576 8 1" > /sys/module/zone_append/parameters/run
        rmmod zone_append'''
