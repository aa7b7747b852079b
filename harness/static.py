# SPDX-License-Identifier: GPL-2.0-only
"""Static programs for the guests, from Debian's source packages: nothing is installed here, and nothing linked there."""

import hashlib
import os
import shutil

from harness import apt
from harness.util import Failure, cache_dir, locked, need_space, run_logged, say


def build(package, configure, target, steps, edits=()):
    """Build a package's program, once; returns its path. target: what make makes, a path in the source tree.
    edits: (file in the tree, text that it has once, what takes its place)."""
    recipe = hashlib.sha256(repr((configure, target, edits)).encode()).hexdigest()[:8]
    folder = cache_dir() / f"{package}-{recipe}"
    program = folder / os.path.basename(target)
    folder.mkdir(exist_ok=True)
    with locked(folder / "lock", package):
        if not program.exists():
            _build(package, configure, target, steps, edits, program)
    return program


def _build(package, configure, target, steps, edits, program):
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
    edit(tree, edits)
    run_logged(["env", "-C", tree, "./configure", *configure],
               folder / "configure.log", f"configuring {package}")
    run_logged(["make", "-C", tree, f"-j{os.cpu_count()}", target], log, f"building {package}", steps=steps)
    run_logged(["strip", "-o", work / program.name, tree / target], folder / "strip.log", f"building {package}")
    (work / program.name).rename(program)
    shutil.rmtree(work)


def edit(tree, edits):
    """Edits as build() takes them."""
    for name, old, new in edits:
        text = (tree / name).read_text()
        if text.count(old) != 1:
            raise Failure(f"{name} has '{old}' {text.count(old)} times instead of once: "
                          "adapt the edits to this version")
        (tree / name).write_text(text.replace(old, new))
