# SPDX-License-Identifier: GPL-2.0-only
"""Suspend to RAM and back: idle disks, disks under verified I/O, a mounted file system, while the kernel writes what
it has in its page cache, and a disk that grows or shrinks meanwhile."""

from tests import boots, usage
from tests.boot import MIB
from tests.machine import Skip, verified

CASES = {boots.SUSPEND: ['idle', 'io', 'mounted', 'written_back', 'resized']}
DIRTY_MIB = 8
# The second time, it is not as it was after boot.
ROUNDS = {'idle': 1, 'io': 2, 'mounted': 1, 'written_back': 2, 'resized': 1}


def test(g, case):
    states = g.out('cat /sys/power/mem_sleep')
    if 'deep' not in states:
        raise Skip(f'the guest has no suspend to RAM, only {states}')
    g.sh('echo deep > /sys/power/mem_sleep')
    USES[case](g, ROUNDS[case])


def sleep_and_wake(g, rounds, meanwhile=lambda: None):
    before = int(g.out('cat /sys/power/suspend_stats/success'))
    for _ in range(rounds):
        going = g.spawn('echo mem > /sys/power/state')
        g.wait_event('SUSPEND')
        meanwhile()
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


def written_back(g, rounds):
    """The kernel's own I/O, which no freezer stops: it writes back what a task keeps changing in the page cache."""
    dev = g.dev('slow')
    task = g.spawn(f'''set -e
        rm -f /tmp/enough
        for file in /tmp/old /tmp/new; do dd if=/dev/urandom of=$file bs=1M count={DIRTY_MIB} 2>/dev/null; done
        cd /proc/sys/vm; echo $((4 * {DIRTY_MIB} << 20)) > dirty_bytes
        echo 1 > dirty_expire_centisecs; echo 1 > dirty_writeback_centisecs
        echo 0 > /sys/power/sync_on_suspend
        exec 3< {dev}   # the last one who closes it waits until all is written
        while [ ! -e /tmp/enough ]; do
            for file in /tmp/old /tmp/new; do dd if=$file of={dev} bs=1M conv=notrunc 2>/dev/null; done
        done''')
    g.until(f'read -r reads writes < /sys/block/{g.disk("slow")}/inflight && [ $writes -gt 0 ]', f'writing to {dev}')
    sleep_and_wake(g, rounds)
    g.sh('touch /tmp/enough')
    g.finish(task, f'writing to {dev}')
    # What that task wrote last.
    g.sh(f'''set -e; sync; echo 3 > /proc/sys/vm/drop_caches
        head -c $(({DIRTY_MIB} << 20)) {dev} | cmp - /tmp/new; rm /tmp/old /tmp/new''')


def resized(g, rounds):
    """No interrupt tells, neither then nor later."""
    name = g.disk('1q')
    for size in (96 * MIB, 32 * MIB, 64 * MIB):
        sleep_and_wake(g, rounds, lambda: g.qmp('block_resize', **{'node-name': g.boot.disk('1q').node, 'size': size}))
        g.until(f'[ "$(cat /sys/block/{name}/size)" = {size // 512} ]', f'{name} has {size} bytes')
    g.fio(f'/dev/{name}', **verified(size='64k', offset=f'{size - MIB}'))


USES = {'idle': idle, 'io': under_io, 'mounted': mounted, 'written_back': written_back, 'resized': resized}
