# SPDX-License-Identifier: GPL-2.0-only
"""The driver's own parameter takes its values at load time and later; a wrong one is refused with one log line."""

from tests import boots, policy
from tests.machine import verified

CASES = {boots.LOAD: [policy.PARAMETER]}
PARAMS = None
WRONG = ('2', '-2', '1000000', 'yes', "''")


def test(g, parameter):
    path = f'/sys/module/virtio_blk/parameters/{parameter}'
    for wrong in WRONG:
        with g.messages() as log:
            g.fails(f'insmod {g.module_path} {parameter}={wrong}')
        assert not g.loaded()
        assert len([line for line in log if parameter in line]) == 1, f'{wrong}: {log}'
    g.load()
    assert g.out(f'cat {path}; stat -c %a {path}').split() == [policy.DEFAULT, '644']
    for wrong in WRONG:
        with g.messages() as log:
            assert 'Invalid argument' in g.fails(f'echo {wrong} > {path}')
        assert len([line for line in log if parameter in line]) == 1, f'{wrong}: {log}'
        assert g.out(f'cat {path}') == policy.DEFAULT
    for value in (*policy.VALUES, policy.DEFAULT):
        g.sh(f'echo {value} > {path}')
        assert g.out(f'cat {path}') == value
        g.fio(g.dev('1q'), **verified(size='256k'))
