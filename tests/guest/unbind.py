# SPDX-License-Identifier: GPL-2.0-only
"""The driver lets go of a device in use, and takes it back: under I/O, with a mount, with an open handle."""

from tests import boots, usage
from tests.machine import verified

CASES = {boots.HOTPLUG: ['io', 'mounted', 'open', 'idle']}
# The file system of a disk that is gone complains, as it should.
ALLOW = ('EXT4-fs error', 'JBD2: .*[Ee]rror')


def test(g, how):
    name = g.disk('stays')
    device = g.out(f'basename $(readlink -f /sys/block/{name}/device)')
    driver = '/sys/bus/virtio/drivers/virtio_blk'
    # fio does not always have I/O in flight: it starts, over and over.
    busy = f'until grep -q "[1-9]" /sys/block/{name}/inflight; do :; done' if how == 'io' else ':'
    with usage.USES[how](g, name):
        g.sh(f'{busy}; echo {device} > {driver}/unbind')
        assert not g.disks(), 'the disk is still there'
        g.sh(f'echo {device} > {driver}/bind')
        again = g.disk('stays')
        # The name is taken as long as somebody holds the old disk.
        assert again == ('vdb' if how == 'open' else again)
        g.fio(f'/dev/{again}', **verified(size='512k'))
    for _ in range(3):
        g.sh(f'echo {device} > {driver}/unbind; echo {device} > {driver}/bind')
    assert g.disk('stays') == 'vda'
    g.fio(g.dev('stays'), **verified(size='512k'))
