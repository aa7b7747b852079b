# SPDX-License-Identifier: GPL-2.0-only
"""A disk grows and shrinks all the time while I/O runs, and is taken away, reset or suspended in the midst of it:
nothing hangs, and in the end the size is right and nothing reaches the device beyond it."""

from tests import boots, sim
from tests.machine import verified

CASES = {boots.SIM_FAULTS: ['unbind', 'sleep', 'reset', 'unplug']}
NEWEST = {boots.SIM_FAULTS: ['reset', 'unplug']}
HELPERS = ('virtio_blk_sim',)
ROUNDS = 6
DRIVER = '/sys/bus/virtio/drivers/virtio_blk'
SECTORS = 65536
READ_MS = 2000
ACTIONS = {
    'unbind': f'echo {{virtio}} > {DRIVER}/unbind; echo {{virtio}} > {DRIVER}/bind',
    'sleep': 'echo 1 > {folder}/sleep',
    # A device that completes nothing between resets would be given up.
    'reset': 'echo 1 > {folder}/needs_reset; dd if={dev} of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null',
}


def test(g, case):
    with sim.devices(g, f'{case} queues=2', 'other') as (disk, _):
        resizing = g.spawn(f'''rm -f /tmp/enough
            while [ ! -e /tmp/enough ]; do
                for sectors in 4096 131072 {SECTORS} 262144; do
                    echo "capacity $sectors" 2>/dev/null > {disk.folder}/config || exit 0
                done
            done''')
        action = ACTIONS.get(case, '').format(virtio=disk.virtio, folder=disk.folder, dev=disk.dev)
        with g.busy(disk.dev, errors=True, size='4m', offset='20m', numjobs=2, ioengine='io_uring'):
            if case == 'unplug':
                g.sh(f'sleep 1; echo {case} > {sim.DRIVER}/delete_device')
            else:
                g.sh(f'for round in $(seq {ROUNDS}); do {action}; sleep 0.2; done')
        g.sh('touch /tmp/enough')
        g.finish(resizing, 'resizing')
        if case != 'unplug':
            # The driver has asked for the size, and gets it only after all else is done.
            g.sh(f'''cd {disk.folder}; echo {READ_MS} > config_ms; echo capacity 4096 > config; sleep 0.3
                echo 0 > config_ms; {action}; sleep {READ_MS // 1000}''')
            check_end(g, disk, case)


def check_end(g, disk, case):
    disk.set('config', f'capacity {SECTORS}')
    name = g.disk(case)
    g.until(f'[ $(cat /sys/block/{name}/size) = {SECTORS} ]', 'the last size')
    with disk.counting() as done:
        g.fails(f'dd if=/dev/zero of=/dev/{name} bs=4k seek={SECTORS // 8} count=1 oflag=direct')
        assert g.out(f'dd if=/dev/{name} bs=4k skip={SECTORS // 8} count=1 iflag=direct 2>/dev/null | wc -c') == '0'
    assert not done, f'the device saw it: {done}'
    g.fio(f'/dev/{name}', **verified(size='512k'))
