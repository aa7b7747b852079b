# SPDX-License-Identifier: GPL-2.0-only
"""tools/virtio-blk-status tells what sysfs, debugfs and the device know; with the in-tree driver, what there is."""

import base64
import gzip
import json
from pathlib import Path

from tests import boots

CASES = {boots.LOAD: ['json', 'text', 'in-tree', 'watch', 'refuses']}
NEWEST = {boots.LOAD: ['text', 'in-tree', 'watch', 'refuses']}
PARAMS = None
SCRIPT = Path(__file__).resolve().parent.parent.parent / 'tools' / 'virtio-blk-status'
TOOL = '/tmp/virtio-blk-status'
DISKS = {'1q': 256, '4q': 256, 'ring8-direct': 8}   # serial: slots of the ring
IOS = 500
# VIRTIO 1.3, 5.2.3 and 6
BITS = {2: 'SEG_MAX', 9: 'FLUSH', 12: 'MQ', 13: 'DISCARD', 28: 'INDIRECT_DESC', 29: 'EVENT_IDX', 32: 'VERSION_1'}


def test(g, case):
    packed = base64.b64encode(gzip.compress(SCRIPT.read_bytes())).decode()
    g.sh(f'echo {packed} | base64 -d | gunzip > {TOOL}; chmod +x {TOOL}')
    g.load('poll_queues=1' if case == 'json' else '', 'in-tree' if case == 'in-tree' else None)
    TESTS[case](g)


def read_json(g):
    disks = json.loads(g.out(f'{TOOL} --json'))
    assert [one['disk'] for one in disks] == sorted(sum(g.disks().values(), []))
    return {one['disk']: one for one in disks}


def check_sysfs(g, name, one):
    """What every driver shows."""
    assert one['driver'] == 'virtio_blk'
    assert one['device'] == g.out(f'basename $(readlink -f /sys/block/{name}/device)')
    check_bits(one['negotiated'], g.attribute(name, 'device/features'))
    cpus = sorted(cpu for queue in one['queues'] if not queue['polled'] for cpu in queue['cpus'])
    assert cpus == [0, 1, 2, 3], f'{name}: {cpus}'
    for number, queue in enumerate(one['queues']):
        assert queue['queue'] == number
        assert queue['depth'] == int(g.attribute(name, f'mq/{number}/nr_tags'))


def check_bits(names, digits):
    assert len(names) == digits.count('1'), f'{names}: {digits}'
    for bit, name in BITS.items():
        assert (name in names) == (digits[bit] == '1'), f'{name} of {names}: {digits}'


def test_json(g):
    disks = read_json(g)
    for serial, ring in DISKS.items():
        name = g.disk(serial)
        one = disks[name]
        check_sysfs(g, name, one)
        assert one['source'] == 'out of tree'
        assert one['version'] == g.out('cat /sys/module/virtio_blk/version')
        check_bits(one['offered'], g.out(f'cat /sys/kernel/debug/virtio_blk/{name}/offered'))
        assert set(one['offered']) >= set(one['negotiated'])
        # The driver has no use for these.
        assert {'RING_RESET', 'CONFIG_WCE'} & set(one['offered'])
        queues = boots.QUEUES if serial == '4q' else 1
        assert [queue['polled'] for queue in one['queues']] == [False] * (queues - 1) + [queues > 1]
        assert {queue['ring'] for queue in one['queues']} == {ring}
        if serial == 'ring8-direct':
            assert [queue['descriptors'] for queue in one['queues']] == ['direct']
            assert 'INDIRECT_DESC' not in one['offered']
    name = g.disk('1q')
    before = disks[name]['queues'][0]['counters']['requests']
    g.fio(f'/dev/{name}', rw='randread', bs='4k', size='8m', number_ios=IOS)
    after = read_json(g)[name]['queues'][0]['counters']
    assert after['requests'] == after['completions'] >= before + IOS, f'{before}, {after}'


def test_text(g):
    name = g.disk('4q')
    lines = g.out(f'{TOOL} /dev/{name}').splitlines()
    version = g.out('cat /sys/module/virtio_blk/version')
    assert lines[0].startswith(f'{name}: virtio_blk {version}, out of tree, device virtio'), lines[0]
    assert 'MQ' in lines[1].split() and lines[1].split()[0] == 'negotiated:'
    assert lines[2].split()[:3] == ['offered', 'beside', 'that:'] and 'MQ' not in lines[2].split()
    queues = [line.split() for line in lines[4:8]]
    assert [queue[0] for queue in queues] == sorted(queue[1] for queue in queues) == ['0', '1', '2', '3'], queues
    header, *rows = [line.split() for line in lines[8:]]
    seen = [line.split() for line in g.out(f'cat /sys/kernel/debug/virtio_blk/{name}/counters').splitlines()]
    assert header == seen[0] and len(rows) == 4, lines
    assert [row[1:] for row in rows] == [row[1:] for row in seen[1:]], lines


def test_in_tree(g):
    disks = read_json(g)
    for serial in DISKS:
        one = disks[g.disk(serial)]
        check_sysfs(g, g.disk(serial), one)
        assert (one['source'], one['version'], one['offered']) == ('in-tree', None, None), one
        assert all(queue['counters'] is queue['ring'] is None for queue in one['queues'])
    assert 'counters: -' in g.out(f'{TOOL} {g.disk("1q")}')
    g.unload()
    g.load(module='in-tree')
    rows = g.out(f'{TOOL} --watch 1 1 {g.disk("1q")}').splitlines()
    assert rows[1].split()[3:] == ['-'] * 7, rows


def test_watch(g):
    name = g.disk('1q')
    with g.busy(f'/dev/{name}'):
        header, *rows = g.out(f'{TOOL} --watch 1 3 {name}').splitlines()
    assert len(header.split()) == 10 and len(rows) == 3, rows
    figures = [[float(word) for word in row.split()[1:]] for row in rows]
    assert all(row.split()[0] == name for row in rows)
    # Figures of a second in which fio only started may be 0.
    assert any(reads + writes > 0 and requests > 0 and locks > 0
               for reads, writes, requests, locks, *_ in figures), rows
    idle = g.out(f'{TOOL} --watch 1 1 {g.disk("4q")}').splitlines()[1].split()
    assert idle[1:8] == ['0', '0', '0', '0.000', '0.000', '0.000', '0'], idle


def test_refuses(g):
    for words, said in {'nosuch': 'there is no disk nosuch', '--nosuch': 'unknown option --nosuch',
                        '--watch 0': 'at least 1 second'}.items():
        check_refusal(g, words, said)
    # There is no other kind of disk here.
    g.sh('mount -t tmpfs none /sys/block; mkdir -p /sys/block/sda/device; echo 0x7 > /sys/block/sda/device/device')
    check_refusal(g, '/dev/sda', 'sda is not a virtio-blk disk')
    check_refusal(g, '', 'no virtio-blk disk')
    g.sh('umount /sys/block')


def check_refusal(g, words, said):
    result = g.sh(f'{TOOL} {words} 2>&1', check=False)
    assert result.rc == 1 and said in result.out and len(result.out.splitlines()) == 1, f'{result.rc}: {result.out}'


TESTS = {'json': test_json, 'text': test_text, 'in-tree': test_in_tree, 'watch': test_watch, 'refuses': test_refuses}
