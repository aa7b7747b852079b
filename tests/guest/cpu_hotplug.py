# SPDX-License-Identifier: GPL-2.0-only
"""Processors go and come back under verified I/O."""

from tests import boots

CASES = {boots.LOAD: None}


def test(g):
    with g.busy(g.dev('1q'), g.dev('4q'), numjobs=2, size='1m', offset_increment='8m'):
        g.sh('''set -e
            for round in 1 2; do
                for cpu in 1 2 3; do echo 0 > /sys/devices/system/cpu/cpu$cpu/online; sleep 0.3; done
                for cpu in 3 1 2; do echo 1 > /sys/devices/system/cpu/cpu$cpu/online; sleep 0.3; done
            done''')
