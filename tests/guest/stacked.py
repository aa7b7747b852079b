# SPDX-License-Identifier: GPL-2.0-only
"""dm-crypt and dm-verity without their workqueues, md and loop work on a disk that others use as well: what they do
where a request ends may be done there, and the data is right."""

import contextlib
import hashlib
import random

from tests import boots
from tests.boot import MIB
from tests.machine import verified

CASES = {boots.STACKED: ['crypt 1q', 'crypt 2q', 'verity 2q', 'mirror 2q', 'loop 2q']}
NEWEST = {boots.STACKED: ['mirror 2q', 'loop 2q']}
LONG = {boots.STACKED: ['crypt 1q']}
SIZE = 16 * MIB     # what the stack has of the disk; the others' part is behind it
BLOCK = 4096
DM = 'DM_DISABLE_UDEV=1 dmsetup'


def test(g, case):
    kind, disk = case.split()
    with STACKS[kind](g, disk) as (dev, options):
        with g.busy(g.dev(disk), numjobs=2, iodepth=32, offset=2 * SIZE, size='1m', offset_increment='8m'):
            g.fio(dev, **{'numjobs': 4, 'size': '1m', 'offset_increment': '2m', 'iodepth': 32, **options})


@contextlib.contextmanager
def crypt(g, disk):
    """It encrypts and decrypts where requests are submitted and end."""
    table = (f'0 {SIZE // 512} crypt aes-xts-plain64 {"5a" * 32} 0 {g.dev(disk)} 0 '
             f'2 no_read_workqueue no_write_workqueue')
    g.sh(f"{DM} create stack --table '{table}'")
    yield '/dev/mapper/stack', verified(bsrange='4k-64k')
    g.sh(f'{DM} remove stack')


@contextlib.contextmanager
def verity(g, disk):
    """It compares what was read with a tree of digests, where the request ends; what is wrong is an I/O error."""
    blocks = SIZE // BLOCK
    data = random.Random(1).randbytes(SIZE)
    root, tree = digests(data)
    with open(g.image(disk), 'r+b') as image:
        image.write(data + tree)
    g.sh(f'blockdev --flushbufs {g.dev(disk)}')
    table = (f'0 {SIZE // 512} verity 1 {g.dev(disk)} {g.dev(disk)} {BLOCK} {BLOCK} {blocks} {blocks} sha256 {root} - '
             f'1 try_verify_in_tasklet')
    g.sh(f"{DM} create stack --readonly --table '{table}'")
    yield '/dev/mapper/stack', {'rw': 'randread', 'bs': '4k', 'size': '1m', 'offset_increment': '4m', 'loops': 2}
    found = g.out('dd if=/dev/mapper/stack bs=1M iflag=direct 2>/dev/null | sha256sum').split()[0]
    assert found == hashlib.sha256(data).hexdigest()
    g.sh(f'{DM} remove stack')


def digests(data):
    """(root, the tree as it is behind the data: the root's block first)"""
    levels = []
    while len(data) > BLOCK or not levels:
        row = b''.join(hashlib.sha256(data[at:at + BLOCK]).digest() for at in range(0, len(data), BLOCK))
        data = row + bytes(-len(row) % BLOCK)
        levels.insert(0, data)
    return hashlib.sha256(data).hexdigest(), b''.join(levels)


@contextlib.contextmanager
def mirror(g, disk):
    halves = g.dev(disk), g.dev('mirror')
    g.sh('set -e\n' + '\n'.join(f'blkdiscard --zeroout --length {SIZE} {half}' for half in halves))
    g.sh('MDADM_NO_UDEV=1 mdadm --build /dev/md0 --run --level=1 --raid-devices=2 --assume-clean '
         f'{" ".join(halves)} 2>&1')
    yield '/dev/md0', verified(bsrange='4k-64k')
    g.sh('mdadm --stop /dev/md0 2>&1')
    sums = {g.out(f'dd if={half} bs=1M count={SIZE // MIB} iflag=direct 2>/dev/null | md5sum') for half in halves}
    assert len(sums) == 1, 'the halves differ'


@contextlib.contextmanager
def loop(g, disk):
    dev = g.out(f'losetup --find --show --direct-io=on --sizelimit {SIZE} {g.dev(disk)}')
    yield dev, verified(bsrange='4k-64k')
    g.sh(f'losetup --detach {dev}')


STACKS = {'crypt': crypt, 'verity': verity, 'mirror': mirror, 'loop': loop}
