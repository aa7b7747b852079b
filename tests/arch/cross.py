# SPDX-License-Identifier: GPL-2.0-only
"""The driver on other processors, arm64 and the big-endian s390x: Debian 12's kernel in QEMU, from module to data.

The tests run one after the other, in one guest.
"""

from dataclasses import dataclass

from harness.qemu import Guest
from harness.util import need_tool
from tests import boots
from tests.boot import MIB, Boot, disk
from tests.guest import counters
from tests.machine import fio_command, verified

MACHINES = {
    'arm64': ('qemu-system-aarch64', 'qemu-system-arm', 'virt,gic-version=3', 'cortex-a72',
              ('-serial', 'chardev:console'), 'ttyAMA0'),
    's390x': ('qemu-system-s390x', 'qemu-system-misc', 's390-ccw-virtio', 'qemu',
              ('-device', 'sclpconsole,chardev=console'), 'ttysclp0'),
}
FOLDER = '/sys/kernel/debug/virtio_blk'
TOOL = 'virtio-blk-status'
# What a disk shows that its driver decides on
SHOWN = '''cd /sys/block/vda; grep "" serial cache_type size ro ext_range alignment_offset discard_alignment \
    device/features mq/*/cpu_list mq/*/nr_tags $(find queue -type f ! -path "*/iosched/*" ! -name io_timeout | sort)'''


@dataclass(frozen=True)
class CrossBoot(Boot):
    arch: str = ''

    @property
    def bus_driver(self):
        return 'virtio-blk-ccw' if self.arch == 's390x' else 'virtio-blk-pci'


def boot(arch):
    return CrossBoot(arch, (disk('4q', {'num-queues': boots.QUEUES}), disk('1q'),
                            disk('packed', {'packed': True}), disk('direct', {'indirect_desc': False}),
                            disk('blocks-4096', {'logical_block_size': 4096, 'physical_block_size': 4096})),
                     channel='virtio', arch=arch)


class CrossGuest(Guest):
    """No KVM, and none of what x86 guests are told."""

    def __init__(self, kernel, initrd, args=(), append='', **options):
        super().__init__(kernel, initrd, args=args, append=append, **options)
        program, package, machine, cpu, self.CONSOLE, console = MACHINES[kernel.arch.name]
        self._command = [
            need_tool(program, package), '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot',
            '-machine', machine, '-accel', 'tcg,thread=multi', '-cpu', cpu, '-smp', '4', '-m', '1G',
            '-kernel', str(kernel.image), '-initrd', str(initrd),
            '-append', f'console={console} channel=/dev/hvc0 panic=-1 oops=panic panic_on_warn=1 {append}', *args]


def same_as_intree(g):
    both = []
    for module in ('in-tree', g.module):
        g.load(module=module)
        both.append(g.out(SHOWN))
        g.unload()
    assert len(both[0].splitlines()) > 40, both[0]
    assert both[0] == both[1], set(both[0].splitlines()) ^ set(both[1].splitlines())


def verifies(g):
    g.load()
    for one in g.boot.disks:
        g.fio(g.dev(one.id), **verified(size='512k', bs='4k' if one.id == 'blocks-4096' else None,
                                        bsrange=None if one.id == 'blocks-4096' else '4k-256k'))


def hot_path(g):
    """All four processors, with batches, on one queue and on four."""
    for name, queues in ((g.disk('1q'), 1), (g.disk('4q'), boots.QUEUES)):
        g.sh(f'echo 2 > /sys/block/{name}/queue/nomerges')
        before = counters.read(g, name, queues)
        g.fio(f'/dev/{name}', **verified(ioengine='io_uring', numjobs=4, size='256k', offset_increment='8m', iodepth=32,
                                         iodepth_batch_submit=8, iodepth_batch_complete_min=1,
                                         iodepth_batch_complete_max=8))
        after = counters.read(g, name, queues)
        used = {key: after[key] - before[key] for key in after}
        assert used['requests'] == used['completions'] >= 2 * 4 * 64, used
        assert used['kicks'] + used['kicks_saved'] == used['batches'] < used['requests'], used


def flushes_and_discards(g):
    name = g.disk('4q')
    before = g.stats('4q')
    g.fio(f'/dev/{name}', rw='write', bs='64k', size='1m', iodepth=1, ioengine='psync', fsync=1)
    g.sh(f'blkdiscard -l 1048576 /dev/{name}')
    after = g.stats('4q')
    did = {key: after[key] - before[key] for key in ('flush_operations', 'discard-bytes-ok')}
    # Not after the last of the 16 writes.
    assert did['flush_operations'] >= 15 and did['discard-bytes-ok'] == MIB, did


def other_byte_order(g):
    """What the guest writes is what is in the image."""
    name = g.disk('1q')
    g.sh(f'echo 0123456789abcdef | dd of=/dev/{name} bs=4096 seek=5 conv=sync,fsync 2>/dev/null')
    with open(g.image('1q'), 'rb') as image:
        image.seek(5 * 4096)
        assert image.read(16) == b'0123456789abcdef'
    assert int(g.attribute(name, 'size')) == 64 * MIB // 512


def status_tool(g):
    said = g.out(f'{TOOL} {g.disk("4q")}')
    assert 'out of tree' in said and ' MQ' in said, said


def leaves_by_kexec(g):
    """arm64 takes its processors offline before it starts another kernel: no request may wait in their queues."""
    for one in ('4q', '1q'):
        g.spawn(fio_command(g.dev(one), verified(size='4m', numjobs=4, offset_increment='8m', time_based=1,
                                                 runtime=9999)))
        g.until(f'grep -q "[1-9]" /sys/block/{g.disk(one)}/inflight', f'{one} is busy')
    g.qmp('set-action', reboot='reset')
    g.guest.channel.forget('ready')
    g.spawn('kexec')
    assert g.guest.restarts(), 'the guest did not come back'
    g.qmp('set-action', reboot='shutdown')
    g.load()


def unloads(g):
    g.unload()
    assert g.sh(f'[ -e {FOLDER} ]', check=False).rc != 0


def tests(arch):
    return (same_as_intree, verifies, hot_path, flushes_and_discards, other_byte_order, status_tool,
            *([leaves_by_kexec] if arch == 'arm64' else []), unloads)
