# SPDX-License-Identifier: GPL-2.0-only
"""Sixteen disks, four queues each, depth 128, short runs in a loop: no wake-up for a free tag gets lost.

The reproducer of the sbitmap bug that made the kernel revert batched completions once. A lost wake-up shows as a
fio that never ends on an idle disk.
"""

from tests import boots

CASES = {boots.MANY: ['io_uring', 'libaio', 'psync']}
LONG = {boots.MANY: ['libaio']}
NEWEST = {boots.MANY: ['psync']}
RUNS = {'io_uring': 4, 'libaio': 4, 'psync': 2}    # of psync, 128 threads each
IOS = 300


def test(g, engine):
    threads = 8 if engine == 'psync' else 1
    job = f'''
[global]
direct=1
ioengine={engine}
rw=randread
bs=4k
iodepth=128
number_ios={IOS // threads}
numjobs={threads}
thread=1
group_reporting=1
disk_util=0
'''
    names = [g.disk(disk.id) for disk in g.boot.disks]
    job += ''.join(f'[{name}]\nfilename=/dev/{name}\n' for name in names)
    g.sh(f"cat > /tmp/many.fio <<'END'\n{job}\nEND")
    before = total(g)
    for _ in range(RUNS[engine]):
        g.sh('fio --output=/tmp/many.out /tmp/many.fio || { cat /tmp/many.out; exit 1; }')
    done = total(g) - before
    assert done == RUNS[engine] * len(names) * (IOS // threads) * threads, f'{done} requests reached the devices'


def total(g):
    return sum(g.stats(disk.id)['rd_operations'] for disk in g.boot.disks)
