# SPDX-License-Identifier: GPL-2.0-only
"""A device that is reset behind the driver's back, or may not reach memory any more, works again, and no I/O is lost."""

from tests import boots

CASES = {boots.HOTPLUG: ['function-level', 'bus-master']}
ROUNDS = 2
# PCI's command register: memory space on, bus master off.
NO_MASTER = r"printf '\002\000' | dd of={pci}/config bs=1 seek=4 conv=notrunc 2>/dev/null"
RESETS = {'function-level': 'echo flr > {pci}/reset_method && echo 1 > {pci}/reset', 'bus-master': NO_MASTER}


def test(g, case):
    for disk in ('one', 'two'):
        g.plug(disk, **g.slot())
        g.until(f'grep -qsx {disk} /sys/block/vd*/serial', f'{disk} appears')
    names = [g.disk(disk) for disk in ('one', 'two')]
    for name in names:
        # How soon the block layer asks the driver to look after a request (ms).
        g.sh(f'echo 2000 > /sys/block/{name}/queue/io_timeout')
    with g.busy(*(f'/dev/{name}' for name in names)):
        for _ in range(ROUNDS):
            for name in names:
                g.sh(RESETS[case].format(pci=f'$(readlink -f /sys/block/{name}/device/..)'))
            before = {name: done(g, name) for name in names}
            for name in names:
                g.until(f'[ $(awk \'{{ print $5 }}\' /sys/block/{name}/stat) -gt {before[name] + 100} ]',
                        f'{name} completes requests again')
    g.unplug('one', 'two')


def done(g, name):
    return int(g.attribute(name, 'stat').split()[4])
