# SPDX-License-Identifier: GPL-2.0-only
"""A request whose buffers cannot be mapped is tried again, also if the device has none whose end would bring the driver
back: all of them complete, and nothing stays mapped."""

from tests import boots, sim
from tests.machine import Skip, verified

CASES = {boots.SIM_FAULTS: ['random', 'random-direct', 'random-4q', 'each', 'each-direct']}
HELPERS = ('virtio_blk_sim',)
# A request is mapped by its header, data, status and indirect table.
MAPPINGS = {'each': 4, 'each-direct': 3}


def test(g, case):
    if g.kernel.source.series < (6, 18):
        raise Skip(f'{g.kernel.source.name} has no struct virtio_map_ops; see swiotlb_shared')
    options = '-indirect_desc' if 'direct' in case else ''
    with sim.device(g, f'{case} +access_platform maps=own queues={4 if "4q" in case else 1} {options}') as disk:
        # No timeout shall help.
        g.sh(f'echo 3600000 > /sys/block/{disk.disk}/queue/io_timeout')
        with disk.counting() as done:
            if case in MAPPINGS:
                each(g, disk, MAPPINGS[case])
            else:
                disk.set('map_fails_pct', 10)
                g.fio(disk.dev, **verified(size='1m', bsrange='512-16k', numjobs=4, offset_increment='8m'))
                disk.set('map_fails_pct', 0)
        assert done['maps_failed'] >= (MAPPINGS.get(case) or 100), done
        g.fio(disk.dev, **verified(size='256k'))


def each(g, disk, mappings):
    for number in range(mappings):
        for command in (f'dd if={disk.dev} of=/dev/null bs=4k count=1 iflag=direct',
                        f'dd if=/dev/zero of={disk.dev} bs=4k count=1 oflag=direct'):
            g.sh(f'''set -e; cd {disk.folder}; echo {number} > map_skip; echo map_fails 1 > faults
                {command}; grep -qx "map_fails 0" faults''')
