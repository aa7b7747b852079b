# SPDX-License-Identifier: GPL-2.0-only
"""A request that is never answered, or a device that asks for it, leads to a reset, after which everything is issued
again; a device that resets do not help is given up."""

from tests import boots, sim
from tests.machine import verified

TIMEOUT = 3     # seconds
CASES = {boots.SIM_FAULTS: ['lose', 'late', 'lose-append', 'lose-all', 'needs_reset']}
NEWEST = {boots.SIM_FAULTS: ['late', 'lose-append']}
SPEC = ('2.1.1', '3.1.1', '3.3.1')
HELPERS = ('virtio_blk_sim', 'zone_append')
PARAMS = f'io_timeout={TIMEOUT}'


def test(g, case):
    with sim.device(g, f'{case} queues=2' + (' zoned=host-managed' if case == 'lose-append' else '')) as disk:
        with g.messages() as log:
            CHECKS[case](g, disk)
        resets = sum('resetting the device' in line for line in log)
        assert resets == 3 if case == 'lose-all' else resets, log


def lose(g, disk):
    disk.fault('lose', 3)
    g.fio(disk.dev, **verified(size='2m', numjobs=2, offset_increment='8m'))


def late(g, disk):
    """What the device answers to after the reset is not for the request that was issued again."""
    disk.set('late_ms', 1000 * TIMEOUT + 1500)
    disk.fault('late', 2)
    g.fio(disk.dev, **verified(size='1m', numjobs=2, offset_increment='8m', time_based=1, runtime=3 * TIMEOUT))


def lose_append(g, disk):
    """It may have been carried out: issued again it would be there twice."""
    parameters = '/sys/module/zone_append/parameters'
    disk.fault('lose')
    landed = g.out(f'''set -e
        insmod /modules/zone_append.ko
        echo "{disk.dev} 0 8 1" > {parameters}/run; cat {parameters}/landed
        echo "{disk.dev} 0 8 1" > {parameters}/run; cat {parameters}/landed
        rmmod zone_append''').split()
    assert landed == ['-5', '0'], landed


def lose_all(g, disk):
    disk.fault('lose', -1)
    assert 'Input/output error' in g.fails(f'dd if={disk.dev} of=/dev/null bs=4k count=1 iflag=direct')
    disk.fault('lose', 0)
    assert 'Input/output error' in g.fails(f'dd if={disk.dev} of=/dev/null bs=4k count=1 iflag=direct')


def needs_reset(g, disk):
    with g.busy(disk.dev):
        for _ in range(3):
            disk.set('needs_reset', 1)
            before = int(g.attribute(disk.disk, 'stat').split()[4])
            g.until(f'[ $(awk \'{{ print $5 }}\' /sys/block/{disk.disk}/stat) -gt {before + 100} ]', 'writes again')


CHECKS = {'lose': lose, 'late': late, 'lose-append': lose_append, 'lose-all': lose_all, 'needs_reset': needs_reset}
