# SPDX-License-Identifier: GPL-2.0-only
"""Counts: every expected test has exactly one result, or it failed."""

import threading
import time
from dataclasses import dataclass, field

from harness.util import duration

PASS, FAIL, SKIP = 'PASS', 'FAIL', 'SKIP'


@dataclass
class Report:
    expected: list = field(default_factory=list)
    results: dict = field(default_factory=dict)
    left: int = 0       # to make test-full
    started: float = field(default_factory=time.monotonic)
    kernels_took: float = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def expect(self, *names):
        self.expected += names

    def add(self, name, outcome, reason='', seconds=None, log=None, cpu=None):
        with self.lock:
            self.results.setdefault(name, (outcome, reason, log))
            took = '' if seconds is None else f' ({seconds:.1f} s{"" if cpu is None else f", CPU {cpu:.1f}"})'
            self._print(f'{outcome} {len(self.results):4d}/{len(self.expected)} {name}{took}'
                        + (f': {first_line(reason)}' if reason else ''))
            if outcome == FAIL:
                for line in rest(reason):
                    self._print(f'       {line}')
                if log and str(log) not in str(reason):
                    self._print(f'       log: {log}')

    def say(self, text):
        with self.lock:
            self._print(text)

    def _print(self, text):
        elapsed = int(time.monotonic() - self.started)
        print(f'[{elapsed // 60:3d}:{elapsed % 60:02d}] {text}', flush=True)

    def finish(self):
        """Prints the outcome; returns the exit code."""
        for name in self.expected:
            if name not in self.results:
                self.add(name, FAIL, 'never ran')
        for name in sorted(set(self.results) - set(self.expected)):
            self.add(f'{name} (unexpected)', FAIL, 'reported, but nobody expected it')
        count = {kind: sum(result[0] == kind for result in self.results.values()) for kind in (PASS, FAIL, SKIP)}
        for kind in (SKIP, FAIL):
            for name, (outcome, reason, log) in self.results.items():
                if outcome == kind:
                    print(f'{kind} {name}: {first_line(reason)}')
                    # Who has only the end of the output shall see why, too.
                    for line in rest(reason):
                        print(f'    {line}')
        if not self.expected:
            print('no test was expected: that is a failure')
        if self.left:
            print(f'{self.left} tests are left to make test-full')
        took = time.monotonic() - self.started - self.kernels_took
        print(f'the kernels took {duration(self.kernels_took)}, the tests {duration(took)}')
        line = f'{count[PASS]} passed, {count[FAIL]} failed'
        print(line + (f', {count[SKIP]} skipped' if count[SKIP] else ''), flush=True)
        return 1 if count[FAIL] or not self.expected else 0


def rest(reason):
    """All but the first line, of a few dozen."""
    return str(reason).splitlines()[1:30]


def first_line(text):
    return (str(text).splitlines() or [''])[0]
