# SPDX-License-Identifier: GPL-2.0-only
"""After sleep and after a reset the device has the cache that it had, whatever it begins with, and whatever the block
layer was told to think of it: without its cache it would be slow, and with one that nobody knows of, fsync would do
nothing."""

from tests import boots, sim

CASES = {boots.SIM_FAULTS: ['sleep', 'needs_reset']}
NEWEST = {boots.SIM_FAULTS: ['needs_reset']}
HELPERS = ('virtio_blk_sim',)


def test(g, event):
    with sim.device(g, event) as disk:
        for device, block_layer in (('write back', 'write through'), ('write through', 'write through')):
            g.sh(f"cd /sys/block/{disk.disk}; echo '{device}' > cache_type; echo '{block_layer}' > queue/write_cache")
            # As a device that forgets it in a reset.
            disk.set('config', f'writeback {int(device == "write through")}')
            disk.set(event, 1)
            g.sh(f'dd if={disk.dev} of=/dev/null bs=4k count=1 iflag=direct 2> /dev/null')
            assert g.attribute(disk.disk, 'cache_type') == device
            assert disk.queue('write_cache') == [block_layer]
