# SPDX-License-Identifier: GPL-2.0-only
"""Features that this QEMU's device cannot offer: notification data, secure erase, zoned disks. Counted as skipped."""

from tests import boots
from tests.machine import Skip

CASES = {boots.OPS: ['notification_data', 'secure_erase', 'zoned']}


def test(g, feature):
    word = {'notification_data': 'notification', 'secure_erase': 'secure', 'zoned': 'zone'}[feature]
    names = [row['name'] for row in g.qmp('device-list-properties', typename='virtio-blk-pci')]
    assert 'num-queues' in names
    offered = [name for name in names if word in name]
    assert not offered, f'this QEMU has {offered}: the test for it has to be written'
    raise Skip(f'QEMU {version(g)} has no {feature} for virtio-blk')


def version(g):
    numbers = g.qmp('query-version')['qemu']
    return f'{numbers["major"]}.{numbers["minor"]}'
