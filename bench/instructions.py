# SPDX-License-Identifier: GPL-2.0-only
"""Counts the guest's instructions, function by function, with the QEMU plugin
insns/insns.c.

Per I/O: the instructions of a whole fio run, minus those of the same run with
one I/O per job (starting fio, its threads, the guest's scripts), minus what the
guest executes anyway while time passes (ticks, fio's look at its threads, as
counted while fio thinks), divided by the I/Os that the one did more than the
other. All vCPUs, user space and kernel; a halted vCPU executes nothing, so
waiting is not in it.
"""

from array import array
from collections import Counter as Sums
from pathlib import Path

from bench import symbols
from bench.hold import Holds
from harness.util import Failure, need_tool, run_logged

HERE = Path(__file__).parent / "insns"
LOOP_ROUNDS = 20_000_000
LOOP_INSTRUCTIONS = 2 * LOOP_ROUNDS
TOLERANCE = 0.02
TRIES = 3
# The driver's own, and what it calls of drivers/virtio/.
DRIVER = (symbols.MODULE, symbols.RING)


class Count:
    """Instructions of each span."""

    def __init__(self, spans, numbers):
        self._spans = spans
        self._numbers = numbers

    def __sub__(self, other):
        return Count(self._spans, [a - b for a, b in zip(self._numbers, other._numbers)])

    def __mul__(self, factor):
        return Count(self._spans, [number * factor for number in self._numbers])

    @property
    def all(self):
        return sum(self._numbers)

    def by_area(self):
        sums = dict.fromkeys(symbols.NAMES, 0)
        for span, number in zip(self._spans, self._numbers):
            sums[span.area] += number
        return sums

    def by_function(self):
        sums = Sums()
        for span, number in zip(self._spans, self._numbers):
            if number:
                sums[span.area, span.function] += number
        return sums


class Counter:
    def __init__(self, kernel, workdir):
        self._spans = symbols.spans(kernel)
        self._starts = workdir / "insns.starts"
        self._starts.write_bytes(array("Q", [span.start for span in self._spans]))
        self._counts = workdir / "insns.counts"
        self._counts.write_bytes(bytes(8 * len(self._spans)))
        self.holds = Holds(kernel, self._spans, workdir)
        self._plugin = workdir / "insns.so"
        self.loop = workdir / "loop"
        compiler = [need_tool("gcc", "gcc"), "-std=gnu11", "-Wall", "-Wextra",
                    "-Werror", "-O2"]
        run_logged([*compiler, "-shared", "-fPIC", "-fvisibility=hidden",
                    "-o", self._plugin, HERE / "insns.c", HERE / "hold.c"],
                   workdir / "insns.log", "building the instruction counter")
        run_logged([*compiler, "-static", "-nostdlib", "-ffreestanding",
                    f"-DROUNDS={LOOP_ROUNDS}", "-o", self.loop, HERE / "loop.c"],
                   workdir / "loop.log", "building the instruction counter's check")

    def args(self):
        files = {"starts": self._starts, "counts": self._counts, **self.holds.args()}
        words = [str(self._plugin), *(f"{name}={path}" for name, path in files.items())]
        return ["-plugin", ",".join(word.replace(",", ",,") for word in words)]

    def read(self):
        return Count(self._spans, array("Q", self._counts.read_bytes()))

    def check(self, guest):
        """Run a program of known length in a guest; the counter must see it.
        Returns what it counted more than that, as a share. The least of some
        tries: what the guest does besides can only add."""
        extra = min(self._count(guest, "/bench/loop") - self._count(guest, "true")
                    for _ in range(TRIES))
        error = extra / LOOP_INSTRUCTIONS - 1
        if abs(error) > TOLERANCE:
            raise Failure(f"the instruction counter is {error:+.1%} off a loop of "
                          f"{LOOP_INSTRUCTIONS} instructions (guest log: {guest.log})")
        return error

    def _count(self, guest, command):
        start = self.read()
        guest.sh(command)
        return (self.read() - start).all
