# SPDX-License-Identifier: GPL-2.0-only
"""Kernel source trees, by name: Debian's linux-source packages, or a tree that
the user has."""

import functools
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness import apt
from harness.util import Failure, cache_dir, locked, need_space, need_tool, run_logged, say

UNPACKED_MIB = 2600


@dataclass(frozen=True)
class Source:
    name: str           # as the user says it: 6.1, 6.12, 7.x or a path
    version: str        # Debian's, or the tree's own
    path: Path
    series: tuple       # (7, 3)

    @property
    def is_debian(self):
        return not self.name.startswith("/")


@functools.cache
def resolve(spec):
    """Find the source tree that a KERNEL= value means, fetching if need be."""
    spec = str(spec)
    if "/" in spec:
        return _own_tree(Path(spec).absolute())
    if not re.fullmatch(r"\d+\.(\d+|x)", spec):
        raise Failure(f"unknown kernel '{spec}': give 6.1, 6.12, 7.x or the path of a Linux tree")
    pattern = re.compile("linux-source-" + re.escape(spec).replace(r"\.x", r"\.\d+"))
    known = apt.kernels()
    best = None
    for package, version in known:
        if pattern.fullmatch(package) and (best is None or apt.newer(version, best[1])):
            best = (package, version)
    if not best:
        names = sorted({package.rsplit("-", 1)[1] for package, version in known})
        raise Failure(f"unknown kernel '{spec}': Debian's mirror holds "
                      f"{', '.join(names) or 'none'}")
    package, version = best
    series = tuple(int(part) for part in package.rsplit("-", 1)[1].split("."))
    return Source(spec, version, _unpacked(package, version), series)


def _own_tree(path):
    if not (path / "Kbuild").is_file() or not (path / "drivers/block/virtio_blk.c").is_file():
        raise Failure(f"{path} is not a Linux source tree with drivers/block/virtio_blk.c")
    need_tool("make", "make")
    result = subprocess.run(["make", "-s", "--no-print-directory", "-C", path, "kernelversion"],
                            capture_output=True, text=True)
    match = re.match(r"(\d+)\.(\d+)", result.stdout)
    if not match:
        raise Failure(f"{path} does not tell its version: {result.stderr.strip()}")
    return Source(str(path), result.stdout.strip(), path, (int(match[1]), int(match[2])))


def _unpacked(package, version):
    folder = cache_dir() / "sources"
    folder.mkdir(exist_ok=True)
    name = f"{package}_{re.sub(r'[^A-Za-z0-9.+-]', '_', version)}"
    tree = folder / name
    with locked(folder / f"{name}.lock", f"the source of {package}"):
        if not tree.exists():
            _fetch(package, version, tree)
    return tree


def _fetch(package, version, tree):
    need_space(tree.parent, UNPACKED_MIB, f"unpacking {package}")
    need_tool("xz", "xz-utils")
    work = tree.with_name(tree.name + ".part")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    log = tree.with_name(tree.name + ".log")
    say(f"fetching {package} {version}")
    deb = apt.download(package, version, work)
    say(f"unpacking {package} {version}")
    run_logged(["dpkg-deb", "-x", deb, work / "deb"], log, f"unpacking {package}")
    deb.unlink()
    inner = next((work / "deb/usr/src").glob("linux-source-*.tar.xz"), None)
    if not inner:
        raise Failure(f"{package} {version} holds no source archive")
    (work / "tree").mkdir()
    run_logged(["tar", "-C", work / "tree", "--strip-components=1", "-xf", inner], log,
               f"unpacking {package}")
    (work / "tree").rename(tree)
    shutil.rmtree(work)
