# SPDX-License-Identifier: GPL-2.0-only
"""Whose code is at which address of a guest: each function of its kernel, and
to which area it belongs by the source file it is from."""

import subprocess
from collections import defaultdict
from dataclasses import dataclass

from harness.util import Failure, need_tool

USER = "user space"
MODULE = "driver module"
RING = "ring and transport"
OTHER = "rest of the kernel"
# By the object file; the first that fits.
AREAS = (
    ("block/", "block layer"),
    ("io_uring/", "io_uring"),
    ("drivers/virtio/", RING),
    ("mm/", "memory"),
    ("arch/x86/mm/", "memory"),
    ("fs/", "files"),
    ("arch/x86/entry/", "entry, interrupts"),
    ("kernel/entry/", "entry, interrupts"),
    ("kernel/irq/", "entry, interrupts"),
    ("kernel/softirq.o", "entry, interrupts"),
    ("kernel/smp.o", "entry, interrupts"),
    ("arch/x86/kernel/apic/", "entry, interrupts"),
    ("arch/x86/kernel/irq", "entry, interrupts"),
    ("drivers/pci/msi/", "entry, interrupts"),
    ("kernel/sched/", "scheduling, locks"),
    ("kernel/locking/", "scheduling, locks"),
)
NAMES = [MODULE, RING, *dict.fromkeys(name for _, name in AREAS if name != RING), OTHER, USER]
KERNEL = 0xffff800000000000
# x86-64 without address randomisation: after the kernel's own mapping. A guest
# has no module but the driver.
MODULES = (0xffffffffa0000000, 0xffffffffff000000)
CODE = "tTwW"


@dataclass(frozen=True)
class Span:
    """Addresses up to the next span's."""
    start: int
    function: str
    area: str


def _objects(kernel):
    """Object files that define a function of that name."""
    listed = subprocess.run([need_tool("nm", "binutils"), "-A", "--defined-only", "vmlinux.a"],
                            cwd=kernel.builddir, capture_output=True, text=True)
    found = defaultdict(list)
    for line in listed.stdout.splitlines():
        place, _, rest = line.partition(" ")
        kind, _, name = rest.partition(" ")
        if kind in CODE:
            found[name].append(place.split(":")[1])
    if not found:
        raise Failure(f"nm found no function in {kernel.builddir}/vmlinux.a")
    return found


def _area(path):
    return next((name for start, name in AREAS if path.startswith(start)), OTHER)


def functions(kernel):
    """(address, name) of a kernel's symbols that are code, in order."""
    for line in (kernel.builddir / "System.map").read_text().splitlines():
        address, kind, name = line.split()
        if kind in CODE:
            yield int(address, 16), name


def spans(kernel):
    """All addresses of a guest, in order."""
    objects = _objects(kernel)
    found = [Span(0, USER, USER), Span(KERNEL, OTHER, OTHER)]
    path = ""
    for start, name in functions(kernel):
        # Names that no object defines are the linker script's.
        if name not in objects or start <= found[-1].start:
            continue
        # Objects are linked one after the other: of several, the last one's.
        if path not in objects[name]:
            path = objects[name][0]
        found.append(Span(start, name, _area(path)))
    if found[-1].start >= MODULES[0]:
        raise Failure(f"{kernel.builddir}/System.map: the kernel reaches into its modules")
    return [*found, Span(MODULES[0], MODULE, MODULE), Span(MODULES[1], OTHER, OTHER)]
