# SPDX-License-Identifier: GPL-2.0-only
"""With io_timeout, requests that a backend outside of QEMU has lost are issued again, and those of one that has died
and does not come back fail; so do all later ones."""

from tests import boots, vhost
from tests.machine import verified

CASES = {boots.VHOST: None}
PARAMS = 'io_timeout=3'


def test(g):
    with g.messages() as log, vhost.disk(g, 'dead') as dead, vhost.disk(g, 'loses') as loses:
        dead.kill()
        read = f'dd if={dead.dev} of=/dev/null bs=4k count=1 iflag=direct 2>&1'
        reading = g.spawn(f'{read} | grep "Input/output error"')
        loses.tell('fault', 'lose', 3)
        g.fio(loses.dev, **verified(size='2m', numjobs=2, offset_increment='8m'))
        g.finish(reading, 'an error')
        assert 'Input/output error' in g.fails(read)
    for disk in (dead, loses):
        assert any(f'[{disk.disk}] resetting the device' in line for line in log), log
