# SPDX-License-Identifier: GPL-2.0-only
"""A guest that QEMU stops for an I/O error goes on afterwards as if nothing had been."""

from tests import boots

CASES = {boots.ERRORS: ['write', 'read']}
SECTOR = {'write': 2048, 'read': 4096}      # what boots.ERRORS breaks once


def test(g, direction):
    dev, block = g.dev('stop'), SECTOR[direction] // 8
    command = {'write': f'yes | dd of={dev} bs=4k count=1 seek={block} oflag=direct iflag=fullblock',
               'read': f'dd if={dev} of=/dev/null bs=4k count=1 skip={block} iflag=direct'}[direction]
    going = g.spawn(f'{command} 2>&1')
    g.wait_event('STOP')
    assert g.qmp('query-status')['status'] == 'io-error'
    g.qmp('cont')
    g.finish(going, direction)
    if direction == 'write':
        assert g.image('stop').read_bytes()[block * 4096:][:4096] == b'y\n' * 2048
