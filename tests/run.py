# SPDX-License-Identifier: GPL-2.0-only
"""The project's tests: python3 -m tests.run [--full] [--kernel 6.12] [--test name]"""

import argparse
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from harness import initramfs, kernel, kexec
from harness.util import Failure, duration, run_main
from tests import checks, plan
from tests.install import run as install
from tests.machine import MODULES
from tests.report import FAIL, PASS, Report
from tests.run_boot import BootRun

FLAVOURS = {'6.1': ('debug',), '6.12': ('debug',), '7.x': ('kasan',)}
# No debug: KASAN has all of it. 6.1 has no PREEMPT_RT without a patch.
FULL_FLAVOURS = {'6.1': ('kasan', 'kcsan'), '6.12': ('kasan', 'kcsan', 'rt'), '7.x': ('kasan', 'kcsan', 'rt')}
OTHER_FLAVOURS = ('kasan',)
TOP = Path(__file__).resolve().parent.parent
# One more than there are processors: a guest that waits for something takes none.
JOBS = os.cpu_count() + 1


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
    specs = kernels_for(options)
    flavours = FULL_FLAVOURS if options.full else FLAVOURS
    static = [check for check in checks.names() if options.test in (None, check, 'static')]
    chosen = [] if static and options.test else plan.select(tests, options.test)
    series = options.test in (None, 'patches') and options.module == 'virtio_blk'
    patched = plan.of_series(tests, options.full) if series else []

    report.say(f'kernels: {", ".join(specs) or "none"}; a log of each guest is kept under {out}')
    kernels = [build_kernel(report, spec, flavour) for spec in specs
               for flavour in ([options.flavour] if options.flavour else flavours.get(spec, OTHER_FLAVOURS))]
    report.kernels_took = time.monotonic() - report.started
    todo = checks.plan(static, kernels, out, options)
    # The machines have Debian's kernels: who asks for another kernel gets only that.
    installs = install.chosen(options.full) if options.test == 'dkms' or not (options.test or options.kernel) else []
    if installs and not options.full:
        report.left += len(install.names(install.chosen(full=True))) - len(install.names(installs))
    report.expect(*(name for name, _ in todo), *install.names(installs))
    slow = [check for check in todo if check[0] in checks.SLOW]
    for check in todo:
        if check not in slow:
            run_check(report, *check)
    run_beside(report, slow, installs, plan_guests(report, kernels, chosen, patched, out, options), out, options)
    return report.finish()


def kernels_for(options):
    if options.test in checks.ONCE + checks.OWN:
        return []
    if options.kernel:
        return [options.kernel]
    return [checks.NEWEST] if options.test in checks.ON_NEWEST else list(FLAVOURS)


def arguments():
    parser = argparse.ArgumentParser(prog='python3 -m tests.run', description=__doc__)
    parser.add_argument('--kernel', help='6.1, 6.12, 7.x or a kernel tree; default: the first three')
    parser.add_argument('--full', action='store_true', help='also what takes long, on kernels with each sanitiser')
    parser.add_argument('--test', help='a test, or all of a file or a boot, whether it takes long or not')
    parser.add_argument('--module', choices=MODULES, default='virtio_blk',
                        help='in-tree: shows that a test describes the in-tree driver too; patched: that with patches/')
    parser.add_argument('--driver', type=Path, default=checks.DRIVER, help='another folder than virtio_blk/')
    parser.add_argument('--flavour', help='of the kernel, instead of debug or kasan')
    parser.add_argument('--jobs', type=int, default=JOBS, help=f'guests at a time (default: {JOBS})')
    parser.add_argument('--out', type=Path, default=TOP / 'build' / 'tests', help='for the logs (default: build/tests)')
    parser.add_argument('--list', action='store_true', help='list the tests and exit')
    return parser.parse_args()


def build_kernel(report, spec, flavour):
    source = kernel.resolve(spec)
    report.say(f'kernel {source.name} ({source.version}), flavour {flavour}')
    return kernel.build(source, flavour)


def run_check(report, name, function):
    started = time.monotonic()
    try:
        function()
        report.add(name, PASS, seconds=time.monotonic() - started)
    except Failure as failure:
        report.add(name, FAIL, str(failure))


def run_beside(report, slow, installs, runs, out, options):
    """The guests, and what takes as long as a guest but is none."""
    with ThreadPoolExecutor(options.jobs) as pool, ThreadPoolExecutor(1) as beside:
        # The model is nice, and takes what the guests leave.
        others = [beside.submit(run_check, report, *check) for check in slow]
        others.append(pool.submit(install.run, report, out / 'install', installs))
        running = [pool.submit(run.run, initrd) for run, initrd in runs]
        started, total, finished = time.monotonic(), sum(run.work for run, _ in runs), 0
        for number, done in enumerate(as_completed(running), 1):
            finished += done.result()
            left = (time.monotonic() - started) * (total - finished) / finished
            report.say(f'---- {number} of {len(runs)} boots are done, about {duration(left)} left')
        for done in others:
            done.result()


def plan_guests(report, kernels, tests, patched, out, options):
    """[(boot, its initramfs)], also for the kernel's own driver with patches/."""
    runs = [BootRun(report, built, boot, chosen, out, options.module)
            for built in kernels for boot, chosen in plan.by_boot(of_kernel(report, built, tests, options))]
    runs += [BootRun(report, built, boot, chosen, out, 'patched') for built in kernels
             if checks.has_series(built, options.test) for boot, chosen in plan.by_boot(patched)]
    for run in runs:
        report.expect(*run.names)
    initrds = {}
    for built in {run.kernel for run in runs}:
        mine = [run for run in runs if run.kernel == built]
        initrds |= {(built, programs): build_initrd(report, built, out, mine, programs)
                    for programs in sorted({run.boot.programs for run in mine})}
    # The long ones first, so that no core idles at the end.
    runs = sorted((run for run in runs if initrds[run.kernel, run.boot.programs]), key=lambda run: -run.work)
    if not runs:
        return []
    for number, run in enumerate(runs, 1):
        run.place = f'boot {number} of {len(runs)}'
    report.say(f'{len(runs)} boots, {options.jobs} at a time')
    return [(run, initrds[run.kernel, run.boot.programs]) for run in runs]


def of_kernel(report, built, tests, options):
    """Who asks for a test by its name gets it."""
    if options.full or options.test:
        return tests
    chosen = plan.in_tier(tests, built.source.name == checks.NEWEST)
    report.left += len(tests) - len(chosen)
    return chosen


def build_initrd(report, built, out, runs, programs):
    """None if a module does not build: then no test of that kernel runs, and all of them fail."""
    names = {run.module for run in runs} | {helper for run in runs for test in run.tests for helper in test.helpers}
    try:
        modules = {MODULES.get(name, f'/modules/{name}.ko').removeprefix('/modules/'): checks.build(built, out, name)
                   for name in sorted(names - {'in-tree'})}
    except Failure as failure:
        report.say(f'{built}: no module, so no guest: {failure}')
        return None
    # A copy: the cache keeps only the newest ones, and others use it too.
    folder = out / built.label
    folder.mkdir(exist_ok=True)
    files = {'usr/local/bin/kexec': kexec.build()}
    return shutil.copy(initramfs.build(built, modules=modules, files=files, programs=programs), folder)


if __name__ == '__main__':
    run_main(main)
