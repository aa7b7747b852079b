# SPDX-License-Identifier: GPL-2.0-only
"""The backend of a disk is killed with requests in flight, and another one takes its place: nothing is lost. The disk
can also be pulled out meanwhile."""

import time

from tests import boots, usage, vhost
from tests.machine import PATIENCE

KILLS = 2
CASES = {boots.VHOST: ['io', 'unplug']}


def test(g, case):
    with vhost.disk(g, '1-queue') as one, vhost.disk(g, '4-queues', queues=4) as four:
        CHECKS[case](g, one, four)


def io(g, *disks):
    with g.busy(*(disk.dev for disk in disks), apart=True, size='256k', numjobs=2, offset_increment='8m'):
        for _ in range(KILLS):
            kill_under_io(*disks)
            for disk in disks:
                disk.start()
            for disk in disks:
                before = int(g.attribute(disk.disk, 'stat').split()[4])
                g.until(f'[ $(awk \'{{ print $5 }}\' /sys/block/{disk.disk}/stat) -gt {before + 100} ]', 'writes again')


def unplug(g, idle, busy):
    idle.kill()
    with usage.under_io(g, busy.disk):
        kill_under_io(busy)
        busy.ask_to_unplug()
        busy.start()


def kill_under_io(*disks):
    for disk in disks:
        disk.tell('hold', True)
    for disk in disks:
        end = time.monotonic() + PATIENCE
        while not disk.tell('pending'):
            assert time.monotonic() < end, f'{disk.name} is not used'
            time.sleep(0.1)
        disk.kill()


CHECKS = {'io': io, 'unplug': unplug}
