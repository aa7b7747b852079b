# SPDX-License-Identifier: GPL-2.0-only
"""An I/O that fails on the device fails for its application, and for nobody else."""

from tests import boots
from tests.machine import verified

CASES = {boots.ERRORS: ['fail-read', 'fail-write', 'fail-flush', 'fail-zeroes']}
BAD = 2048              # the sector that boots.ERRORS breaks


def test(g, disk):
    dev = g.dev(disk)
    # A neighbour that was merged with the bad block fails with it.
    g.sh(f'echo 2 > /sys/block/{g.disk(disk)}/queue/nomerges')
    CHECKS[disk](g, dev)
    g.fio(dev, **verified(size='512k'))
    g.fio(dev, **verified(size='256k', offset='8m', offset_increment='8m', numjobs=2))


def fail_read(g, dev):
    for _ in range(3):
        assert 'rror' in g.fails(f'dd if={dev} of=/dev/null bs=4k count=1 skip={BAD // 8} iflag=direct')
    g.sh(f'dd if={dev} of=/dev/null bs=4k count=1 skip={BAD // 8 + 1} iflag=direct 2>/dev/null')
    # Among many good ones: exactly those that touch the sector.
    errors = g.fio_errors(dev, rw='randread', bs='4k', offset='512k', size='2m')
    assert errors == 1, f'{errors} errors instead of one'


def fail_write(g, dev):
    for _ in range(3):
        assert 'rror' in g.fails(f'dd if=/dev/zero of={dev} bs=4k count=1 seek={BAD // 8} oflag=direct')
    errors = g.fio_errors(dev, rw='randwrite', bs='4k', offset='512k', size='2m')
    assert errors == 1, f'{errors} errors instead of one'


def fail_flush(g, dev):
    write = f'dd if=/dev/zero of={dev} bs=4k count=1 conv=fsync'
    assert 'rror' in g.fails(write)
    g.sh(write)


def fail_zeroes(g, dev):
    assert 'rror' in g.fails(f'blkdiscard -l 1048576 {dev}')
    g.sh(f'blkdiscard -l 1048576 {dev}')
    # The kernel writes zeroes itself where the device's own operation failed, or reports the error.
    g.sh(f'blkdiscard -z -l 1048576 {dev}', check=False)
    g.sh(f'blkdiscard -z -l 1048576 {dev}')


CHECKS = {'fail-read': fail_read, 'fail-write': fail_write, 'fail-flush': fail_flush, 'fail-zeroes': fail_zeroes}
