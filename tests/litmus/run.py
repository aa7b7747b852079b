# SPDX-License-Identifier: GPL-2.0-only
"""Checks the barriers of the queue's protocol against the kernel's memory model.

    python3 -m tests.litmus.run

herd7 goes through every execution of each litmus test: what "exists" describes, work that nobody sees, must never
happen. Each mutant, a test with weaker order, must show that it may.
"""

import argparse
import re
import subprocess
import tempfile
from pathlib import Path

from harness import source
from harness.util import Failure, run_main, say
from tests.litmus import herd

FOLDER = Path(__file__).parent
KERNEL = '7.x'      # whose memory model it is

WORD_RELAXED = ('atomic_fetch_or(', 'atomic_fetch_or_relaxed(')
NO_LOOK_BARRIER = ('\tsmp_mb();\n', '')
NO_TAKE_BARRIER = ('smp_mb__after_atomic();', '')
# (test, name): what is replaced by what. Names are those of the model's mutants, where it has them.
MUTANTS = {
    ('missed+look', 'M_MISSED_TRY'): [WORD_RELAXED],
    ('missed+look', 'M_LOOK_BARRIER'): [NO_LOOK_BARRIER],
    # Each of the two orders enough.
    ('missed+take', 'M_MISSED_WORK'): [WORD_RELAXED, ('xchg(', 'xchg_relaxed(')],
    ('missed+take', 'M_TAKE_BARRIER'): [NO_TAKE_BARRIER],
    ('missed+take', 'M_TAKE_LATE'): [('\tatomic_andnot(1, state);\n', ''),
                                     ('(*staged);\n', '(*staged);\n\tatomic_andnot(1, state);\n')],
    ('reap+take', 'M_MISSED_WORK'): [WORD_RELAXED],
    ('reap+take', 'M_TAKE_BARRIER'): [NO_TAKE_BARRIER],
    ('sched+look', 'M_SCHED_TRY'): [('atomic_fetch_andnot(', 'atomic_fetch_andnot_relaxed(')],
    # Each of the two orders enough.
    ('sched+look', 'M_LOOK_BARRIER'): [NO_LOOK_BARRIER, WORD_RELAXED],
    ('close+notify', 'M_NO_SYNC_RCU'): [('\tsynchronize_rcu();\n', '')],
    ('close+notify', 'M_NO_READER'): [('\trcu_read_unlock();\n', ''),
                                      ('\tr1 =', '\trcu_read_unlock();\n\tr1 =')],
}


def mutate(text, replacements):
    for old, new in replacements:
        if text.count(old) != 1:
            raise Failure(f'a litmus test has {text.count(old)} times what its mutant takes away: {old.strip()}')
        text = text.replace(old, new)
    return text


def variants():
    """{name: (text, what herd7 must say of it)}"""
    texts = {path.stem: path.read_text() for path in sorted(FOLDER.glob('*.litmus'))}
    without = set(texts) - {test for test, _ in MUTANTS}
    if without or not texts:
        raise Failure(f'litmus tests without a mutant: {", ".join(sorted(without)) or "there are none at all"}')
    found = {test: (text, 'Never') for test, text in texts.items()}
    for (test, name), replacements in MUTANTS.items():
        text = mutate(texts[test], [*replacements, (f'C {test}\n', f'C {test}+{name}\n')])
        found[f'{test}+{name}'] = text, 'Sometimes'
    return found


def judge(said, name, wanted):
    """What is wrong, or None."""
    observed = re.search(rf'^Observation {re.escape(name)} (\w+) ', said, re.MULTILINE)
    if not observed:
        return 'herd7 says nothing about it'
    if observed[1] != wanted:
        return f'{observed[1]}, should be {wanted}'
    return None


def main():
    argparse.ArgumentParser(prog='python3 -m tests.litmus.run', description=__doc__.splitlines()[0]).parse_args()
    tests = variants()
    command = herd.command()
    with tempfile.TemporaryDirectory(prefix='vblk-litmus-') as name:
        files = [Path(name) / f'{test}.litmus' for test in tests]
        for file, (text, _) in zip(files, tests.values()):
            file.write_text(text)
        done = subprocess.run([*command, '-conf', 'linux-kernel.cfg', *files], capture_output=True, text=True,
                              cwd=source.resolve(KERNEL).path / 'tools' / 'memory-model')
    # Races, locks that are not let go.
    trouble = done.stderr.strip() or ''.join(re.findall(r'^Flag .*', done.stdout, re.MULTILINE))
    if trouble:
        raise Failure(f'herd7 about the litmus tests: {trouble}')
    failed = 0
    for test, (_, wanted) in tests.items():
        wrong = judge(done.stdout, test, wanted)
        failed += bool(wrong)
        say(f'{"FAIL" if wrong else "PASS"} litmus/{test:36} {wrong or wanted}')
    say(f'{len(tests) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    run_main(main)
