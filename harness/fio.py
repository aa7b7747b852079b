# SPDX-License-Identifier: GPL-2.0-only
"""A static fio from Debian's source package. The packaged fio brings 80 MB of
libraries for remote storage, which a guest under TCG needs most of a second
to link at every start."""

import os
import shutil

from harness import apt
from harness.util import cache_dir, locked, need_space, run_logged, say


def build():
    """Build fio, once; returns the program's path."""
    folder = cache_dir() / "fio"
    program = folder / "fio"
    folder.mkdir(exist_ok=True)
    with locked(folder / "lock", "fio"):
        if not program.exists():
            _build(folder, program)
    return program


def _build(folder, program):
    need_space(folder, 200, "building fio")
    work = folder / "source"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    say("building fio for the guests")
    archive = apt.download_source("fio", work)
    log = folder / "build.log"
    tree = work / "tree"
    tree.mkdir()
    run_logged(["tar", "-C", tree, "--strip-components=1", "-xf", archive],
               folder / "unpack.log", "unpacking fio")
    run_logged(["env", "-C", tree, "./configure", "--build-static", "--disable-native"],
               folder / "configure.log", "configuring fio")
    run_logged(["make", "-C", tree, f"-j{os.cpu_count()}", "fio"], log, "building fio", steps=150)
    run_logged(["strip", "-o", work / "fio", tree / "fio"], folder / "strip.log", "building fio")
    (work / "fio").rename(program)
    shutil.rmtree(work)
