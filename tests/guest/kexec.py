# SPDX-License-Identifier: GPL-2.0-only
"""Who starts another kernel under I/O finds the disks quiet, and all that was synced; after a reboot too.

quiet: the other kernel is a few instructions that touch no memory. Not a byte of it changes from there on, although
QEMU held back requests of the old kernel and now lets them go.
"""

import re
import struct

from harness.qemu import BOOTS
from tests import boots
from tests.boot import MIB
from tests.machine import PATIENCE, Skip, fio_command, verified

CASES = {boots.KEXEC: ['quiet', 'kernel', 'reboot']}
LONG = {boots.KEXEC: ['kernel', 'reboot']}     # each of them boots once more
BUSY = ('1q', '4q', 'packed')
# Of the guest's memory: QEMU takes long to read where there is none.
SIZE = int(boots.KEXEC.mem.removesuffix('M')) * MIB
DEPTH = 16
SYNCED = {'rw': 'write', 'size': '1m', 'offset': '32m'}
INITRD_AT = 64      # MiB, on the disk "next"; the kernel is at its beginning
# Says "stub 0" on the command channel and halts; the same in 32 and in 64-bit mode.
LOAD_AT = 64 * MIB
HEADERS = 64 + 56
CODE = (b'\xfa'                                     # cli
        b'\xbe' + struct.pack('<I', LOAD_AT + HEADERS + 21) +   # mov $text, %esi
        b'\x66\xba\xf8\x02'                         # mov $0x2f8, %dx
        b'\xac\x84\xc0\x74\x03\xee\xeb\xf8'         # next: lodsb; test %al, %al; jz stop; out %al, %dx; jmp next
        b'\xf4\xeb\xfd'                             # stop: hlt; jmp stop
        b'\nstub 0\n\0')
TROUBLE = re.compile('.*(I/O error|does not work any more|no answer on queue).*')


def test(g, case):
    if case != 'reboot' and g.sh('[ -e /sys/kernel/kexec_loaded ]', check=False).rc:
        raise Skip('this kernel was built without kexec')
    sums = write_synced(g)
    log = g.guest.log.stat().st_size
    g.qmp('set-action', reboot='reset')
    try:
        STARTS[case](g)
    finally:
        g.qmp('set-action', reboot='shutdown')
    trouble = TROUBLE.search(g.guest.log.read_bytes()[log:].decode(errors='replace'))
    assert not trouble, trouble[0]
    g.load()
    check_synced(g, sums)


def write_synced(g):
    for disk in BUSY:
        g.fio(g.dev(disk), **verified(**SYNCED, do_verify=0, end_fsync=1))
    return g.out(f'''set -e
        mke2fs -q -F -t ext4 {g.dev('file-system')}; mount {g.dev('file-system')} /mnt; cd /mnt
        for file in 1 2 3 4; do dd if=/dev/urandom of=$file bs=300k count=1 conv=fsync 2>/dev/null; done
        md5sum 1 2 3 4''')


def check_synced(g, sums):
    for disk in BUSY:
        g.fio(g.dev(disk), **verified(**{**SYNCED, 'rw': 'read'}))
        g.fio(g.dev(disk), **verified(size='256k'))
    dev = g.dev('file-system')
    found = g.out(f'''set -e
        mount {dev} /mnt; cd /mnt; md5sum 1 2 3 4
        cd /; umount /mnt; e2fsck -fn {dev} > /dev/null 2>&1''')
    assert found == sums, f'synced was\n{sums}\nfound\n{found}'


