# SPDX-License-Identifier: GPL-2.0-only
"""Hibernation's freeze and thaw of the device, at each test level the kernel offers, under verified I/O."""

from tests import boots, usage

CASES = {boots.FREEZE: ['freezer', 'devices', 'platform', 'core']}
# The first stops before it comes to a device; the last does all that platform does.
LONG = {boots.FREEZE: ['freezer', 'platform']}
DISKS = [disk.id for disk in boots.FREEZE.disks]
ROUNDS = {'freezer': 1, 'devices': 2, 'platform': 1, 'core': 1}


def test(g, level):
    g.sh(f'echo {level} > /sys/power/pm_test')
    with g.busy(*map(g.dev, DISKS), **usage.sleeps_well(4), size='64k'):
        for _ in range(ROUNDS[level]):
            g.sh('echo disk > /sys/power/state')
    g.sh('echo none > /sys/power/pm_test')
