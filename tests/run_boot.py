# SPDX-License-Identifier: GPL-2.0-only
"""Runs the tests of one boot. A test that fails may have broken the guest: the next ones get a new one."""

import time
import traceback
from pathlib import Path

from harness import config
from harness.qemu import Guest, GuestError
from tests.machine import Machine, Skip
from tests.report import FAIL, PASS, SKIP

# A slow host is not a hang: the watchdogs of the guest wait longer than they would on a machine of its own. And it need
# not measure how long its delay loops take: with this, pm_test waits for a second or so, not for five.
APPEND = ('rcupdate.rcu_cpu_stall_timeout=180 sysctl.kernel.watchdog_thresh=60 '
          'sysctl.kernel.hung_task_timeout_secs=400 lpj=4000000')


# With KASAN, as a boot's pace; and how long others take, compared with that.
BOOT_SECONDS = 20
SLOWNESS = {'plain': 0.3, 'debug': 0.5, 'kasan': 1, 'kcsan': 1, 'rt': 0.7}


class BootRun:
    def __init__(self, report, kernel, boot, tests, out, module):
        self.report, self.kernel, self.boot, self.tests, self.module = report, kernel, boot, list(tests), module
        label = kernel.label if module != 'patched' else f'{kernel.label}-patched'
        self.prefix, self.workdir = f'{label}/', out / label
        self.initrd, self.boots, self.place = None, 0, ''
        self.work = (BOOT_SECONDS + boot.pace * len(self.tests)) * SLOWNESS.get(kernel.flavour, 1)

    @property
    def log_check(self):
        """The test that the boot ends with: module gone, nothing leaked, kernel log clean."""
        return f'{self.prefix}{self.boot.name}/ends-clean'

    @property
    def names(self):
        return [self.prefix + test.name for test in self.tests] + [self.log_check]

    def run(self, initrd):
        """Returns how much work it was."""
        self.initrd = initrd
        while self.tests:
            self.boots += 1
            workdir = self.workdir / f'{self.boot.name}-{self.boots}'
            workdir.mkdir(parents=True, exist_ok=True)
            try:
                self._one_boot(workdir)
            except Exception as error:
                # Not a test's failure: the guest did not come up, or the runner is wrong.
                self._no_guest(f'no usable guest: {explain(error)}', workdir)
            for image in workdir.glob('*.img'):
                image.unlink()
        return self.work

    def _no_guest(self, reason, workdir):
        for test in self.tests:
            self.report.add(self.prefix + test.name, FAIL, reason, log=workdir)
        self.tests = []
        self.report.add(self.log_check, FAIL, reason, log=workdir)

    def _one_boot(self, workdir):
        started = time.monotonic()
        guest = Guest(self.kernel, self.initrd, cpus=4, mem=self.boot.mem, machine=self.boot.machine,
                      args=self.boot.qemu_args(workdir), append=self._append(),
                      workdir=str(workdir), channel=self.boot.channel,
                      panic_on_warn=self.kernel.flavour not in config.NOISY)
        with guest:
            machine = Machine(guest, self.boot, workdir, self.kernel, self.module)
            self.report.say(f'---- {self.prefix}{self.boot.name} ({self.place}): guest is up after '
                            f'{time.monotonic() - started:.1f} s, CPU {guest.cpu_seconds():.1f}, '
                            f'{len(self.tests)} tests to run')
            while self.tests:
                test = self.tests.pop(0)
                if not self._one_test(machine, test):
                    guest.close(check=False)
                    break
            else:
                self._end(machine)
                return
        if not self.tests:
            self.report.add(self.log_check, FAIL, 'the last guest was given up', log=machine.guest.log)

    def _append(self):
        """Who does not look for leaks need not keep account of all memory."""
        return ' '.join([APPEND, *['kmemleak=off'] * (not self.boot.leaks), self.boot.append]).strip()

    def _one_test(self, machine, test):
        """Returns whether the guest is good for another test."""
        name, started, reason = self.prefix + test.name, time.monotonic(), ''
        outcome, cpu = PASS, machine.guest.cpu_seconds()
        machine.guest.allow += test.allow
        try:
            machine.want(test.params)
            test.run(machine)
        except Skip as skip:
            outcome, reason = SKIP, str(skip)
        except Exception as error:
            outcome, reason = FAIL, explain(error)
        try:
            if outcome != FAIL and test.params is None:
                machine.drop()
            machine.guest.check_log()
        except Exception as error:
            outcome, reason = FAIL, '; '.join(filter(None, [reason, explain(error)]))
        log = machine.guest.log if outcome == FAIL else None
        cpu = machine.guest.cpu_seconds() - cpu
        self.report.add(name, outcome, reason, time.monotonic() - started, log, cpu if cpu >= 0 else None)
        return outcome != FAIL

    def _end(self, machine):
        started = time.monotonic()
        try:
            machine.drop()
            if self.boot.leaks:
                find_leaks(machine)
            machine.guest.close()
            self.report.add(self.log_check, PASS, seconds=time.monotonic() - started)
        except Exception as error:
            self.report.add(self.log_check, FAIL, explain(error), log=machine.guest.log)


def find_leaks(machine):
    """Lets kmemleak look twice: what was just freed or allocated needs a second look. And once more at what it found:
    a leak stays one, but what waits for RCU may be where kmemleak does not look."""
    leaks = machine.out('''
        cd /sys/kernel/debug 2>/dev/null && [ -e kmemleak ] || exit 0
        echo scan > kmemleak; sleep 6; echo scan > kmemleak; [ "$(cat kmemleak)" ] || exit 0
        sleep 15; echo scan > kmemleak; cat kmemleak''')
    assert not leaks, f'kmemleak: {leaks}'


def explain(error):
    """What went wrong and where in the test, in few lines."""
    if isinstance(error, GuestError):
        where = ''
    else:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if '/tests/guest/' in frame.filename]
        where = f'\n{Path(frames[-1].filename).name}:{frames[-1].lineno}: {frames[-1].line}' if frames else ''
    text = str(error) or type(error).__name__
    if not isinstance(error, (AssertionError, GuestError)):
        text = f'{type(error).__name__}: {text}'
    return text + where