def quiet(g):
    escaped = ''.join(f'\\0{byte:03o}' for byte in stub())
    g.sh(f"printf '%b' '{escaped}' > /tmp/stub; kexec --load --kexec-syscall --type=elf-x86_64 /tmp/stub")
    for disk in BUSY:
        # What is read is unlike anything that the memory held before.
        with open(g.image(disk), 'r+b') as image:
            image.write(b'disk' * (8 * MIB))
    g.qmp('qom-set', path='/objects/held', property='limits', value={'iops-total': 1})
    for disk in BUSY:
        g.sh(f'echo {PATIENCE * 1000} > /sys/block/{g.disk(disk)}/queue/io_timeout')
        g.spawn(fio_command(g.dev(disk), {'rw': 'randrw', 'bs': '64k', 'size': '32m', 'iodepth': DEPTH}))
    for disk in BUSY:
        g.until(f'[ $(awk \'{{ print $1 + $2 }}\' /sys/block/{g.disk(disk)}/inflight) = {DEPTH} ]', f'{disk} is full')
    leave_by_kexec(g)
    assert g.guest.channel.answer('stub', PATIENCE), 'the other kernel says nothing'
    before, done = memory(g, 'before'), answers(g)
    g.qmp('stop')       # lets go of every request that QEMU has, and waits for them
    after, late = memory(g, 'after'), answers(g)
    g.qmp('qom-set', path='/objects/held', property='limits', value={'iops-total': 0})
    g.qmp('cont')
    wrong = changed(before, after)
    assert done == late, f'reads and writes carried out: {done}, and later, beside the other kernel: {late}'
    assert not wrong, f'{len(wrong)} MiB of memory changed under the other kernel, from {wrong[0]:#x} on'
    reset(g)


def stub():
    """An ELF program of one segment, for kexec."""
    size = HEADERS + len(CODE)
    return (b'\x7fELF\2\1\1' + bytes(9)
            + struct.pack('<HHIQQQIHHHHHH', 2, 62, 1, LOAD_AT + HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
            + struct.pack('<IIQQQQQQ', 1, 7, 0, LOAD_AT, LOAD_AT, size, size, 4096) + CODE)


def answers(g):
    return [g.stats(disk)[f'{kind}_operations'] for disk in BUSY for kind in ('rd', 'wr')]


def memory(g, name):
    path = g.workdir / f'{name}.img'
    g.qmp('pmemsave', timeout=PATIENCE, val=0, size=SIZE, filename=str(path))
    return path


def changed(before, after):
    """The addresses of the MiB that differ."""
    with open(before, 'rb') as one, open(after, 'rb') as other:
        return [number * MIB for number in range(SIZE // MIB) if one.read(MIB) != other.read(MIB)]


def kernel(g):
    for _ in range(BOOTS):
        load_kernel(g)
        busy(g)
        leave_by_kexec(g)
        if g.guest.restarts():
            return
        reset(g)
        g.load()
        g.sh(f'mount {g.dev("file-system")} /mnt')
    raise AssertionError(f'the other kernel went silent {BOOTS} times')


def load_kernel(g):
    next_kernel, initrd = g.guest.kernel.image.read_bytes(), g.guest.initrd.read_bytes()
    assert len(next_kernel) <= INITRD_AT * MIB
    with open(g.image('next'), 'r+b') as image:
        image.write(next_kernel)
        image.seek(INITRD_AT * MIB)
        image.write(initrd)
    g.sh(f'''set -e
        dd if={g.dev('next')} of=/tmp/kernel bs=1M count={mib(next_kernel)} iflag=direct 2>/dev/null
        dd if={g.dev('next')} of=/tmp/initrd bs=1M count={mib(initrd)} skip={INITRD_AT} iflag=direct 2>/dev/null
        kexec --load --kexec-syscall --reuse-cmdline --initrd=/tmp/initrd /tmp/kernel; rm /tmp/kernel /tmp/initrd''')


def mib(data):
    return -(-len(data) // MIB)


def busy(g):
    """Verified I/O on all disks that does not end by itself."""
    for where in (*map(g.dev, BUSY), '/mnt/verify'):
        g.spawn(fio_command(where, verified(size='4m', bsrange='4k-64k', iodepth=DEPTH, time_based=1, runtime=9999)))
    for disk in (*BUSY, 'file-system'):
        g.until(f'grep -q "[1-9]" /sys/block/{g.disk(disk)}/inflight', f'{disk} is busy')


def leave_by_kexec(g):
    leave(g, 'kexec --exec --no-sync')


def leave(g, command):
    g.guest.channel.forget('ready')
    g.params = None
    g.spawn(command)


def reboot(g):
    busy(g)
    leave(g, 'reboot -f')
    if not g.guest.restarts():
        reset(g)


def reset(g):
    for _ in range(BOOTS):
        g.guest.channel.forget('ready')
        g.params = None
        g.qmp('system_reset')
        if g.guest.restarts():
            return
    raise AssertionError(f'the guest did not boot in {BOOTS} attempts')


STARTS = {'quiet': quiet, 'kernel': kernel, 'reboot': reboot}
