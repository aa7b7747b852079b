# SPDX-License-Identifier: GPL-2.0-only
"""Write zeroes: the range reads zero, the rest does not; with unmap the host gets its space back, else it keeps it."""

from tests import boots
from tests.boot import MIB

CASES = {boots.OPS: ['keep-plain', 'unmap-plain', 'keep-small-discard', 'unmap-small-discard', 'keep-zeroes-off',
                     'keep-4q']}
SIZE = 4 * MIB
LIMIT = 512 * 512      # of the disk small-discard


def test(g, case):
    how, _, disk = case.partition('-')
    dev = g.dev(disk)
    g.fio(dev, rw='write', bs='256k', size=3 * SIZE)
    full = g.image(disk).stat().st_blocks
    before = g.stats(disk)['wr_operations']
    command = 'blkdiscard -z' if how == 'keep' else 'fallocate -p'
    g.sh(f'{command} -o {SIZE} -l {SIZE} {dev}; sync')
    data = g.image(disk).read_bytes()[:3 * SIZE]
    assert not any(data[SIZE:2 * SIZE]), 'the range is not zero'
    assert any(data[:SIZE][-512:]) and any(data[2 * SIZE:][:512]), 'more than the range is zero'
    freed = (full - g.image(disk).stat().st_blocks) * 512
    assert (freed >= SIZE) == (how == 'unmap'), f'{how}: the host got {freed} bytes back'
    operations = g.stats(disk)['wr_operations'] - before
    if disk == 'zeroes-off':
        assert operations > 1, 'the device offers no write zeroes, so data must be written'
    else:
        wanted = SIZE // LIMIT if disk == 'small-discard' else 1
        assert operations == wanted, f'{operations} operations on the device instead of {wanted}'
