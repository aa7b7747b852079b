# SPDX-License-Identifier: GPL-2.0-only
"""A disk that is pulled out while it is in use goes without a hang: under I/O, with a mount, with an open handle."""

from tests import boots, usage

CASES = {boots.HOTPLUG: ['io-one', 'io-two', 'io-three', 'mounted-two', 'open-one']}
LONG = {boots.HOTPLUG: ['io-one']}
NEWEST = {boots.HOTPLUG: ['io-three']}
# The file system of a disk that is gone complains, as it should.
ALLOW = ('EXT4-fs error', 'JBD2: .*[Ee]rror')


def test(g, case):
    how, disk = case.split('-')
    g.plug(disk, **g.slot())
    g.until(f'grep -qsx {disk} /sys/block/vd*/serial', f'{disk} appears')
    name = g.disk(disk)
    with g.busy(g.dev('stays')):
        with usage.USES[how](g, name):
            g.unplug(disk)
            g.until(f'[ ! -e /sys/block/{name} ]', f'{name} is gone')
