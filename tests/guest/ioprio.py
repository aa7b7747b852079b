# SPDX-License-Identifier: GPL-2.0-only
"""An I/O priority travels with the request and changes nothing else."""

from tests import boots
from tests.machine import verified

CASES = {boots.OPS: ['plain', '4q']}


def test(g, disk):
    for prioclass in (1, 2, 3):
        g.fio(g.dev(disk), **verified(size='512k', prioclass=prioclass, prio=0 if prioclass == 3 else 5))
