# SPDX-License-Identifier: GPL-2.0-only
"""A disk is taken from the driver while it recovers. Once it has, the configuration may change again, after all that
was waited for when the removal began: the work that reads it ends before what it reads into is freed."""

from tests import boots, sim
from tests.machine import verified

CASES = {boots.SIM_FAULTS: None}
HELPERS = ('virtio_blk_sim',)
DRIVER = '/sys/bus/virtio/drivers/virtio_blk'
LATENCY_MS = 2000
READ_MS = 4000
CAPACITY = 4096


def test(g):
    with sim.device(g, 'victim') as disk:
        disk.set('latency_us', LATENCY_MS * 1000)
        disk.fault('no_vqs', 2)     # the reset takes three tries
        g.sh(f'''dd if={disk.dev} of=/dev/null bs=4k count=1 iflag=direct 2> /dev/null &
            cd {disk.folder}; sleep 0.2
            echo 1 > needs_reset; sleep 0.1
            echo {disk.virtio} > {DRIVER}/unbind &
            sleep 0.9   # the reset is over, the removal waits for the reader
            echo {READ_MS} > config_ms; echo capacity {CAPACITY} > config
            wait''')
        g.sh(f'sleep {READ_MS // 1000}')
        disk.set('config_ms', 0)
        disk.set('latency_us', 0)
        g.sh(f'echo {disk.virtio} > {DRIVER}/bind')
        dev = f'/dev/{g.disk("victim")}'
        assert g.out(f'blockdev --getsz {dev}') == str(CAPACITY)
        g.fio(dev, **verified(size='512k'))
