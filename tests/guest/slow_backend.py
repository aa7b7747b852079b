# SPDX-License-Identifier: GPL-2.0-only
"""A device that answers late loses nothing."""

from tests import boots
from tests.machine import verified

CASES = {boots.ERRORS: ['throttled', 'throttled-4q']}


def test(g, disk):
    g.fio(g.dev(disk), **verified(numjobs=2, size='320k', offset_increment='1m', iodepth=64))
    g.fio(g.dev(disk), **verified(size='4m', bs='256k', iodepth=16))
