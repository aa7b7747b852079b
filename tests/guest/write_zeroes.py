# SPDX-License-Identifier: GPL-2.0-only
"""Write zeroes: the range reads zero, the rest does not; with unmap the host gets its space back, else it keeps it."""

from tests import boots
from tests.boot import MIB
from tests.machine import EXTENT_BLOCKS

CASES = {boots.OPS: ['keep-plain', 'unmap-plain', 'keep-small-discard', 'unmap-small-discard', 'keep-zeroes-off',
                     'keep-4q']}
SIZE = 4 * MIB
LIMIT = 512 * 512      # of the disk small-discard


def test(g, case):
    how, _, disk = case.partition('-')
    dev = g.dev(disk)
    g.fio(dev, rw='write', bs='256k', size=3 * SIZE)
    full = g.allocated(disk)
    before = g.stats(disk)['wr_operations']
    command = 'blkdiscard -z' if how == 'keep' else 'fallocate -p'
    g.sh(f'{command} -o {SIZE} -l {SIZE} {dev}; sync')
    data = g.image(disk).read_bytes()[:3 * SIZE]
    assert not any(data[SIZE:2 * SIZE]), 'the range is not zero'
    assert any(data[:SIZE][-512:]) and any(data[2 * SIZE:][:512]), 'more than the range is zero'
    freed = full - g.allocated(disk)
    wanted = SIZE if how == 'unmap' else 0
    assert abs(freed - wanted) <= EXTENT_BLOCKS, f'{how}: the host got {freed} bytes back instead of {wanted}'
    operations = g.stats(disk)['wr_operations'] - before
    if disk == 'zeroes-off':
        assert operations > 1, 'the device offers no write zeroes, so data must be written'
    else:
        wanted = SIZE // LIMIT if disk == 'small-discard' else 1
        assert operations == wanted, f'{operations} operations on the device instead of {wanted}'
