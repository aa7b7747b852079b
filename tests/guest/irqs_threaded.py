# SPDX-License-Identifier: GPL-2.0-only
"""With interrupt handlers in threads (`threadirqs`), which have interrupts off, I/O is right and the log is clean."""

from tests import boots
from tests.machine import verified

CASES = {boots.THREADIRQS: ['interrupts', 'poll_queues=1']}
NEWEST = {boots.THREADIRQS: None}
PARAMS = None


def test(g, case):
    g.load(case if '=' in case else '')
    disks = ('1q', '4q', 'intx') if case == 'interrupts' else ('4q',)
    if case == 'interrupts':
        assert int(g.out(r"grep -l 'irq/[0-9]*-virtio' /proc/[0-9]*/comm 2>/dev/null | wc -l")) > 1, 'no threads'
    devs = [g.dev(disk) for disk in disks]
    g.fio(*devs, **verified(numjobs=4, size='512k', offset_increment='8m', iodepth=32))
    polled = {'hipri': 1} if case != 'interrupts' else {}
    g.fio(*devs, **verified(numjobs=4, size='512k', offset_increment='8m', ioengine='io_uring', **polled,
                            iodepth_batch_submit=8, iodepth_batch_complete_min=1, iodepth_batch_complete_max=8))
