# SPDX-License-Identifier: GPL-2.0-only
"""A device that gets no virtqueues after a sleep, or after a reset, fails its I/O instead of holding it for ever. If
the virtio core cannot restore it, the driver is not asked: I/O waits for the next sleep to end better, or for the
driver to let go of the device."""

from tests import boots, sim
from tests.machine import PATIENCE, verified

CASES = {boots.SIM_FAULTS: ['sleep', 'reset-once', 'reset', 'core-idle', 'core-sleep', 'core-unbind']}
HELPERS = ('virtio_blk_sim',)
READ = 'dd if={dev} of=/dev/null bs=4k count=1 iflag=direct'
SLEEP = 'echo 1 > {folder}/sleep'
DRIVER = '/sys/bus/virtio/drivers/virtio_blk'


def test(g, case):
    with sim.device(g, f'{case} queues=2') as disk:
        if case.startswith('core'):
            core_fails(g, disk, case)
        else:
            driver_fails(g, disk, case)


def driver_fails(g, disk, case):
    read = READ.format(dev=disk.dev)
    with g.messages() as log, g.busy(disk.dev, errors=True):
        disk.fault('no_vqs', {'sleep': 1, 'reset-once': 1, 'reset': -1}[case])
        if case == 'sleep':
            g.fails(SLEEP.format(folder=disk.folder))
        else:
            disk.set('needs_reset', 1)
        if case != 'reset-once':
            g.until(f'! {read} 2>/dev/null', 'the disk fails')
    given_up = any('does not work any more' in line for line in log)
    if case == 'reset-once':
        assert not given_up, log
        g.sh(read)
    else:
        assert given_up, log
        assert 'Input/output error' in g.fails(read)


def core_fails(g, disk, case):
    sleep = SLEEP.format(folder=disk.folder)
    disk.fault('no_features')
    g.fails(sleep)
    if case == 'core-idle':
        g.sh(sleep)
        return g.fio(disk.dev, **verified(size='512k'))
    reading = g.spawn(READ.format(dev=disk.dev))
    g.until('grep -qs "^State:.D" /proc/$(pidof dd)/status', 'the read waits')
    if case == 'core-sleep':
        g.sh(sleep)
        g.finish(reading, 'the read that had to wait')
    else:
        g.sh(f'echo {disk.virtio} > {DRIVER}/unbind')
        assert reading.wait(PATIENCE, check=False).rc, 'a read of a device that is not there succeeded'
        g.sh(f'echo {disk.virtio} > {DRIVER}/bind')
    g.fio(g.dev(case), **verified(size='512k'))
