# SPDX-License-Identifier: GPL-2.0-only
"""A device that fails while it is probed, when it is in use already, is given up cleanly, and works when it is better."""

from tests import boots, sim
from tests.machine import Skip, verified

CASES = {boots.SIM_FAULTS: ['no_vqs', 'bad_id', 'lose']}
SPEC = ('3.1.1', '3.3.1')
HELPERS = ('virtio_blk_sim',)
# Lets the driver load without its disks.
PARAMS = None
# The bus says which device its driver could not be given.
ALLOW = ('probe with driver virtio_blk failed', 'probe of virtio[0-9]+ failed')


def test(g, fault):
    if g.kernel.source.name == '6.1' and g.module == 'in-tree':
        raise Skip('the in-tree driver of 6.1 has no zones')
    # Zones are asked for before the disk is there.
    with sim.device(g, f'{fault} zoned=host-managed conventional=2') as disk:
        disk.fault(fault)
        with g.messages() as log:
            g.load('io_timeout=2')
            g.until(f'[ ! -e {disk.folder}/virtio*/driver ]', 'the probe ends')
        assert not g.disks(), log
        disk.fault(fault, 0)
        g.reload()
        g.fio(g.dev(fault), **verified(size='1m', zonemode='none'))
        g.unload()
