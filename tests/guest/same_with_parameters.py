# SPDX-License-Identifier: GPL-2.0-only
"""The in-tree driver's parameters have the in-tree effects, within and outside their bounds."""

from tests import boots, snapshot

CASES = {boots.SYSFS: ['num_request_queues=1', 'num_request_queues=2', 'num_request_queues=1000', 'poll_queues=1',
                       'poll_queues=3', 'poll_queues=1000', 'num_request_queues=3 poll_queues=1', 'queue_depth=1',
                       'queue_depth=16', 'queue_depth=512', 'queue_depth=100000']}
PARAMS = None


def test(g, parameters):
    for disk in ('defaults', '2-queues', '4-queues', 'direct', 'queue-16'):
        snapshot.compare(g, disk, parameters)
