# SPDX-License-Identifier: GPL-2.0-only
"""Each allocation of a probe, of I/O and of a wake-up fails once: what was asked for works or fails, later it works
again, and nothing hangs, leaks or is lost."""

from tests import boots, sim
from tests.machine import Skip, verified

CASES = {boots.SIM: ['probe', 'probe-all', 'probe-all-4q', 'read', 'write', 'write-direct', 'sleep', 'sleep-4q']}
LONG = {boots.SIM: ['probe-all', 'probe-all-4q', 'sleep-4q']}
HELPERS = ('virtio_blk_sim',)
DRIVER = '/sys/bus/virtio/drivers/virtio_blk'
MOST = 5000
SECTORS = 65536
# A probe allocates hundreds of times: a few of them, unless "all" are asked for.
STRIDE = 19
# The shell's own calls are counted too; when the count outlasts the command, all of its calls have failed once.
SWEEP = r"""n=0 failed=0
while [ $n -lt {most} ]; do
    n=$((n + {stride}))
    said=$(sh -c "echo $n > /proc/self/fail-nth && {{ {command}; }}"'
        rc=$?; read -r left < /proc/self/fail-nth; echo 0 > /proc/self/fail-nth; echo $rc $left' 2> /dev/null)
    case "$said" in 0\ *) done=true ;; *) done=false; failed=$((failed + 1)) ;; esac
    {after}
    case "$said" in *\ [1-9]*) echo $n $failed; exit 0 ;; esac
done
exit 1"""
READ = 'dd if={dev} bs=4k count=1 iflag=direct skip=2 2> /dev/null'
# What is done, and what has to be true afterwards. Through the page cache: a process of its own would not be counted.
COMMANDS = {
    'probe': (f'echo {{virtio}} > {DRIVER}/bind',
              f'[ ! -e {DRIVER}/{{virtio}} ] || echo {{virtio}} > {DRIVER}/unbind || exit 2'),
    'read': ('read -r line < {dev}', f'{READ} > /dev/null || exit 2'),
    'write': ('printf %12288s $n > {dev}', f'! $done || [ $({READ} | tr -d " ") = $n ] || exit 2'),
    'sleep': ('echo 1 > {folder}/sleep',
              f"""{READ} > /dev/null ||
        {{{{ echo {{virtio}} > {DRIVER}/unbind; echo {{virtio}} > {DRIVER}/bind || exit 2; }}}}"""),
}


def test(g, case):
    if g.sh('[ -e /proc/self/fail-nth ]', check=False).rc:
        raise Skip('the guest kernel has no fault injection')
    g.sh("""cd /sys/kernel/debug; for kind in failslab fail_page_alloc; do
            echo 0 > $kind/verbose; echo N > $kind/ignore-gfp-wait; done""")
    what = case.partition('-')[0]
    options = f'queues={4 if "4q" in case else 1} {"-indirect_desc" if "direct" in case else ""}'
    # The other one keeps the slab cache that all disks share: to fail to make it is worth a stack trace to the slab.
    with sim.devices(g, f'{case} {options}', 'other') as (disk, _):
        if what == 'probe':
            # Empty: the kernel's search for partitions would tell of its own failures.
            disk.set('config', 'capacity 0')
            g.sh(f'echo {disk.virtio} > {DRIVER}/unbind')
        elif what == 'read':
            g.sh(f'echo > {disk.dev}')      # a line to read
        with g.messages() as log:
            sweep(g, disk, what, STRIDE if case == 'probe' else 1)
        # Whoever could not allocate for I/O tries again.
        assert what not in ('read', 'write') or not any('I/O error' in line for line in log), log
        if what == 'probe':
            disk.set('config', f'capacity {SECTORS}')
            g.sh(f'echo {disk.virtio} > {DRIVER}/bind')
        g.fio(g.dev(case), **verified(size='512k'))


def sweep(g, disk, what, stride):
    names = {'virtio': disk.virtio, 'dev': disk.dev, 'folder': disk.folder}
    command, after = (text.format(**names) for text in COMMANDS[what])
    calls, failed = map(int, g.out(SWEEP.format(most=MOST, stride=stride, command=command, after=after)).split())
    assert 0 < failed < calls, f'{failed} of {calls} failed'
