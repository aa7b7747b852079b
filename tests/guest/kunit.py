# SPDX-License-Identifier: GPL-2.0-only
"""The KUnit suites of tests/kunit/suites: every case that the sources declare has run, and has passed."""

import json
import re
import subprocess
import sys
from pathlib import Path

from tests import boots, checks
from tests.machine import Skip

# The kernel's own parser, in a process of its own: each kernel has another one.
PARSE = '''
import inspect, json, sys
out, sys.stdout = sys.stdout, sys.stderr
sys.path.insert(0, sys.argv[1])
import kunit_parser, kunit_printer

def tree(test):
    return {'name': test.name, 'status': test.status.name, 'errors': test.counts.errors, 'log': test.log,
            'subtests': [tree(one) for one in test.subtests]}

parse = kunit_parser.parse_run_tests
extra = [kunit_printer.stdout] if 'printer' in inspect.signature(parse).parameters else []
json.dump(tree(parse(sys.stdin.read().splitlines(), *extra)), out)
'''
MARK = 'tests: KUnit begins'


def declared():
    """{suite: names of its cases}"""
    suites = {}
    for path in sorted(checks.HELPERS['virtio_blk_kunit'].glob('*_kunit.c')):
        text = path.read_text()
        (name,) = re.findall(r'\.name = "(virtblk_\w+)"', text)
        suites[name] = re.findall(r'KUNIT_CASE\((\w+)\)', text)
        assert suites[name], f'{path} declares no case'
    return suites


SUITES = declared()
CASES = {boots.SIM_FAULTS: list(SUITES)}
HELPERS = ('virtio_blk_kunit',)
PARAMS = None


def test(g, suite):
    if 'kunit' not in g.cache:
        g.cache['kunit'] = run(g)
    found = [one for one in g.cache['kunit']['subtests'] if one['name'] == suite]
    assert len(found) == 1, f'{suite} has {len(found)} results, not one'
    # On PREEMPT_RT nobody misses the lock: what then happens cannot be seen there.
    passed = {'SUCCESS', 'SKIPPED'} if g.kernel.flavour == 'rt' else {'SUCCESS'}
    failed = [case for case in found[0]['subtests'] if case['status'] not in passed]
    assert not failed, '\n'.join(explain(case) for case in failed)
    assert sorted(case['name'] for case in found[0]['subtests']) == sorted(SUITES[suite]), f'not all cases ran: {found}'
    assert found[0]['status'] == 'SUCCESS' and not found[0]['errors'], f'{suite}: {found[0]}'


def run(g):
    """Runs them all, which loading the module does; returns what the kernel's parser makes of it."""
    if g.sh('[ -d /sys/kernel/debug/kunit ]', check=False).rc:
        raise Skip('the kernel has no KUnit')
    log = g.out(f'''set -e
        echo '{MARK}' > /dev/kmsg
        insmod /modules/virtio_blk_kunit.ko poll_queues=1; rmmod virtio_blk_kunit
        dmesg | sed -n '/{MARK}/,$p' ''')
    lines = [re.sub(r'^(<\d+>)*\[ *[\d.]+\] ', '', line) for line in log.splitlines()[1:]]
    if not any(line.startswith('KTAP version') for line in lines):
        # Older kernels leave the plan of the suites to the one who runs them.
        lines[:0] = ['KTAP version 1', f'1..{len(SUITES)}']
    return parsed(g.kernel.source.path, lines)


def parsed(tree, lines):
    done = subprocess.run([sys.executable, '-c', PARSE, Path(tree) / 'tools' / 'testing' / 'kunit'],
                          input='\n'.join(lines), capture_output=True, text=True)
    assert not done.returncode, f'kunit_parser: {done.stderr[-2000:]}'
    return json.loads(done.stdout)


def explain(case):
    return f'{case["name"]}: {case["status"]}\n' + '\n'.join(line.strip() for line in case['log'][:12])
