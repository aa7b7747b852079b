# SPDX-License-Identifier: GPL-2.0-only
"""The module goes when nobody uses its disks, refuses when somebody does, and comes back as often as one likes."""

from tests import boots
from tests.machine import verified

CASES = {boots.HOTPLUG: ['busy', 'loop'], boots.MICROVM: ['loop']}


def test(g, case):
    disk = 'stays' if g.boot is boots.HOTPLUG else 'split-4q'
    if case == 'busy':
        said = g.fails(f'exec 3< {g.dev(disk)}; rmmod virtio_blk')
        assert 'busy' in said.lower() or 'in use' in said or 'unavailable' in said, said
        g.fio(g.dev(disk), **verified(size='256k'))
        return
    for _ in range(20):
        g.reload()
        g.sh(f'dd if={g.dev(disk)} of=/dev/null bs=64k count=4 iflag=direct 2>/dev/null')
    # Right after the I/O, right after the probe.
    for _ in range(5):
        g.sh(f'dd if={g.dev(disk)} of=/dev/null bs=64k count=4 2>/dev/null; rmmod virtio_blk')
        g.load()
        g.reload()
