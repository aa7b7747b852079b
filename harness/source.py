# SPDX-License-Identifier: GPL-2.0-only
"""Kernel source trees, by name: Debian's linux-source packages, fetched with
a package list of our own so that the machine's sources stay as they are, or a
tree that the user has."""

import functools
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from harness.util import (Failure, cache_dir, last_line, locked, need_space, need_tool,
                          run_logged, say)

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SUITES = ("bookworm", "bookworm-backports", "trixie-backports", "forky", "sid")
LIST_HOURS = 24
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
    package, version = _newest(spec)
    series = tuple(int(part) for part in package.rsplit("-", 1)[1].split("."))
    return Source(spec, version, _unpacked(package, version), series)


def _own_tree(path):
    if not (path / "Kbuild").is_file() or not (path / "drivers/block/virtio_blk.c").is_file():
        raise Failure(f"{path} is not a Linux source tree with drivers/block/virtio_blk.c")
    result = subprocess.run(["make", "-s", "--no-print-directory", "-C", path, "kernelversion"],
                            capture_output=True, text=True)
    match = re.match(r"(\d+)\.(\d+)", result.stdout)
    if not match:
        raise Failure(f"{path} does not tell its version: {result.stderr.strip()}")
    return Source(str(path), result.stdout.strip(), path, (int(match[1]), int(match[2])))


def _apt_folder():
    folder = cache_dir() / "apt"
    for part in ("lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    return folder


def _apt(*words):
    """An apt command line that knows only our own package lists."""
    return [words[0], "-c", _apt_folder() / "apt.conf", *words[1:]]


def _mirror():
    """The mirror this machine itself uses for Debian 12."""
    result = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)",
         "Created-By: Packages"], capture_output=True, text=True)
    for line in result.stdout.splitlines():
        uri, codename, component = line.rsplit(" ", 2)
        if (codename, component) == ("bookworm", "main"):
            return uri
    raise Failure("apt on this machine has no entry for Debian bookworm main: "
                  "run 'apt-get update' first, or give KERNEL=/path/to/linux/tree")


def _refresh_lists():
    for tool in ("apt-get", "apt-cache", "dpkg", "dpkg-deb"):
        need_tool(tool, "apt")
    folder = _apt_folder()
    stamp = folder / "updated"
    if stamp.exists() and time.time() - stamp.stat().st_mtime < LIST_HOURS * 3600:
        return
    need_space(folder, 300, "the package lists")
    mirror = _mirror()
    (folder / "sources.list").write_text("".join(
        f"deb [signed-by={KEYRING}] {mirror} {suite} main\n" for suite in SUITES))
    (folder / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{folder}/sources.list";\n'
        'Dir::Etc::sourceparts "-";\n'
        f'Dir::State::lists "{folder}/lists";\n'
        f'Dir::Cache "{folder}/cache";\n'
        'APT::Architecture "amd64";\nAPT::Architectures "amd64";\n'
        'APT::Sandbox::User "root";\nAcquire::Languages "none";\nAcquire::Retries "3";\n')
    log = folder / "update.log"
    try:
        run_logged(_apt("apt-get", "-o", "APT::Update::Error-Mode=any", "update"), log,
                   "reading the package lists")
    except Failure as failure:
        if not stamp.exists():
            raise
        say(f"note: {failure}; going on with the lists of {time.ctime(stamp.stat().st_mtime)}")
        return
    stamp.touch()


def _newest(spec):
    """The (package, version) that a series means on the mirror today."""
    with locked(_apt_folder() / "lock", "the package lists"):
        _refresh_lists()
    wanted = re.compile(r"linux-source-" + re.escape(spec).replace(r"\.x", r"\.\d+"))
    names = subprocess.run(_apt("apt-cache", "pkgnames", "linux-source-"),
                           capture_output=True, text=True).stdout.split()
    best = None
    for package in filter(wanted.fullmatch, names):
        table = subprocess.run(_apt("apt-cache", "madison", package),
                               capture_output=True, text=True).stdout
        for line in table.splitlines():
            version = line.split("|")[1].strip()
            if best is None or _newer(version, best[1]):
                best = (package, version)
    if not best:
        known = ", ".join(sorted(name.rsplit("-", 1)[1] for name in names
                                 if re.fullmatch(r"linux-source-[\d.]+", name)))
        raise Failure(f"unknown kernel '{spec}': Debian's mirror holds {known or 'none'}")
    return best


def _newer(one, other):
    return subprocess.run(["dpkg", "--compare-versions", one, "gt", other]).returncode == 0


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
    os.chmod(work, 0o755)
    run_logged(["env", "-C", work, *_apt("apt-get", "download", f"{package}={version}")], log,
               f"downloading {package}")
    debs = list(work.glob("*.deb"))
    if len(debs) != 1:
        raise Failure(f"apt-get did not deliver {package}: {last_line(log)} (log: {log})")
    say(f"unpacking {package} {version}")
    run_logged(["dpkg-deb", "-x", debs[0], work / "deb"], log, f"unpacking {package}")
    debs[0].unlink()
    inner = next((work / "deb/usr/src").glob("linux-source-*.tar.xz"), None)
    if not inner:
        raise Failure(f"{package} {version} holds no source archive")
    (work / "tree").mkdir()
    run_logged(["tar", "-C", work / "tree", "--strip-components=1", "-xf", inner], log,
               f"unpacking {package}")
    (work / "tree").rename(tree)
    shutil.rmtree(work)
