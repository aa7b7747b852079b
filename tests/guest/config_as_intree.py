# SPDX-License-Identifier: GPL-2.0-only
"""Each field of the configuration gives the limits, messages and refusals that the in-tree driver gives it, also
where its value makes no sense."""

import difflib
import re

from tests import boots, sim, snapshot
from tests.machine import Skip

# serial: options. All of them are in the guest at the same time, to compare many with few loads of a driver; those
# that an in-tree driver may not know come last, as they take names.
GROUPS = {
    'sizes': {
        'size_max': '+size_max', 'size_max-4k': '+size_max size_max=4096', 'size_max-odd': '+size_max size_max=70000',
        'seg_max-0': 'seg_max=0', 'seg_max-1': 'seg_max=1', 'no-seg_max': '-seg_max', 'seg_max-62': 'queue_size=64',
        'blk_size-4k': 'blk_size=4096', 'no-blk_size': '-blk_size', 'capacity-0': 'capacity=0',
        'capacity-odd': 'blk_size=4096 capacity=131073', 'capacity-large': 'capacity=0xffffffffffff',
    },
    'topology': {
        'topology': 'physical_block_exp=3 alignment_offset=1 min_io_size=8 opt_io_size=128',
        'exp-0': 'min_io_size=2', 'exp-only': 'physical_block_exp=1', 'opt-odd': 'opt_io_size=7',
        'no-topology': '-topology physical_block_exp=3', 'large-io': 'opt_io_size=65536 min_io_size=64',
        'geometry': '+geometry cylinders=100 heads=7 sectors=17', 'geometry-0': '+geometry',
    },
    'cache': {
        'wce-1': '', 'wce-0': 'writeback=0', 'wce-0-no-flush': 'writeback=0 -flush', 'wce-1-no-flush': '-flush',
        'no-wce': '-config_wce', 'no-wce-no-flush': '-config_wce -flush', 'ro': '+ro',
    },
    'queues': {
        '4q': 'queues=4', '9q': 'queues=9', '2q-legacy': 'queues=2 -version_1', 'no-mq': 'queues=4 -mq',
        'noevent': '-event_idx', 'direct': '-indirect_desc', 'dma': '+access_platform',
    },
    'erase': {
        'discard': 'max_discard_sectors=2048 max_discard_seg=4 discard_sector_alignment=8',
        'discard-0': 'max_discard_sectors=0 max_discard_seg=0 discard_sector_alignment=0',
        'discard-many': 'max_discard_seg=1000 -secure_erase', 'no-discard': '-discard', 'no-erase': '-secure_erase',
        'neither': '-discard -secure_erase', 'zeroes': 'max_write_zeroes_sectors=4096',
        'zeroes-0': 'max_write_zeroes_sectors=0', 'no-zeroes': '-write_zeroes',
        'erase': 'max_secure_erase_sectors=64 max_secure_erase_seg=2 secure_erase_sector_alignment=16',
        'erase-finer': 'discard_sector_alignment=32 secure_erase_sector_alignment=8',
    },
    'refused': {
        'erase-sectors-0': 'max_secure_erase_sectors=0', 'erase-seg-0': 'max_secure_erase_seg=0',
        'erase-align-0': 'secure_erase_sector_alignment=0', 'queues-0': '+mq num_queues=0',
        'blk_size-1000': 'blk_size=1000', 'blk_size-256': 'blk_size=256', 'blk_size-0': 'blk_size=0', 'accepted': '',
    },
    'zoned': {
        'zoned': 'zoned=host-managed', 'limits': 'zoned=host-managed max_open_zones=3 max_active_zones=6',
        'granular': 'zoned=host-managed write_granularity=4096 max_append_sectors=64',
        'runt': 'zoned=host-managed size=63M',
        'aware': 'zoned=host-aware', 'none': '+zoned model=0', 'zoned-discard': 'zoned=host-managed +discard',
        'model-9': 'zoned=host-managed model=9', 'granularity-0': 'zoned=host-managed write_granularity=0',
        'append-0': 'zoned=host-managed max_append_sectors=0',
        'append-1': 'zoned=host-managed max_append_sectors=1 write_granularity=4096',
        'sectors-0': 'zoned=host-managed zone_sectors=0', 'sectors-6000': 'zoned=host-managed zone_sectors=6000',
    },
}
SERIALS = [serial for group in GROUPS.values() for serial in group]
assert len(set(SERIALS)) == len(SERIALS), 'two devices share a serial'
# A probe that ends early might leak.
CASES = {boots.SIM: list(GROUPS), boots.SIM_FAULTS: ['refused']}
NEWEST = {boots.SIM_FAULTS: None}
SPEC = ('2.2.1', '2.5.1', '3.1.1', '5.2.5.1', '5.2.6.1')
HELPERS = ('virtio_blk_sim',)
PARAMS = None


def test(g, group):
    if group == 'zoned' and g.kernel.source.series < (6, 3):
        raise Skip(f'the in-tree driver of {g.kernel.source.name} has no zones')
    theirs, ours = ({serial: seen[serial] for serial in GROUPS[group]} for seen in both(g))
    if group == 'zoned' and g.kernel.source.series < (7, 0):
        # Older in-tree drivers forget it; ours sets it as the newest one does.
        theirs['granular'] = [re.sub('^(queue/zone_write_granularity):512$', r'\1:4096', line)
                              for line in theirs['granular']]
    diff = [line for serial in theirs
            for line in difflib.unified_diff(theirs[serial], ours[serial], f'{serial}: in-tree', g.module, n=0,
                                             lineterm='')]
    assert not diff, f'{len(diff)} lines differ\n' + '\n'.join(diff)


def both(g):
    """What either module shows of all devices of the boot."""
    if both not in g.cache:
        lines = [f'{serial} {options}' for group in CASES[g.boot] for serial, options in GROUPS[group].items()]
        with sim.devices(g, *lines) as made:
            g.cache[both] = [everything(g, module, made) for module in ('in-tree', g.module)]
    return g.cache[both]


def everything(g, module, made):
    """{serial: what can be seen of it} with one module, also of the devices that it refuses."""
    with g.messages() as log:
        seen = snapshot.take(g, module, '')
    for device in made:
        seen.setdefault(device.serial, [f'refused: {line}' for line in log if f'{device.virtio}:' in line])
    return seen
