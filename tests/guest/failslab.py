# SPDX-License-Identifier: GPL-2.0-only
"""Allocations that fail on the I/O path delay requests or fail them, but lose and hang none."""

from tests import boots
from tests.machine import Skip, fio_command, verified

CASES = {boots.TINY: ['ring16', 'ring16-packed', 'ring16-4q', 'ring16-direct', 'ring16-wide']}
LONG = {boots.TINY: ['ring16-packed', 'ring16-direct']}
KNOBS = '/sys/kernel/debug/failslab'


def test(g, disk):
    if g.sh(f'[ -d {KNOBS} ]', check=False).rc:
        raise Skip('the guest kernel has no failslab')
    dev = g.dev(disk)
    g.sh(f'''cd {KNOBS}
        echo 0 > verbose; echo Y > task-filter; echo Y > ignore-gfp-wait
        echo 50 > probability; echo 1 > interval; echo -1 > times''')
    try:
        jobs = [fio_command(dev, {'rw': 'randwrite', 'size': '8m', 'continue_on_error': 'all', **options})
                for options in ({'bsrange': '4k-512k', 'iodepth': 32, 'numjobs': 2, 'offset_increment': '24m'},
                                {'bs': '512k', 'iodepth': 1})]
        g.sh(f'echo 1 > /proc/self/make-it-fail; {"; ".join(jobs)}', check=False)
    finally:
        g.sh(f'echo 0 > {KNOBS}/probability')
    g.fio(dev, **verified(size='1m'))
