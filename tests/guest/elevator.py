# SPDX-License-Identifier: GPL-2.0-only
"""With and without a scheduler, and while it is being switched."""

import contextlib
import re

from tests import boots
from tests.machine import verified

CASES = {boots.LOAD: ['1q', '4q', 'ring8-direct']}
NEWEST = {boots.LOAD: ['1q', 'ring8-direct']}
PARAMS = None


def test(g, disk):
    g.load()
    name = g.disk(disk)
    for scheduler in ('mq-deadline', 'none'):
        use(g, name, scheduler)
        g.fio(f'/dev/{name}', **verified(numjobs=4, size='128k', offset_increment='8m', ioengine='io_uring',
                                         iodepth_batch_submit=8))
    with g.busy(f'/dev/{name}', iodepth=64, size='512k'):
        g.sh(f'''set -e; cd /sys/block/{name}/queue
            for i in 1 2; do
                for s in mq-deadline none; do echo $s > scheduler; sleep 0.2; done
                echo 4 > nr_requests
            done''')


@contextlib.contextmanager
def used(g, name, scheduler):
    """The disk has another scheduler while the block runs."""
    before = re.search(r'\[(.*)\]', g.attribute(name, 'queue/scheduler'))[1]
    use(g, name, scheduler)
    yield
    use(g, name, before)


def use(g, name, scheduler):
    g.sh(f'echo {scheduler} > /sys/block/{name}/queue/scheduler')
    assert f'[{scheduler}]' in g.attribute(name, 'queue/scheduler')
