# SPDX-License-Identifier: GPL-2.0-only
"""Checks the model of the queue's protocol, and that it notices what is taken away from it.

    python3 -m tests.model.run [--full]

spin goes through every state of every configuration; none may have an error. Each mutant of the model, a barrier, a
re-check or a rule less, must have one in the configuration that is made for it.
"""

import argparse
import re
import resource
import subprocess
import tempfile
from pathlib import Path

from harness.util import Failure, need_space, need_tool, run_main, say

MODEL = Path(__file__).parent / 'staging.pml'
DEPTH = 1_000_000
SPACE_MIB = 64

# What runs beside what, see staging.pml. Small ones: what they leave out, another has.
CONFIGURATIONS = {
    'interrupt': 'INFLIGHT=3',
    'interrupt-event': 'INFLIGHT=3 EVENT',
    'interrupt-look': 'INFLIGHT=1 LOOKS=2',
    'submit': 'SUBMITTERS=2 INFLIGHT=1 IDLE',
    'submit-look': 'SUBMITTERS=2 LOOKS=1 IDLE',
    'submit-poll': 'SUBMITTERS=2 POLLERS=1 IDLE',
    'submit-poll-twice': 'SUBMITTERS=2 POLLERS=1 POLLS=2 IDLE',
    'submit-restarts': 'SUBMITTERS=2 POLLERS=1 IDLE MAX_RESTARTS=0',
    'submit-interrupt': 'SUBMITTERS=1 INFLIGHT=1',
    'submit-event': 'SUBMITTERS=1 INFLIGHT=1 EVENT',
    'submit-full': 'SUBMITTERS=1 INFLIGHT=1 SLOTS=1',
    'submit-fail': 'SUBMITTERS=1 FAILS=1',
    'submit-fail-twice': 'SUBMITTERS=1 FAILS=2',
    'poll': 'SUBMITTERS=1 INFLIGHT=1 POLLERS=2',
    'task': 'SUBMITTERS=1 INFLIGHT=1 SLOTS=1 TASK',
    'task-fail': 'SUBMITTERS=1 FAILS=1 TASK',
    'mixed': 'SUBMITTERS=1 INFLIGHT=1 MIXED IDLE',
    'rt': 'SUBMITTERS=1 INFLIGHT=1 SLOTS=1 RT',
    'stalled': 'SUBMITTERS=1 INFLIGHT=1 STALLED',
    'stalled-poll': 'SUBMITTERS=1 INFLIGHT=1 POLLERS=1 STALLED',
    'stop': 'SUBMITTERS=1 INFLIGHT=1 STOP',
    'stop-task': 'SUBMITTERS=1 INFLIGHT=1 SLOTS=1 TASK STOP',
    'stop-fail': 'SUBMITTERS=1 FAILS=1 STOP',
    'stop-poll': 'SUBMITTERS=1 INFLIGHT=1 POLLERS=1 STOP',
    'stop-rt': 'SUBMITTERS=1 INFLIGHT=1 SLOTS=1 RT STOP',
}
# With --full besides.
LARGE = {
    'submit-poll-device': 'SUBMITTERS=2 POLLERS=1 AWAKE',
    'mixed-full': 'SUBMITTERS=1 INFLIGHT=1 SLOTS=1 MIXED',
}
# Here also: no cycle in the states, so whatever happens comes to an end.
FINITE = ('interrupt', 'interrupt-event', 'submit-look', 'submit-poll', 'submit-restarts', 'submit-full',
          'task')

# To optimise takes 3 s longer than not to, which only the longest searches make up for.
LONG = ('stop', 'submit-full.finite', *LARGE)

# Where each is caught.
MUTANTS = {
    # barriers
    'M_MISSED_WORK': 'submit-poll',
    'M_MISSED_TRY': 'submit-poll',
    'M_LOOK_BARRIER': 'submit-poll',
    'M_TAKE_BARRIER': 'submit-poll',
    'M_SCHED_TRY': 'submit-interrupt',
    'M_ENABLE_BARRIER': 'interrupt',
    'M_KICK_BARRIER': 'submit-event',
    # looks and tries
    'M_NO_SECOND_TRY': 'submit-poll',
    'M_NO_LOOK': 'submit-poll',
    'M_TAKE_LATE': 'submit-poll',
    'M_NO_ENABLE_LOOK': 'interrupt',
    'M_SCHED_READ': 'interrupt-look',
    'M_SCHED_THEN_WORK': 'interrupt-look',
    'M_NO_LAST_TRY': 'submit-interrupt',
    # rules
    'M_NO_LOCK': 'submit-poll',
    'M_WAIT': 'stalled',
    'M_NO_HAND_OVER': 'submit-interrupt',
    'M_NO_WORK': 'task',
    'M_NO_RESTART_LIMIT_RUN': 'submit-restarts',
    'M_NO_ADD_AFTER_REAP': 'task',
    'M_NO_RETRY': 'submit-fail',
    'M_NO_FULL_CLEAR': 'task',
    # the order in which a queue is closed
    'M_CLOSE_FULL': 'stop-fail',
    'M_NO_OPEN': 'stop',
    'M_NO_SYNC_CBS': 'stop',
    'M_NO_SYNC_RCU': 'stop-poll',
    'M_NO_TIMER_DELETE': 'stop-fail',
    'M_NO_TASKLET_KILL': 'stop',
    'M_NO_CANCEL_WORK': 'stop-task',
    'M_TASKLET_FIRST': 'stop-fail',
    'M_DRAIN_FIRST': 'stop-task',
}


