# SPDX-License-Identifier: GPL-2.0-only
"""The series in patches/, applied to a kernel's own driver."""

import shutil
import subprocess
from pathlib import Path

from harness.util import Failure, need_tool

PATCHES = Path(__file__).parent.parent / "patches"
DRIVER = "drivers/block/virtio_blk.c"
KBUILD = "# SPDX-License-Identifier: GPL-2.0-only\nobj-m := virtio_blk.o\n"


def patches():
    """In their order; without the cover letter."""
    return sorted(path for path in PATCHES.glob("[0-9]*.patch") if not path.name.startswith("0000-"))


def apply(source, out, last=None):
    """Write the driver of a kernel, patched up to the last patch, into the folder out, as a module to be built."""
    out = Path(out)
    shutil.rmtree(out, ignore_errors=True)
    (out / DRIVER).parent.mkdir(parents=True)
    shutil.copy(source.path / DRIVER, out / DRIVER)
    for patch in patches()[:last]:
        done = subprocess.run([need_tool("patch", "patch"), "-p1", "--fuzz=0", "--batch", "--forward", "-i", patch],
                              cwd=out, capture_output=True, text=True)
        if done.returncode:
            raise Failure(f"patches/{patch.name} does not apply to the driver of {source.name} ({source.version}): "
                          f"the series is for the newest kernel; {done.stdout.strip().splitlines()[-1]}")
    (out / DRIVER).rename(out / "virtio_blk.c")
    shutil.rmtree(out / "drivers")
    (out / "Kbuild").write_text(KBUILD)
    return out
