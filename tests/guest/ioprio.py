# SPDX-License-Identifier: GPL-2.0-only
"""An I/O priority travels with the request and changes nothing else."""

from tests import boots
from tests.machine import verified

CASES = {boots.OPS: ['4q']}


def test(g, disk):
    for prioclass, prio in ((1, 5), (2, 5), (3, 0)):
        g.fio(g.dev(disk), **verified(size='256k', prioclass=prioclass, prio=prio))
