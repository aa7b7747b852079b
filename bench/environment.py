# SPDX-License-Identifier: GPL-2.0-only
"""What a reader must know to judge the figures."""

import os
import re
import subprocess
import time
from pathlib import Path

from harness import fio

CHECKOUT = Path(__file__).parent.parent


def _output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True,
                              cwd=CHECKOUT).stdout.strip()
    except FileNotFoundError:
        return ""


def load_average():
    return " ".join(f"{load:.2f}" for load in os.getloadavg())


def revision():
    commit = _output("git", "rev-parse", "--short=12", "HEAD") or "unknown"
    changed = _output("git", "status", "--porcelain", "--", "virtio_blk", "bench", "harness")
    return commit + (" and uncommitted changes" if changed else "")


def host():
    model = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "host_cpu": model[1] if model else "unknown",
        "host_cores": len(os.sched_getaffinity(0)),
        "host_kernel": os.uname().release,
        "load_average_before": load_average(),
        "qemu": _output("qemu-system-x86_64", "--version").splitlines()[0],
        "fio": _output(fio.build(), "--version"),
        "revision": revision(),
    }


def module_parameters(path):
    lines = _output("/sbin/modinfo", "-F", "parm", str(path)).splitlines()
    return [line.split(":")[0] for line in lines]


def module_version(path):
    """A module's own version, if it has one."""
    return _output("/sbin/modinfo", "-F", "version", str(path)) or "of this revision"
