# SPDX-License-Identifier: GPL-2.0-only
"""No notification is under way when the driver resets the device, however long it takes to reach the device."""

from tests import boots, sim
from tests.machine import PATIENCE, fio_command

CASES = {boots.SIM_FAULTS: ['interrupts', 'poll_queues=1']}
NEWEST = {boots.SIM_FAULTS: None}
SPEC = ('3.1.1',)
HELPERS = ('virtio_blk_sim',)
PARAMS = None
ROUNDS = 4
NOTIFY_MS = 10
STOPPED = 0, 128    # fio's exit code, if all was well until the end


def test(g, case):
    g.load(f'queue_depth=256 io_timeout=1 {case if "=" in case else ""}')
    polled = {'ioengine': 'io_uring', 'hipri': 1} if '=' in case else {}
    # A ring that is full all the time: whoever takes requests out of it puts others in, and notifies.
    with sim.device(g, f'{case.split("_")[0]} queue_size=8 queues=2 interrupts=remote') as disk:
        disk.set('latency_us', 1000)
        disk.set('notify_us', 1000 * NOTIFY_MS)
        load = g.spawn(fio_command(disk.dev, {'rw': 'randread', 'bs': '4k', 'size': '8m', 'numjobs': 3, 'iodepth': 64,
                                              'time_based': 1, 'runtime': PATIENCE, **polled}))
        for _ in range(ROUNDS):
            reads(g, disk)
            resets = disk.stats()['resets']
            disk.fault('lose')
            g.until(f'[ $(sed -n "s/^resets //p" {disk.folder}/stats) -gt {resets} ]', 'a reset')
        reads(g, disk)
        g.sh('killall fio')
        assert load.wait(PATIENCE, check=False).rc in STOPPED, 'an error while reading'


def reads(g, disk):
    done = int(g.attribute(disk.disk, 'stat').split()[0])
    g.until(f'[ $(awk \'{{ print $1 }}\' /sys/block/{disk.disk}/stat) -gt {done + 100} ]', 'reads')