def run(command, folder, what):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        telling = [line for line in said if 'No space left' in line or 'rror' in line] or said
        raise Failure(f'{what} failed on the model: {telling[0].strip() if telling else done.returncode}')


def cpu_seconds():
    """Of all that has been run: how long it took by the clock tells more about what ran beside it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def search(tools, folder, defines, mib, long=False, finite=False):
    """(error or None, states, whether that was all of them)"""
    need_space(folder, SPACE_MIB, 'the model')
    spin, gcc = tools
    run([spin, *(f'-D{one}' for one in defines), '-a', str(MODEL)], folder, 'spin')
    # What is not compressed takes less time and more memory; a search for cycles needs it compressed.
    options = ['-O1'] if long else ['-O0'] if finite else ['-O0', '-DNOCOMP']
    run([gcc, '-w', *options, '-DNP' if finite else '-DSAFETY', '-DVECTORSZ=2048', f'-DMEMLIM={mib}', '-o', 'pan',
         'pan.c'], folder, 'gcc')
    # Its exit code tells nothing: that it ran out of memory is in the text.
    text = subprocess.run(['nice', '-n', '15', './pan', '-n', f'-m{DEPTH}', *(['-l'] if finite else [])], cwd=folder,
                          capture_output=True, text=True, check=False).stdout
    errors = re.search(r'errors: (\d+)', text)
    states = re.search(r'(\d+) states, stored', text)
    if not errors or not states:
        raise Failure(f'the verifier says nothing of use: {text.strip().splitlines()[-1:]}')
    whole = 'Search not completed' not in text and 'max search depth too small' not in text
    said = re.search(r'pan:1: (.*?) \(at depth', text)
    error = (said[1] if said else 'an error') if int(errors[1]) else None
    return error, int(states[1]), whole


def check_configuration(tools, folder, defines, mib, long, finite):
    error, states, whole = search(tools, folder, defines, mib, long, finite)
    if error or whole:
        return states, error
    return states, 'not all states: out of memory'


def check_mutant(tools, folder, mutant, defines, mib):
    error, states, _ = search(tools, folder, [mutant, *defines], mib)
    return states, None if error else 'not caught: the model does not need what it takes away', error


def check_table():
    """All that staging.pml offers to take away must be in the table."""
    offered = set(re.findall(r'\bM_[A-Z_]+', MODEL.read_text()))
    if offered != set(MUTANTS):
        raise Failure(f'mutants in only one of staging.pml and run.py: {", ".join(sorted(offered ^ set(MUTANTS)))}')


def main():
    parser = argparse.ArgumentParser(prog='python3 -m tests.model.run', description=__doc__.splitlines()[0])
    parser.add_argument('--full', action='store_true', help='larger configurations too: 2.5 minutes, 2.1 GiB')
    full = parser.parse_args().full
    tools = need_tool('spin', 'spin'), need_tool('gcc', 'gcc')
    check_table()
    configurations = {**CONFIGURATIONS, **(LARGE if full else {})}
    mib = 8000 if full else 2000
    failed = total = 0

    def report(name, states, seconds, wrong, note=''):
        nonlocal failed, total
        total += 1
        failed += bool(wrong)
        say(f'{"FAIL" if wrong else "PASS"} model/{name:36} {states:>12,} states {seconds:5.1f} s  {wrong or note}')

    with tempfile.TemporaryDirectory(prefix='vblk-model-') as name:
        folder = Path(name)
        for finite, names in (False, configurations), (True, FINITE):
            for one in names:
                start, what = cpu_seconds(), one + ('.finite' if finite else '')
                states, wrong = check_configuration(tools, folder, configurations[one].split(), mib,
                                                    what in LONG, finite)
                report(what, states, cpu_seconds() - start, wrong)
        for mutant, where in MUTANTS.items():
            start = cpu_seconds()
            states, wrong, error = check_mutant(tools, folder, mutant, CONFIGURATIONS[where].split(), mib)
            report(f'{mutant} in {where}', states, cpu_seconds() - start, wrong, f'caught: {error}')
    if not full:
        say(f'{len(LARGE)} searches are left to --full: {", ".join(LARGE)}')
    say(f'{cpu_seconds():.0f} s of one processor')
    say(f'{total - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    run_main(main)
