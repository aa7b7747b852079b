# SPDX-License-Identifier: GPL-2.0-only
"""Runs tests one after the other in one guest; each builds on the ones before."""

import time

from harness.qemu import Guest
from tests.machine import Machine
from tests.report import FAIL, PASS
from tests.run_boot import APPEND, explain

CLEAN = 'ends-clean'


def names(prefix, tests):
    return [f'{prefix}/{test.__name__}' for test in tests] + [f'{prefix}/{CLEAN}']


def run(report, prefix, kernel, initrd, boot, tests, out, guest_class=Guest):
    """Reports one result for each of names()."""
    todo = names(prefix, tests)
    out.mkdir(parents=True, exist_ok=True)
    try:
        with guest_class(kernel, initrd, cpus=4, mem=boot.mem, machine=boot.machine, args=boot.qemu_args(out),
                         append=f'{APPEND} {boot.append}'.strip(), workdir=str(out), channel=boot.channel) as guest:
            machine = Machine(guest, boot, out, kernel)
            for test in tests:
                started = time.monotonic()
                test(machine)
                guest.check_log()
                report.add(todo.pop(0), PASS, seconds=time.monotonic() - started)
        report.add(todo.pop(0), PASS)
    except Exception as error:
        report.add(todo.pop(0), FAIL, explain(error), log=out)
        for name in todo:
            report.add(name, FAIL, 'a test before it failed')
    finally:
        for image in out.glob('*.img'):
            image.unlink()
