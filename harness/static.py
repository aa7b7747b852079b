# SPDX-License-Identifier: GPL-2.0-only
"""Static programs for the guests, from Debian's source packages: nothing is installed here, and nothing linked there."""

import os
import shutil

from harness import apt
from harness.util import cache_dir, locked, need_space, run_logged, say


def build(package, configure, target, steps):
    """Build a package's program, once; returns its path. target: what make makes, a path in the source tree."""
    folder = cache_dir() / package
    program = folder / os.path.basename(target)
    folder.mkdir(exist_ok=True)
    with locked(folder / "lock", package):
        if not program.exists():
            _build(package, configure, target, steps, program)
    return program


def _build(package, configure, target, steps, program):
    folder = program.parent
    need_space(folder, 200, f"building {package}")
    work = folder / "source"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    say(f"building {package} for the guests")
    archive = apt.download_source(package, work)
    log = folder / "build.log"
    tree = work / "tree"
    tree.mkdir()
    run_logged(["tar", "-C", tree, "--strip-components=1", "-xf", archive],
               folder / "unpack.log", f"unpacking {package}")
    run_logged(["env", "-C", tree, "./configure", *configure],
               folder / "configure.log", f"configuring {package}")
    run_logged(["make", "-C", tree, f"-j{os.cpu_count()}", target], log, f"building {package}", steps=steps)
    run_logged(["strip", "-o", work / program.name, tree / target], folder / "strip.log", f"building {package}")
    (work / program.name).rename(program)
    shutil.rmtree(work)
