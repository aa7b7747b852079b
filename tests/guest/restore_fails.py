# SPDX-License-Identifier: GPL-2.0-only
"""A device that gets no virtqueues after a sleep, or after a reset, fails its I/O instead of holding it for ever."""

from tests import boots, sim, usage

CASES = {boots.SIM: ['sleep', 'reset-once', 'reset']}
HELPERS = ('virtio_blk_sim',)


def test(g, case):
    with sim.device(g, f'{case} queues=2') as disk:
        read = f'dd if={disk.dev} of=/dev/null bs=4k count=1 iflag=direct'
        with g.messages() as log, g.busy(disk.dev, errors=True, ioengine=usage.SLEEPS_WELL):
            disk.fault('no_vqs', {'sleep': 1, 'reset-once': 1, 'reset': -1}[case])
            if case == 'sleep':
                g.sh('''echo devices > /sys/power/pm_test
                    delay=/sys/module/hibernate/parameters/pm_test_delay; [ ! -e $delay ] || echo 1 > $delay
                    echo disk > /sys/power/state; echo none > /sys/power/pm_test''')
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
