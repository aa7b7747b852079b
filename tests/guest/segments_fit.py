# SPDX-License-Identifier: GPL-2.0-only
"""A request of direct descriptors has no more segments than the ring has slots beside the headers, whatever the device
allows: it could never be added."""

from tests import boots

CASES = {boots.TINY: ['ring64-wide-direct', 'wide-packed-direct']}
SPEC = ('2.7.5.3.1', '2.8.17')


def test(g, disk):
    slots = dict(g.boot.disk(disk).options)['queue-size']
    assert g.attribute(g.disk(disk), 'queue/max_segments') == str(slots - 2)
