# SPDX-License-Identifier: GPL-2.0-only
"""Each allocation of a probe, of I/O and of a wake-up fails once: what was asked for works or fails, later it works
again, and nothing hangs, leaks or is lost. I/O does not even fail."""

from tests import boots, sim
from tests.guest import counters
from tests.machine import Skip, fio_command, verified

CASES = {boots.SIM_FAULTS: ['probe', 'probe-all', 'probe-all-4q', 'read', 'write', 'discard', 'scatterlist', 'sleep',
                            'sleep-4q']}
LONG = {boots.SIM_FAULTS: ['probe-all', 'probe-all-4q', 'sleep-4q']}
NEWEST = {boots.SIM_FAULTS: ['write', 'discard']}
HELPERS = ('virtio_blk_sim', 'zone_append')
KNOBS = '/sys/kernel/debug/failslab'
DRIVER = '/sys/bus/virtio/drivers/virtio_blk'
APPEND = '/sys/module/zone_append/parameters'
MOST = 5000
SECTORS = 65536
# A probe allocates hundreds of times: a few of them, unless "all" are asked for.
STRIDE = 29
# Without an indirect table, a request of several segments has no room in the ring, not even in an empty one.
TIGHT = 'queue_size=4 max_chain=64 +size_max size_max=4096'
OPTIONS = {'read': TIGHT, 'write': TIGHT, 'scatterlist': 'queues=2 +size_max size_max=4096', '4q': 'queues=4'}
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
# What is done, and what has to be true afterwards. By the shell itself: another process would not be counted.
COMMANDS = {
    'probe': (f'echo {{virtio}} > {DRIVER}/bind',
              f'[ ! -e {DRIVER}/{{virtio}} ] || echo {{virtio}} > {DRIVER}/unbind || exit 2'),
    'read': ('read -r line < {dev}', f'$done && {READ} > /dev/null || exit 2'),
    'write': ('printf %12288s $n > {dev}', f'$done && [ $({READ} | tr -d " ") = $n ] || exit 2'),
    'discard': (f'echo {{dev}} 8192 8 4 > {APPEND}/discard', f'$done && ! grep -q - {APPEND}/landed || exit 2'),
    'sleep': ('echo 1 > {folder}/sleep',
              f"""{READ} > /dev/null ||
        {{{{ echo {{virtio}} > {DRIVER}/unbind; echo {{virtio}} > {DRIVER}/bind || exit 2; }}}}"""),
}


def test(g, case):
    if g.sh('[ -e /proc/self/fail-nth ]', check=False).rc:
        raise Skip('the guest kernel has no fault injection')
    what, _, more = case.partition('-')
    options = OPTIONS.get(what, '') + OPTIONS.get(more[-2:], '')
    # The other one keeps the slab cache that all disks share: to fail to make it is worth a stack trace to the slab.
    with sim.devices(g, f'{case} {options}', 'other') as (disk, _):
        with g.messages() as log:
            TESTS[what](g, disk, what, 1 if more.startswith('all') else STRIDE)
        # Whoever could not allocate for I/O tries again.
        assert what in ('probe', 'sleep') or not any('I/O error' in line for line in log), log
        g.fio(g.dev(case), **verified(size='512k'))


def probe(g, disk, what, stride):
    # Empty: the kernel's search for partitions would tell of its own failures.
    disk.set('config', 'capacity 0')
    g.sh(f'echo {disk.virtio} > {DRIVER}/unbind')
    sweep(g, disk, what, stride)
    disk.set('config', f'capacity {SECTORS}')
    g.sh(f'echo {disk.virtio} > {DRIVER}/bind')


def sleep(g, disk, what, _):
    sweep(g, disk, what)


def io(g, disk, what, _):
    # No timeout shall help.
    g.sh(f'''echo 3600000 > /sys/block/{disk.disk}/queue/io_timeout
        echo > {disk.dev}   # a line to read''')
    all_fail(g, COMMANDS[what], disk)
    assert counters.read(g, disk.disk, 1)['max_backlog'], 'no request waited'
    sweep(g, disk, what)


def discard(g, disk, what, _):
    g.sh('insmod /modules/zone_append.ko')
    all_fail(g, COMMANDS[what], disk)
    sweep(g, disk, what)
    g.sh('rmmod zone_append')


def scatterlist(g, disk, *_):
    """Two of each size are in reserve: one allocation alone never fails."""
    disk.set('latency_us', 20000)
    job = fio_command(disk.dev, verified(size='1m', bs='32k', iodepth_batch_submit=4))
    all_fail(g, (job, 'true'), disk)


def all_fail(g, texts, disk):
    """Every allocation of a command that must not wait fails; kernel threads, whose own succeed, then do its work."""
    command, after = fill(texts, disk)
    g.sh(f'''cd {KNOBS}; echo 0 > verbose; echo Y > ignore-gfp-wait; echo Y > task-filter; echo -1 > times
        echo 1 > interval; echo 100 > probability
        n=0 done=true
        ( echo 1 > /proc/self/make-it-fail; {command} ); rc=$?
        echo 0 > probability; [ $rc = 0 ] || exit $rc
        {after}''')


def sweep(g, disk, what, stride=1):
    # I/O does not wait for memory: only what fails sooner is counted, and fails.
    atomic = what in ('read', 'write', 'discard')
    g.sh(f"""cd /sys/kernel/debug; for kind in failslab fail_page_alloc; do
            echo 0 > $kind/verbose; echo {'Y' if atomic else 'N'} > $kind/ignore-gfp-wait; done""")
    command, after = fill(COMMANDS[what], disk)
    calls, failed = map(int, g.out(SWEEP.format(most=MOST, stride=stride, command=command, after=after)).split())
    assert 0 < failed < calls or atomic and calls > 1 and not failed, f'{failed} of {calls} failed'


def fill(texts, disk):
    return (text.format(virtio=disk.virtio, dev=disk.dev, folder=disk.folder) for text in texts)


TESTS = {'probe': probe, 'read': io, 'write': io, 'discard': discard, 'scatterlist': scatterlist, 'sleep': sleep}
