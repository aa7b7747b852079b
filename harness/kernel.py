# SPDX-License-Identifier: GPL-2.0-only
"""Guest kernels, and modules for them.

    python3 -m harness.kernel build 7.x plain
    python3 -m harness.kernel list
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness import config
from harness.source import Source, resolve
from harness.util import (Failure, cache_dir, duration, locked, need_space, need_tool,
                          run_logged, run_main, say)

__all__ = ["Kernel", "Source", "resolve", "build", "build_module"]

BUILD_MIB = {"plain": 400, "lockstat": 500, "debug": 500, "kasan": 800, "kcsan": 700, "rt": 500}
PREPARED_MIB = 60
# Lines a build prints, for the time left.
BUILD_STEPS = {"plain": 1930, "lockstat": 1980, "debug": 1900, "kasan": 2020, "kcsan": 1980,
               "rt": 1900}
TOOLS = {"gcc": "gcc", "make": "make", "flex": "flex", "bison": "bison", "bc": "bc",
         "lz4": "lz4", "perl": "perl-base"}

CHECKOUT = Path(__file__).parent.parent
BUILT = shutil.ignore_patterns("*.o", "*.ko", "*.mod", "*.mod.c", ".*", "Module.symvers",
                               "modules.order")
# What newer kernels use and Debian 12's sparse does not know; the second one is
# for the static_assert in MODULE_INFO.
SPARSE = "sparse -D__typeof_unqual__=__typeof__ -D'__builtin_strlen(s)=(sizeof(s)-1)'"
COMPLAINT = re.compile(r": (warning|error): |\bWARNING: ")
# Where there is no kernel, its symbols are not known.
NO_KERNEL = re.compile(r"WARNING: (modpost: (.* undefined!|suppressed )|.*Module\.symvers.* missing)")


@dataclass(frozen=True)
class Kernel:
    source: Source
    flavour: str
    release: str
    image: Path         # bzImage; there is none if the kernel was only prepared
    builddir: Path
    intree: Path        # the in-tree virtio_blk.ko; likewise, and if it is built in

    @property
    def arch(self):
        return config.architecture(self.flavour)

    def __str__(self):
        return f"{self.source.name} {self.flavour}"

    @property
    def label(self):
        """The same for file names: a tree's is a path."""
        return f"{Path(self.source.name).name}-{self.flavour}"


def jobs():
    return os.environ.get("VBLK_JOBS") or str(len(os.sched_getaffinity(0)))


def build(source, flavour):
    """Build (once) a kernel from a Source or its name."""
    kernel = _made(source, flavour, "complete", _build)
    wanted = [kernel.image]
    if config.wanted(flavour, kernel.source.series)["CONFIG_VIRTIO_BLK"] == "m":
        wanted.append(kernel.intree)
    for path in wanted:
        if not path.exists():
            raise Failure(f"the build of {kernel} left no {path}: remove {kernel.builddir} and try again")
    return kernel


def prepare(source, flavour):
    """Configure (once) a kernel so far that modules can be compiled, but not loaded."""
    return _made(source, flavour, "prepared", _prepare)


def _made(source, flavour, stamp, make):
    if not isinstance(source, Source):
        source = resolve(source)
    config.fragments(flavour)
    arch = config.architecture(flavour)
    for tool, package in (*TOOLS.items(), (f"{arch.cross}gcc", arch.package)):
        need_tool(tool, package)
    folder = cache_dir() / "kernels"
    folder.mkdir(exist_ok=True)
    builddir = folder / _key(source, flavour)
    with locked(folder / f"{builddir.name}.lock", f"the kernel {source.name} {flavour}"):
        # A tree of the user's may have changed: there make decides what to do.
        if not source.is_debian or not any((builddir / done).exists() for done in (stamp, "complete")):
            make(source, flavour, builddir)
    return Kernel(source, flavour, (builddir / "include/config/kernel.release").read_text().strip(),
                  builddir / arch.image, builddir, builddir / "drivers/block/virtio_blk.ko")


def _key(source, flavour):
    """A folder name that changes whenever the result would."""
    digest = hashlib.sha256()
    for option, value in config.wanted(flavour, source.series).items():
        digest.update(f"{option}={value}\n".encode())
    for word in config.MAKE.get(flavour, ()):
        digest.update(f"{word}\n".encode())
    compiler = f"{config.architecture(flavour).cross}gcc"
    digest.update(subprocess.run([compiler, "--version"], capture_output=True).stdout)
    if not source.is_debian:
        digest.update(str(source.path).encode())
    version = re.sub(r"[^A-Za-z0-9.+-]", "_", source.version)
    return f"{version}-{flavour}-{digest.hexdigest()[:8]}"


def _configured(source, flavour, builddir):
    """The command line up to the target, for a configured kernel."""
    builddir.mkdir(exist_ok=True)
    make = ["make", "--no-print-directory", "-C", str(source.path), f"O={builddir}",
            *config.architecture(flavour).make, *config.MAKE.get(flavour, ())]
    config.configure(make, builddir, flavour, source.series, builddir / "config.log")
    return make


