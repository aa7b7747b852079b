# SPDX-License-Identifier: GPL-2.0-only
"""Without the parameter the descriptors are indirect, if the device offers them, so that as many requests are in flight
as the ring has slots: unless the ring surely holds as many as wanted of the largest, which is one."""

from tests import boots, policy, sim

CASES = {boots.SIM: ['queue_depth=0', 'queue_depth=1', 'queue_depth=2']}
HELPERS = ('virtio_blk_sim',)
PARAMS = None
# device -> with which depths wanted its descriptors are direct
CHOICES = {
    'usual queue_size=256 seg_max=254': {1},
    'roomy queue_size=1024 seg_max=1': {1},
    'tiny queue_size=16 seg_max=14': {1},
    'silent queue_size=256 -seg_max': set(),
    'only-direct queue_size=16 seg_max=14 -indirect_desc': {0, 1, 2},
}


def test(g, parameter):
    g.load(parameter)
    depth = int(parameter.partition('=')[2])
    with sim.devices(g, *CHOICES) as disks:
        for disk, direct in zip(disks, CHOICES.values()):
            header, queue = g.out(f'cat /sys/kernel/debug/virtio_blk/{disk.disk}/queues').splitlines()
            used = dict(zip(header.split(), queue.split()))['descriptors']
            assert used == policy.DESCRIPTORS['0' if depth in direct else '1'], f'{disk.serial}: {used}'
