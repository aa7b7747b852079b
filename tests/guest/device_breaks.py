# SPDX-License-Identifier: GPL-2.0-only
"""A device that breaks the rules of the ring, or cannot be notified, is not trusted any more: what it had fails, as does
all that comes later, at once; the disk and the module can still be removed."""

from tests import boots, sim

CASES = {boots.SIM_FAULTS: ['duplicate', 'bad_id', 'index_jump', 'no_notify']}
HELPERS = ('virtio_blk_sim',)


def test(g, fault):
    with sim.device(g, f'{fault} queues=2') as disk:
        # No timeout shall help.
        g.sh(f'echo 3600000 > /sys/block/{disk.disk}/queue/io_timeout')
        # One request at a time, so that what a jump of the index uncovers is never in flight.
        with g.messages() as log, g.busy(disk.dev, errors=True, iodepth=1):
            disk.fault(fault)
            g.until(f'! dd if={disk.dev} of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null', 'the disk fails')
        for command in (f'dd if={disk.dev} of=/dev/null bs=4k count=1 iflag=direct',
                        f'dd if=/dev/zero of={disk.dev} bs=4k count=1 oflag=direct'):
            with disk.counting() as done:
                assert 'Input/output error' in g.fails(command)
            assert not done, f'the device still gets requests: {done}'
        assert any('does not work any more' in line for line in log), log
    g.reload()
