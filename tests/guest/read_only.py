# SPDX-License-Identifier: GPL-2.0-only
"""A disk that is read-only on the host is so in the guest: reads work, writes and write mounts do not."""

from tests import boots

CASES = {boots.OPS: None}
SPEC = ('5.2.6.1',)


def test(g):
    name = g.disk('read-only')
    dev = f'/dev/{name}'
    assert g.attribute(name, 'ro') == '1'
    g.fio(dev, rw='randread', bs='4k', size='1m', number_ios=64)
    said = g.fails(f'dd if=/dev/zero of={dev} bs=4k count=1 conv=notrunc')
    assert 'ermission denied' in said or 'Read-only' in said or 'not permitted' in said, said
    g.fails(f'blockdev --setrw {dev} && dd if=/dev/zero of={dev} bs=4k count=1 oflag=direct conv=notrunc')
    g.fails(f'blkdiscard -f {dev}')
    assert g.stats('read-only')['wr_operations'] == 0
    assert not any(g.image('read-only').read_bytes()[:4096])
