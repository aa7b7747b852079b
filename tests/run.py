# SPDX-License-Identifier: GPL-2.0-only
"""The project's tests: python3 -m tests.run [--kernel 6.12] [--test name]"""

import argparse
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from harness import initramfs, kernel
from harness.util import Failure, run_main
from tests import checks, plan
from tests.report import FAIL, PASS, Report
from tests.run_boot import BootRun

FLAVOURS = {'6.1': 'debug', '6.12': 'debug', '7.x': 'kasan'}
TOP = Path(__file__).resolve().parent.parent
JOBS = os.cpu_count()


def main():
    options = arguments()
    checks.DRIVER = options.driver.absolute()
    tests = plan.discover()
    if options.list:
        print('\n'.join(checks.names() + [test.name for test in tests]))
        return 0
    report = Report()
    out = options.out.absolute()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    specs = [options.kernel] if options.kernel else list(FLAVOURS)
    static = [check for check in checks.names() if options.test in (None, check, 'static')]
    chosen = [] if static and options.test else plan.select(tests, options.test)

    report.say(f'kernels: {", ".join(specs)}; a log of each guest is kept under {out}')
    kernels = [build_kernel(report, spec, options.flavour) for spec in specs]
    todo = checks.plan(static, kernels, out)
    report.expect(*(name for name, _ in todo))
    slow = [check for check in todo if check[0] in checks.SLOW]
    for check in todo:
        if check not in slow:
            run_check(report, *check)
    run_beside(report, slow, kernels, chosen, out, options)
    return report.finish()


def arguments():
    parser = argparse.ArgumentParser(prog='python3 -m tests.run', description=__doc__)
    parser.add_argument('--kernel', help='6.1, 6.12, 7.x or a kernel tree; default: the first three')
    parser.add_argument('--test', help='a test, or all of a file or a boot')
    parser.add_argument('--module', choices=('virtio_blk', 'in-tree'), default='virtio_blk',
                        help='in-tree: shows that a test describes the in-tree driver too')
    parser.add_argument('--driver', type=Path, default=checks.DRIVER, help='another folder than virtio_blk/')
    parser.add_argument('--flavour', help='of the kernel, instead of debug or kasan')
    parser.add_argument('--jobs', type=int, default=JOBS, help=f'guests at a time (default: {JOBS})')
    parser.add_argument('--out', type=Path, default=TOP / 'build' / 'tests', help='for the logs (default: build/tests)')
    parser.add_argument('--list', action='store_true', help='list the tests and exit')
    return parser.parse_args()


def build_kernel(report, spec, flavour):
    source = kernel.resolve(spec)
    flavour = flavour or FLAVOURS.get(spec, 'kasan')
    report.say(f'kernel {source.name} ({source.version}), flavour {flavour}')
    return kernel.build(source, flavour)


def run_check(report, name, function):
    started = time.monotonic()
    try:
        function()
        report.add(name, PASS, seconds=time.monotonic() - started)
    except Failure as failure:
        report.add(name, FAIL, str(failure))


def run_beside(report, slow, kernels, tests, out, options):
    """The guests, and what takes as long as a guest but is none. Who sleeps takes no core from the others."""
    runs = plan_guests(report, kernels, tests, out, options) if tests else []
    with ThreadPoolExecutor(options.jobs) as pool, ThreadPoolExecutor(1) as sleepers:
        others = [pool.submit(run_check, report, *check) for check in slow]
        running = [(sleepers if run.boot.sleeps and options.jobs > 1 else pool).submit(run.run, initrd)
                   for run, initrd in runs]
        for number, done in enumerate(as_completed(running), 1):
            done.result()
            report.say(f'---- {number} of {len(runs)} boots are done')
        for done in others:
            done.result()


def plan_guests(report, kernels, tests, out, options):
    """[(boot, its initramfs)]"""
    runs = [BootRun(report, built, boot, chosen, out, options.module)
            for built in kernels for boot, chosen in plan.by_boot(tests)]
    for run in runs:
        report.expect(*run.names)
    helpers = {helper for test in tests for helper in test.helpers}
    initrds = {built.source.name: build_initrd(report, built, out, options.module, helpers) for built in kernels}
    # The slow kernel first, so that no core idles at the end.
    runs = sorted((run for run in runs if initrds[run.kernel.source.name]),
                  key=lambda run: (run.kernel.flavour != 'kasan', -len(run.tests)))
    for number, run in enumerate(runs, 1):
        run.place = f'boot {number} of {len(runs)}'
    report.say(f'{len(runs)} boots, {options.jobs} at a time')
    return [(run, initrds[run.kernel.source.name]) for run in runs]


def build_initrd(report, built, out, module, helpers):
    """None if a module does not build: then no test of that kernel runs, and all of them fail."""
    names = helpers | ({module} - {'in-tree'})
    try:
        modules = {f'{name}.ko': checks.build(built, out, name) for name in sorted(names)}
    except Failure as failure:
        report.say(f'{built.source.name}: no module, so no guest: {failure}')
        return None
    # A copy: the cache keeps only the newest ones, and others use it too.
    folder = out / built.source.name
    folder.mkdir(exist_ok=True)
    return shutil.copy(initramfs.build(built, modules=modules), folder)


if __name__ == '__main__':
    run_main(main)