def _prepare(source, flavour, builddir):
    need_space(builddir.parent, PREPARED_MIB, f"preparing the kernel {source.name} {flavour}")
    make = _configured(source, flavour, builddir)
    say(f"preparing the kernel {source.name} {flavour} ({source.version})")
    run_logged([*make, f"-j{jobs()}", "modules_prepare"], builddir / "prepare.log",
               f"preparing the kernel {source.name} {flavour}")
    (builddir / "prepared").touch()


def _build(source, flavour, builddir):
    complete = builddir / "complete"
    complete.unlink(missing_ok=True)
    need_space(builddir.parent, BUILD_MIB.get(flavour, BUILD_MIB["plain"]),
               f"building the kernel {source.name} {flavour}")
    log = builddir / "build.log"
    make = _configured(source, flavour, builddir)
    say(f"building the kernel {source.name} {flavour} ({source.version}, log: {log})")
    took = run_logged([*make, f"-j{jobs()}", config.architecture(flavour).target, "modules"], log,
                      f"building the kernel {source.name} {flavour}", BUILD_STEPS.get(flavour, 0))
    say(f"built the kernel {source.name} {flavour} in {duration(took)}")
    complete.write_text(f"{took:.0f}\n")


def build_module(kernel, srcdir, out, warnings=True, sparse=True, driver=CHECKOUT / "virtio_blk"):
    """Build a folder's module for a kernel, in a copy under out.

    A folder of this checkout is copied together with the driver (virtio_blk/, or
    another folder in its place) and the simulator, whose files it may include.
    With warnings (W=1) or sparse (C=2), a complaint about anything but the
    kernel's own headers is a Failure.
    """
    copy = _copy(Path(srcdir).absolute(), Path(out).absolute(), driver)
    log = copy.with_name(f"{copy.name}.log")
    command = ["make", "--no-print-directory", "-C", kernel.builddir, f"M={copy}", f"-j{jobs()}",
               *kernel.arch.make]
    if not (kernel.builddir / "Module.symvers").exists():
        command.append("KBUILD_MODPOST_WARN=1")
    if warnings:
        command.append("W=1")
    if sparse:
        need_tool("sparse", "sparse")
        command += ["C=2", f"CHECK={SPARSE}"]
    what = f"building {copy.name} for {kernel}"
    run_logged([*command, "modules"], log, what)
    if sparse and not re.search(r"^  CHECK ", log.read_text(errors="replace"), re.MULTILINE):
        raise Failure(f"{what} did not run sparse (log: {log})")
    if warnings or sparse:
        _no_complaints(kernel, copy, log, what)
    found = sorted(copy.glob("*.ko"))
    if len(found) != 1:
        raise Failure(f"{what} gave {len(found)} modules instead of one (log: {log})")
    return found[0]


def _copy(srcdir, out, driver):
    if not any((srcdir / name).is_file() for name in ("Kbuild", "Makefile")):
        raise Failure(f"{srcdir} holds no Kbuild file")
    if not srcdir.is_relative_to(CHECKOUT):
        parts = {srcdir: out / srcdir.name}
    else:
        parts = {path: out / path.relative_to(CHECKOUT)
                 for path in (CHECKOUT / "tests/kunit/sim", srcdir)}
        parts[driver] = out / "virtio_blk"
    need_space(out if out.exists() else out.parent, 50, f"building {srcdir.name}")
    for source, target in parts.items():
        # A copy from scratch: what is not recompiled cannot warn.
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, ignore=BUILT)
    return parts[srcdir]


def _no_complaints(kernel, copy, log, what):
    for line in log.read_text(errors="replace").splitlines():
        if not COMPLAINT.search(line) or NO_KERNEL.match(line.strip()):
            continue
        path = Path(line.split(":")[0])
        if path.is_absolute():
            foreign = any(path.is_relative_to(tree)
                          for tree in (kernel.source.path, kernel.builddir))
        else:
            foreign = path.parts[:1] in (("include",), ("arch",)) or path.parts[:1] == ("..",)
            foreign = foreign and not (copy / path).exists()
        if not foreign:
            raise Failure(f"{what} is not clean: {line.strip()} (log: {log})")


def _list():
    folder = cache_dir() / "kernels"
    for builddir in sorted(folder.glob("*-*-*/")):
        stamp = builddir / "complete"
        state = f"built in {duration(int(stamp.read_text()))}" if stamp.exists() else "incomplete"
        say(f"{builddir.name:48} {state}")


def main():
    parser = argparse.ArgumentParser(prog="python3 -m harness.kernel", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="what is in the cache")
    command = commands.add_parser("build", help="build a kernel, or find it built")
    command.add_argument("kernel", help="6.1, 6.12, 7.x or /path/to/linux/tree")
    command.add_argument("flavour", help=", ".join(config.FLAVOURS))
    words = parser.parse_args()
    if words.command == "list":
        _list()
    elif words.command == "build":
        say(build(words.kernel, words.flavour).image)


if __name__ == "__main__":
    run_main(main)
