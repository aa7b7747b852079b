# SPDX-License-Identifier: GPL-2.0-only
"""The module goes when nobody uses its disks, refuses when somebody does, and comes back as often as one likes."""

from tests import boots
from tests.machine import verified

CASES = {boots.HOTPLUG: ['busy', 'loop'], boots.MICROVM: ['loop']}
LONG = {boots.MICROVM: ['loop']}


def test(g, case):
    disk = 'stays' if g.boot is boots.HOTPLUG else 'split-4q'
    if case == 'busy':
        said = g.fails(f'exec 3< {g.dev(disk)}; rmmod virtio_blk')
        assert 'busy' in said.lower() or 'in use' in said or 'unavailable' in said, said
        g.fio(g.dev(disk), **verified(size='256k'))
        return
    dev = g.dev(disk)
    read = f'dd if={dev} of=/dev/null bs=64k count=4 iflag=direct 2>/dev/null'
    # The second loop unloads right after the I/O and right after the probe.
    g.sh(f"""set -e
        for i in $(seq 4); do rmmod virtio_blk; insmod {g.module_path}; {read}; done
        for i in $(seq 2); do {read}; rmmod virtio_blk; insmod {g.module_path}; rmmod virtio_blk
            insmod {g.module_path}; done""")
    g.fio(g.dev(disk), **verified(size='256k'))
