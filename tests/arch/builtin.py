# SPDX-License-Identifier: GPL-2.0-only
"""Where the kernel has virtio_blk built in, this driver is a second module, virtio_blk_oot: it takes the devices that
it is told to, by unbind and bind, and its disks are vd_a, vd_b and so on.

The tests run one after the other, in one guest.
"""

from tests import boots
from tests.boot import MIB, Boot, disk
from tests.machine import verified

BOOT = Boot('builtin', (
    disk('stays', size=32 * MIB),
    disk('moves', {'num-queues': boots.QUEUES}, size=32 * MIB),
    disk('comes', plugged=False, size=32 * MIB),
), args=boots.root_ports(2))
MODULE = 'virtio_blk_oot'
BUS = '/sys/bus/virtio'
# Of everything that a queue shows, what its driver does not decide, or is meant to be another's
LIMITS = 'cd /sys/block/{}/queue; grep "" $(find . -type f ! -path "*/iosched/*" ! -name io_timeout | sort)'


def takes_nothing_by_itself(g):
    """Not even a device that nobody has."""
    before = g.disks()
    assert sorted(before) == ['moves', 'stays'], before
    name = g.disk('moves')
    g.cache['device'] = device = g.out(f'basename $(readlink -f /sys/block/{name}/device)')
    g.cache['shown'] = g.out(LIMITS.format(name))
    g.fio(f'/dev/{name}', **verified(size='1m', do_verify=0))
    g.sh(f'echo {device} > {BUS}/drivers/virtio_blk/unbind; insmod /modules/{MODULE}.ko')
    assert g.disks() == {'stays': before['stays']}
    assert g.out(f'cd {BUS}/drivers; echo {MODULE}/virtio*') == f'{MODULE}/virtio*'


def takes_what_it_is_given(g):
    g.sh(f'echo {g.cache["device"]} > {BUS}/drivers/{MODULE}/bind')
    assert g.disks() == {'stays': ['vda'], 'moves': ['vd_a']}
    assert g.out(LIMITS.format('vd_a')) == g.cache['shown']
    assert g.out(f'ls /sys/kernel/debug/{MODULE}') == 'vd_a'
    # What was written through the other driver, and what this one writes.
    g.fio('/dev/vd_a', rw='randread', bs='4k', size='1m', verify='crc32c', verify_fatal=1, randrepeat=0)
    with g.busy('/dev/vda'):
        g.fio('/dev/vd_a', **verified(numjobs=4, size='1m', offset_increment='8m', iodepth=32))


def partitions_have_nodes(g):
    g.sh('echo "size=4M" | sfdisk -q --label dos /dev/vd_a; blockdev --rereadpt /dev/vd_a')
    g.until('[ -b /dev/vd_a1 ]', 'vd_a1 is there')
    g.fio('/dev/vd_a1', **verified(size='256k'))


def new_disks_are_the_kernels(g):
    g.plug('comes', **g.slot())
    g.until('[ -e /sys/block/vdb ]', 'the disk is there')
    assert g.disks() == {'stays': ['vda'], 'moves': ['vd_a'], 'comes': ['vdb']}
    g.unplug('comes')


def gives_back(g):
    g.sh(f'rmmod {MODULE}')
    assert g.disks() == {'stays': ['vda']}
    g.sh(f'echo {g.cache["device"]} > {BUS}/drivers_probe')
    assert g.disks() == {'stays': ['vda'], 'moves': ['vdb']}
    g.fio('/dev/vdb', **verified(size='256k'))


TESTS = (takes_nothing_by_itself, takes_what_it_is_given, partitions_have_nodes, new_disks_are_the_kernels, gives_back)
