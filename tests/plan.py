# SPDX-License-Identifier: GPL-2.0-only
"""Which tests there are, and which boot each of them belongs to.

A file of tests/guest/ holds one behaviour:

    CASES   {boot: [case, ...]} or {boot: None}; every case is a test of its own
    NEWEST  which of them depend on the kernel so little that `make test` has them on the newest kernel only: as CASES,
            where None means all cases of the boot
    LONG    which of them take so long that only `make test-full` has them: as NEWEST
    SERIES  which of them are run once more, on the newest kernel, with the kernel's own driver and patches/: as NEWEST
    PARAMS  the module's parameters; None: the test loads the module itself, afresh
    ALLOW   patterns of kernel log lines that the test provokes, and that are no trouble
    SPEC    sections of VIRTIO 1.3 of which it shows a requirement: see conformance.md
    HELPERS modules of checks.HELPERS that it finds in /modules/ beside the driver
    test    test(g) or test(g, case); an exception is a failure, Skip(reason) a counted skip
"""

import importlib
import pkgutil
from dataclasses import dataclass
from typing import Callable

from harness.util import Failure
from tests import boots, guest
from tests.boot import Boot


EVERY, NEWEST, FULL = 'every kernel', 'newest kernel', 'test-full'


@dataclass(frozen=True)
class Test:
    name: str
    boot: Boot
    tier: str
    params: str | None
    allow: tuple
    helpers: tuple
    series: bool
    run: Callable


def discover():
    """Every test, in the order in which they run."""
    tests = []
    for info in sorted(pkgutil.iter_modules(guest.__path__), key=lambda info: info.name):
        module = importlib.import_module(f'tests.guest.{info.name}')
        fields = getattr(module, 'PARAMS', ''), getattr(module, 'ALLOW', ()), getattr(module, 'HELPERS', ())
        for boot, cases in module.CASES.items():
            for case in cases or [None]:
                tests.append(Test(name(info.name, boot, case), boot, tier(module, boot, case), *fields,
                                  has(module, 'SERIES', boot, case), bind(module.test, case)))
        check_cases(module)
    names = [test.name for test in tests]
    assert len(set(names)) == len(names), 'two tests share a name'
    return tests


def name(module, boot, case):
    return f'{boot.name}/{module}' + (f'.{case}' if case is not None else '')


def tier(module, boot, case):
    return FULL if has(module, 'LONG', boot, case) else NEWEST if has(module, 'NEWEST', boot, case) else EVERY


def has(module, which, boot, case):
    chosen = getattr(module, which, {})
    return boot in chosen and (chosen[boot] is None or case in chosen[boot])


def check_cases(module):
    for which in 'LONG', 'NEWEST', 'SERIES':
        for boot, cases in getattr(module, which, {}).items():
            unknown = set(cases or ()) - set(module.CASES.get(boot) or ())
            assert boot in module.CASES and not unknown, f'{module.__name__} has no case {unknown} in {boot.name}'


def bind(function, case):
    return function if case is None else lambda g: function(g, case)


def select(tests, patterns):
    """The tests whose name is one of the patterns (a,b), or has it as file, boot or case."""
    if patterns is None:
        return tests
    chosen = set()
    for pattern in patterns.split(','):
        found = ([test for test in tests if pattern in (test.name, *parts(test.name))]
                 or [test for test in tests if pattern in test.name])
        if not found:
            raise Failure(f'no test is called "{pattern}"; python3 -m tests.run --list shows them all')
        chosen.update(found)
    return [test for test in tests if test in chosen]


def in_tier(tests, newest):
    """Those of `make test` on one kernel."""
    return [test for test in tests if test.tier == EVERY or test.tier == NEWEST and newest]


def of_series(tests, full):
    """Those that the series in patches/ has to pass."""
    return [test for test in tests if test.series and (full or test.tier != FULL)]


def parts(full):
    boot, _, rest = full.partition('/')
    return boot, rest, rest.partition('.')[0], rest.partition('.')[2]


def by_boot(tests):
    """[(boot, its tests)], in the order of boots.py."""
    order = [value for value in vars(boots).values() if isinstance(value, Boot)]
    groups = [(boot, [test for test in tests if test.boot is boot]) for boot in order]
    return [(boot, chosen) for boot, chosen in groups if chosen]
