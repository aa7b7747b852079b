# SPDX-License-Identifier: GPL-2.0-only
"""Suspend to RAM and back: idle disks, disks under verified I/O, a mounted file system."""

from tests import boots, usage
from tests.machine import Skip, verified

CASES = {boots.SUSPEND: ['idle', 'io', 'mounted']}
# The second time, it is not as it was after boot.
ROUNDS = {'idle': 1, 'io': 2, 'mounted': 1}


def test(g, case):
    states = g.out('cat /sys/power/mem_sleep')
    if 'deep' not in states:
        raise Skip(f'the guest has no suspend to RAM, only {states}')
    g.sh('echo deep > /sys/power/mem_sleep')
    USES[case](g, ROUNDS[case])


def sleep_and_wake(g, rounds):
    before = int(g.out('cat /sys/power/suspend_stats/success'))
    for _ in range(rounds):
        going = g.spawn('echo mem > /sys/power/state')
        g.wait_event('SUSPEND')
        g.qmp('system_wakeup')
        g.finish(going, 'suspend')
    assert int(g.out('cat /sys/power/suspend_stats/success')) == before + rounds


def idle(g, rounds):
    devs = [f'/dev/{name}' for names in g.disks().values() for name in names]
    g.fio(*devs, **verified(rw='write', size='64k'))
    sleep_and_wake(g, rounds)
    g.fio(*devs, **verified(rw='read', size='64k'))


def under_io(g, rounds):
    with g.busy(*(g.dev(disk) for disk in ('1q', '4q', 'packed-4q')), **usage.sleeps_well(4), size='64k'):
        sleep_and_wake(g, rounds)


def mounted(g, rounds):
    dev = g.dev('file-system')
    g.sh(f'''set -e
        mke2fs -q -F -t ext4 {dev}; mount {dev} /mnt
        dd if=/dev/urandom of=/mnt/f bs=1M count=4 2>/dev/null''')
    wanted = g.out('md5sum < /mnt/f')
    with g.busy('/mnt/verify', **usage.sleeps_well(2), size='256k'):
        sleep_and_wake(g, rounds)
    g.sh('echo 3 > /proc/sys/vm/drop_caches')
    assert g.out('md5sum < /mnt/f') == wanted
    g.sh(f'set -e; umount /mnt; e2fsck -fn {dev}')


USES = {'idle': idle, 'io': under_io, 'mounted': mounted}
