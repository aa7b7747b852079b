# SPDX-License-Identifier: GPL-2.0-only
"""Without the parameter the descriptors are direct if as many small requests as wanted fit into the ring, three slots
each; how large the ring is follows from the segment limit."""

from tests import boots, policy, sim

CASES = {boots.SIM: ['queue_depth=0', 'queue_depth=16', 'queue_depth=85']}
HELPERS = ('virtio_blk_sim',)
PARAMS = None
# device -> with which depths wanted its descriptors are direct
CHOICES = {
    'large queue_size=256 seg_max=254': {0, 16},
    'enough queue_size=256 seg_max=192': {0, 16},
    'short queue_size=256 seg_max=191': {16},
    'huge queue_size=1024 seg_max=1022': {0, 16, 85},
    'small queue_size=64 seg_max=62': {16},
    'tiny queue_size=16 seg_max=14': set(),
    'silent queue_size=256 -seg_max': set(),
    'only-direct queue_size=16 seg_max=14 -indirect_desc': {0, 16, 85},
}


def test(g, parameter):
    g.load(parameter)
    depth = int(parameter.partition('=')[2])
    with sim.devices(g, *CHOICES) as disks:
        for disk, direct in zip(disks, CHOICES.values()):
            header, queue = g.out(f'cat /sys/kernel/debug/virtio_blk/{disk.disk}/queues').splitlines()
            used = dict(zip(header.split(), queue.split()))['descriptors']
            assert used == policy.DESCRIPTORS['0' if depth in direct else '1'], f'{disk.serial}: {used}'
