# SPDX-License-Identifier: GPL-2.0-only
"""Putting the guest to sleep. Its serial ports, and with them our command channel, sleep too."""

import time

from tests.machine import PATIENCE


def sleep_through(g, script, last_line):
    """Runs a script that puts the guest to sleep and ends with that line in the kernel log."""
    before = lines(g, last_line)
    going = g.spawn(script)
    deadline = time.monotonic() + PATIENCE
    while lines(g, last_line) == before:
        assert time.monotonic() < deadline, f'the kernel never said "{last_line}"'
        time.sleep(0.5)
    # What the serial port raised while interrupts were masked is lost: have it raise another.
    while not going.done() and time.monotonic() < deadline:
        g.spawn('true')
        time.sleep(2)
    g.finish(going, script)


def lines(g, text):
    return g.guest.log.read_text(errors='replace').count(text)
