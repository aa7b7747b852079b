# SPDX-License-Identifier: GPL-2.0-only
"""Counts the guest's instructions, with the QEMU plugin insns/insns.c.

Per I/O: the instructions of a whole fio run, minus those of the same run with
one I/O per job (starting fio, its threads, the guest's scripts), divided by
the I/Os that the one did more than the other. All vCPUs, user space and
kernel; a halted vCPU executes nothing, so waiting is not in it. Of these, the
driver's: the code of modules, of which a guest has no other, and of the
kernel's drivers/virtio/ (ring and transport), which the driver calls.
"""

import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness.util import Failure, need_tool, run_logged

HERE = Path(__file__).parent / "insns"
LOOP_ROUNDS = 100_000_000
LOOP_INSTRUCTIONS = 2 * LOOP_ROUNDS
TOLERANCE = 0.02
TRIES = 3
# x86-64 without address randomisation: after the kernel's own mapping.
MODULES = (0xffffffffa0000000, 0xfffffffffeffffff)


@dataclass(frozen=True)
class Count:
    all: int
    driver: int

    def __sub__(self, other):
        return Count(self.all - other.all, self.driver - other.driver)


def virtio_range(kernel):
    """Where drivers/virtio/ is in a kernel: it is linked as one piece."""
    objects = sorted((kernel.builddir / "drivers/virtio").glob("*.o"))
    listed = subprocess.run(["nm", "--defined-only", *objects], capture_output=True, text=True)
    names = {line.split()[2] for line in listed.stdout.splitlines() if " T " in line}
    addresses = [int(line.split()[0], 16)
                 for line in (kernel.builddir / "System.map").read_text().splitlines()
                 if line.split()[1] == "T" and line.split()[2] in names]
    if not addresses:
        raise Failure(f"no symbols of drivers/virtio in {kernel.builddir}/System.map")
    return min(addresses), max(addresses)


class Counter:
    def __init__(self, workdir):
        self._counts = workdir / "insns.count"
        self._counts.write_bytes(bytes(16))
        self._plugin = workdir / "insns.so"
        self.loop = workdir / "loop"
        compiler = [need_tool("gcc", "gcc"), "-std=gnu11", "-Wall", "-Wextra",
                    "-Werror", "-O2"]
        run_logged([*compiler, "-shared", "-fPIC", "-fvisibility=hidden",
                    "-o", self._plugin, HERE / "insns.c"], workdir / "insns.log",
                   "building the instruction counter")
        run_logged([*compiler, "-static", "-nostdlib", "-ffreestanding",
                    f"-DROUNDS={LOOP_ROUNDS}", "-o", self.loop, HERE / "loop.c"],
                   workdir / "loop.log", "building the instruction counter's check")

    def args(self, kernel):
        ranges = "".join(f",range={first:x}-{last:x}"
                         for first, last in (MODULES, virtio_range(kernel)))
        return ["-plugin", f"{self._plugin},counts={self._counts}{ranges}"]

    def read(self):
        return Count(*struct.unpack("=QQ", self._counts.read_bytes()))

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
