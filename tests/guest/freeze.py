# SPDX-License-Identifier: GPL-2.0-only
"""Hibernation's freeze and thaw of the device, at each test level the kernel offers, under verified I/O."""

from tests import boots
from tests.machine import verified
from tests.sleeping import sleep_through

CASES = {boots.SUSPEND: ['freezer', 'devices', 'platform', 'core']}
ROUNDS = {'freezer': 1, 'devices': 5, 'platform': 1, 'core': 1}


def test(g, level):
    g.sh(f'echo {level} > /sys/power/pm_test')
    disks = ('1q', '4q', 'packed-4q', 'intx')
    with g.busy(*map(g.dev, disks)):
        for _ in range(ROUNDS[level]):
            sleep_through(g, 'echo disk > /sys/power/state', 'PM: hibernation: hibernation exit')
    g.sh('echo none > /sys/power/pm_test')
    for disk in disks:
        g.fio(g.dev(disk), **verified(size='256k'))
