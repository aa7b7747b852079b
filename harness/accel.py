# SPDX-License-Identifier: GPL-2.0-only
"""KVM where it works, TCG elsewhere. An open /dev/kvm is no proof: on nested
hosts guests can hang under it, so a one-instruction machine is run first."""

import functools
import os
import re
import subprocess
import tempfile
from pathlib import Path

PROBE_SECONDS = 10
# At the reset vector: mov al, 0x31; out 0xf4, al; hlt
PROBE_CODE = bytes.fromhex("b031e6f4f4")
PROBE_EXIT = 0x31 << 1 | 1


@functools.cache
def choose():
    """("kvm" or "tcg", why)."""
    flags = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    if not flags or not {"vmx", "svm"} & set(flags[1].split()):
        return "tcg", "the processor offers no virtualization (no vmx or svm)"
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
    except OSError as error:
        return "tcg", f"/dev/kvm cannot be opened: {error.strerror}"
    if not probe("kvm"):
        return "tcg", "/dev/kvm opens, but a guest of one instruction does not run under it"
    return "kvm", "a probe guest ran under /dev/kvm"


def probe(accel):
    """Whether QEMU runs a machine that only says goodbye."""
    with tempfile.NamedTemporaryFile(suffix=".bin") as rom:
        rom.write(b"\xf4" * 0xfff0 + PROBE_CODE.ljust(16, b"\xf4"))
        rom.flush()
        try:
            result = subprocess.run(
                ["qemu-system-x86_64", "-accel", accel, "-machine", "pc", "-m", "16M",
                 "-nodefaults", "-display", "none", "-bios", rom.name,
                 "-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
                capture_output=True, timeout=PROBE_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            return False
    return result.returncode == PROBE_EXIT
