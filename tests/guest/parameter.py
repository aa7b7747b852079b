# SPDX-License-Identifier: GPL-2.0-only
"""The driver's own parameter takes its values at load time and later.

A number that means nothing becomes the default, with one log line that names the values: a typo must not keep a
machine from its disks. What is no number is refused.
"""

import contextlib

from tests import boots, policy
from tests.machine import verified

CASES = {boots.HOTPLUG: [policy.PARAMETER]}
PARAMS = None
OUT_OF_RANGE = ('2', '-2', '1000000')
NO_NUMBER = ('yes', "''")


def test(g, parameter):
    path = f'/sys/module/virtio_blk/parameters/{parameter}'
    for wrong in OUT_OF_RANGE:
        with one_line(g, parameter, wrong):
            g.load(f'{parameter}={wrong}')
        assert g.out(f'cat {path}') == policy.DEFAULT
        g.unload()
    for wrong in NO_NUMBER:
        g.fails(f'insmod {g.module_path} {parameter}={wrong}')
        assert not g.loaded()
    g.load()
    assert g.out(f'cat {path}; stat -c %a {path}').split() == [policy.DEFAULT, '644']
    for value in (*policy.VALUES, policy.DEFAULT):
        g.sh(f'echo {value} > {path}')
        assert g.out(f'cat {path}') == value
    g.sh(f'echo {policy.VALUES[0]} > {path}')
    for wrong in NO_NUMBER:
        assert 'Invalid argument' in g.fails(f'busybox echo {wrong} > {path}')
    assert g.out(f'cat {path}') == policy.VALUES[0]
    with one_line(g, parameter, OUT_OF_RANGE[0]):
        g.sh(f'echo {OUT_OF_RANGE[0]} > {path}')
    assert g.out(f'cat {path}') == policy.DEFAULT
    g.fio(g.dev('stays'), **verified(size='256k'))


@contextlib.contextmanager
def one_line(g, parameter, value):
    with g.messages() as log:
        yield
    about = [line for line in log if f'{parameter}={value}' in line]
    assert len(about) == 1 and all(known in about[0] for known in ('-1', '0', '1')), f'{value}: {log}'
