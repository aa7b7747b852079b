# SPDX-License-Identifier: GPL-2.0-only
"""The driver's parameters at and beyond the ends of what they take, at load time and later.

A number that means nothing becomes one that does, with one log line: a typo must not keep a machine from its disks.
What is no number, or none of the parameter's type, is refused, with a log line too.
"""

import contextlib

from tests import boots, policy, sim
from tests.machine import verified

MOST = 2 ** 32 - 1
DAY = 86400
PARAMETERS = '/sys/module/virtio_blk/parameters'
DRIVER = '/sys/bus/virtio/drivers/virtio_blk'
# (parameter, value) -> (line of the log, what a disk with 4 queues on 4 processors shows then)
LARGE = {
    ('num_request_queues', MOST): ('4/0/0 default/read/poll queues', {'cd mq; echo *': '0 1 2 3'}),
    ('num_request_queues', 5): ('4/0/0 default/read/poll queues', {'cd mq; echo *': '0 1 2 3'}),
    ('poll_queues', MOST): ('1/0/3 default/read/poll queues', {'cd mq; echo *': '0 1 2 3'}),
    ('poll_queues', 4): ('1/0/3 default/read/poll queues', {'cd mq; echo *': '0 1 2 3'}),
    ('queue_depth', MOST): ('reduced tag depth to 10240', {'cat mq/0/nr_tags': '10240'}),
    ('queue_depth', 10241): ('reduced tag depth to 10240', {'cat mq/0/nr_tags': '10240'}),
    ('io_timeout', MOST): (f'io_timeout={MOST} is more than a day; using {DAY}',
                           {'cat queue/io_timeout': f'{DAY}000', f'cat {PARAMETERS}/io_timeout': f'{DAY}'}),
    ('io_timeout', DAY + 1): (f'io_timeout={DAY + 1} is more than a day; using {DAY}', {}),
}
UNSIGNED = ('num_request_queues', 'poll_queues', 'queue_depth', 'io_timeout')
CASES = {boots.SIM: [policy.PARAMETER, 'large', 'later'], boots.SIM_FAULTS: ['refused']}
NEWEST = {boots.SIM: ['large'], boots.SIM_FAULTS: ['refused']}
HELPERS = ('virtio_blk_sim',)
PARAMS = None
OUT_OF_RANGE = ('2', '-2', '1000000')
NO_NUMBER = ('yes', "''")


def test(g, case):
    with sim.device(g, f'{case} queues=4') as disk:
        TESTS[case](g, disk)


def test_indirect(g, disk):
    parameter = policy.PARAMETER
    path = f'{PARAMETERS}/{parameter}'
    for wrong in OUT_OF_RANGE:
        with one_line(g, f'{parameter}={wrong}', '-1', '0', '1'):
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
    with one_line(g, f'{parameter}={OUT_OF_RANGE[0]}', '-1', '0', '1'):
        g.sh(f'echo {OUT_OF_RANGE[0]} > {path}')
    assert g.out(f'cat {path}') == policy.DEFAULT
    g.fio(g.dev(disk.serial), **verified(size='256k'))
    g.unload()


def test_large(g, disk):
    for (parameter, value), (said, shown) in LARGE.items():
        with one_line(g, said):
            g.load(f'{parameter}={value}')
        for command, expected in shown.items():
            seen = g.out(f'cd /sys/block/{g.disk(disk.serial)}; {command}')
            assert seen == expected, f'{parameter}={value}: {command} says {seen}'
        g.sh(f'dd if={g.dev(disk.serial)} of=/dev/null bs=64k count=1 iflag=direct 2>/dev/null')
        g.unload()


def test_refused(g, disk):
    for parameter in UNSIGNED:
        for wrong in ('-1', MOST + 1, 'many'):
            refused(g, parameter, wrong)
    refused(g, policy.PARAMETER, MOST + 1)


def refused(g, parameter, wrong):
    """insmod tries it in two ways: there may be two lines."""
    with g.messages() as log:
        g.fails(f'insmod {g.module_path} {parameter}={wrong}')
    assert not g.loaded(), f'{parameter}={wrong}'
    assert any(f"`{wrong}' invalid for parameter `{parameter}'" in line for line in log), f'{parameter}={wrong}: {log}'


def test_later(g, disk):
    """A device keeps its kind of descriptors, which its limits follow from, when it is set up anew."""
    g.load(f'{policy.PARAMETER}=1')
    assert kind(g, disk) == 'indirect'
    g.sh(f'echo 0 > {PARAMETERS}/{policy.PARAMETER}; echo 1 > {disk.folder}/sleep')
    assert kind(g, disk) == 'indirect'
    g.fio(g.dev(disk.serial), **verified(size='1m', bs='128k'))
    g.sh(f'cd {DRIVER}; echo {disk.virtio} > unbind; echo {disk.virtio} > bind')
    assert kind(g, disk) == 'direct'
    g.unload()


def kind(g, disk):
    header, row, *_ = g.out(f'cat /sys/kernel/debug/virtio_blk/{g.disk(disk.serial)}/queues').splitlines()
    return dict(zip(header.split(), row.split()))['descriptors']


TESTS = {policy.PARAMETER: test_indirect, 'large': test_large, 'refused': test_refused, 'later': test_later}


@contextlib.contextmanager
def one_line(g, said, *more):
    with g.messages() as log:
        yield
    about = [line for line in log if said in line]
    assert len(about) == 1 and all(word in about[0] for word in more), f'{said}: {log}'
