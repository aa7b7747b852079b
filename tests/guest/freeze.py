# SPDX-License-Identifier: GPL-2.0-only
"""Hibernation's freeze and thaw of the device, at each test level the kernel offers, under verified I/O."""

from tests import boots
from tests.machine import verified

CASES = {boots.SUSPEND: ['freezer', 'devices', 'platform', 'core']}
ROUNDS = {'freezer': 1, 'devices': 3, 'platform': 1, 'core': 1}


def test(g, level):
    g.sh(f'''echo {level} > /sys/power/pm_test
        delay=/sys/module/hibernate/parameters/pm_test_delay; [ ! -e $delay ] || echo 1 > $delay''')
    disks = ('1q', '4q', 'packed-4q', 'intx')
    with g.busy(*map(g.dev, disks)):
        for _ in range(ROUNDS[level]):
            g.sh('echo disk > /sys/power/state')
    g.sh('echo none > /sys/power/pm_test')
    for disk in disks:
        g.fio(g.dev(disk), **verified(size='256k'))
