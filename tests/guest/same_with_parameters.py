# SPDX-License-Identifier: GPL-2.0-only
"""The in-tree driver's parameters have the in-tree effects, within and outside their bounds."""

from tests import boots, snapshot

CASES = {boots.PC: [
    'num_request_queues=1 queue_depth=1', 'num_request_queues=2 queue_depth=512', 'poll_queues=1',
    'num_request_queues=3 poll_queues=1 queue_depth=16', 'num_request_queues=1000 poll_queues=1000 queue_depth=100000',
]}
LONG = {boots.PC: ['num_request_queues=2 queue_depth=512', 'poll_queues=1']}
NEWEST = {boots.PC: ['num_request_queues=1 queue_depth=1']}
PARAMS = None


def test(g, parameters):
    for disk in g.boot.disks:
        if disk.plugged:
            snapshot.compare(g, disk.id, parameters)
