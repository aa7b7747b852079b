# SPDX-License-Identifier: GPL-2.0-only
"""The lies of tests/guest/device_faults.py and device_breaks.py, told by a device outside of QEMU: one that breaks the
rules of the ring is given up, with all that it had; one that lies about a request fails that one and no other."""

from tests import boots, vhost
from tests.machine import verified

CASES = {boots.VHOST: ['ring', 'requests', 'interrupts', 'capacity']}
IN_FLIGHT = 16
# How many of those that are in flight the device has done before.
BREAKING = {'bad_id': 0, 'not_in_flight': 0, 'duplicate': 1, 'index_jump': 1}
FAILING = ('no_status', 'nothing', 'bad_status', 'io_error')
DRIVER = '/sys/bus/virtio/drivers/virtio_blk'
READ = 'dd if={dev} of=/dev/null bs=4k count=1 iflag=direct'
WRITE = 'dd if=/dev/zero of={dev} bs=4k count=1 oflag=direct'


def test(g, case):
    with vhost.disk(g, case) as disk:
        CHECKS[case](g, disk)


def ring(g, disk):
    device = g.out(f'basename $(readlink -f /sys/block/{disk.disk}/device)')
    with g.messages() as log:
        for fault, right in BREAKING.items():
            disk.tell('fault', fault, 1, IN_FLIGHT)
            errors = g.out(f'''for i in $(seq {IN_FLIGHT}); do
                    {READ.format(dev=disk.dev)} skip=$((i * 100)) 2>&1 | grep -o 'Input/.*' &
                done; wait''').splitlines()
            assert errors == ['Input/output error'] * (IN_FLIGHT - right), f'{fault}: {errors}'
            with disk.counting() as done:
                errors = g.out(f'''for command in '{READ.format(dev=disk.dev)}' '{WRITE.format(dev=disk.dev)}'; do
                        $command 2>&1 | grep -o 'Input/.*'
                    done''').splitlines()
            assert errors == ['Input/output error'] * 2, f'{fault}: later: {errors}'
            assert not done, f'{fault}: the device still gets requests: {done}'
            if fault != 'index_jump':
                g.sh(f'set -e; cd {DRIVER}; echo {device} > unbind; echo {device} > bind; {READ.format(dev=disk.dev)}')
    g.reload()
    g.sh(READ.format(dev=g.dev(disk.name)))
    given_up = [line for line in log if 'does not work any more' in line]
    assert len(given_up) == len(BREAKING), log


def requests(g, disk):
    for fault in FAILING:
        disk.tell('fault', fault, 2)
        for command in (READ, WRITE):
            assert 'Input/output error' in g.fails(command.format(dev=disk.dev)), fault
        g.sh(READ.format(dev=disk.dev))
    disk.tell('fault', 'long_len', -1)
    g.fio(disk.dev, **verified(size='512k', bsrange='512-64k'))
    disk.tell('fault', 'long_len', 0)
    # Who has told the length of a read once is taken at its word; who never does may say anything.
    disk.tell('fault', 'short_len', -1)
    assert 'Input/output error' in g.fails(READ.format(dev=disk.dev)), 'a read without data'
    g.sh(WRITE.format(dev=disk.dev))
    rebind(g, disk)
    g.fio(disk.dev, **verified(size='512k', bsrange='512-64k'))
    disk.tell('fault', 'short_len', 0)


def rebind(g, disk):
    device = g.out(f'basename $(readlink -f /sys/block/{disk.disk}/device)')
    g.sh(f'set -e; cd {DRIVER}; echo {device} > unbind; echo {device} > bind')


def interrupts(g, disk):
    with disk.counting() as done, g.busy(disk.dev):
        for _ in range(10):
            disk.tell('interrupt', 100)
    assert done['interrupts'] > 1000, done


def capacity(g, disk):
    """Whatever the device says, also with I/O in flight: its requests fail or not, and all is well when it is sane."""
    size = vhost.SIZE // 512
    with g.busy(disk.dev, errors=True):
        for sectors in (0, 1 << 40, (1 << 63) - 1, (1 << 64) - 1, 7):
            disk.tell('capacity', sectors)
            g.until(f"dmesg | grep -q ': .{disk.disk}. new size: {sectors} '", f'{sectors} sectors')
    disk.tell('capacity', size)
    g.until(f'[ "$(cat /sys/block/{disk.disk}/size)" = {size} ]', f'{size} sectors again')
    g.fio(disk.dev, **verified(size='512k'))


CHECKS = {'ring': ring, 'requests': requests, 'interrupts': interrupts, 'capacity': capacity}
