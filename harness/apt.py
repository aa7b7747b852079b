# SPDX-License-Identifier: GPL-2.0-only
"""Debian packages by name, read with package lists of our own: the machine's
sources, lists and installed packages stay as they are."""

import re
import subprocess
import time

from harness.util import (Failure, cache_dir, last_line, locked, need_space, need_tool,
                          run_logged, say)

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SUITES = ("bookworm", "bookworm-backports", "trixie-backports", "forky", "sid")
SECURITY = "bookworm-security"
LIST_HOURS = 24


def folder():
    path = cache_dir() / "apt"
    for part in ("lists/partial", "cache/archives/partial"):
        (path / part).mkdir(parents=True, exist_ok=True)
    return path


def command(*words):
    """An apt command line that knows only our own lists."""
    return [words[0], "-c", folder() / "apt.conf", *words[1:]]


def kernels():
    """Debian's kernel sources: [(package, version)]."""
    with locked(folder() / "lock", "the package lists"):
        _refresh()
    table = (folder() / "kernels").read_text()
    return [tuple(line.split()) for line in table.splitlines()]


def sources(release):
    """A sources.list of a release of Debian with its backports and security updates."""
    mirrors = _mirrors()
    lines = [f"deb {mirrors.get(suite, mirrors['bookworm'])} {suite} main\n"
             for suite in (release, f"{release}-backports")]
    if SECURITY in mirrors:
        lines.append(f"deb {mirrors[SECURITY]} {release}-security main\n")
    return "".join(lines)


def newer(one, other):
    return subprocess.run(["dpkg", "--compare-versions", one, "gt", other]).returncode == 0


def download(package, version, into):
    """Fetch one binary package; returns the .deb's path."""
    log = into.with_name(into.name + ".log")
    run_logged(["env", "-C", into, *command("apt-get", "download", f"{package}={version}")],
               log, f"downloading {package}")
    return _delivered(into, "*.deb", package, log)


def download_source(package, into):
    """Fetch Debian 12's source package; returns the upstream archive's path."""
    with locked(folder() / "lock", "the package lists"):
        _refresh()
    log = into.with_name(into.name + ".log")
    run_logged(["env", "-C", into, *command("apt-get", "source", "--download-only", package)],
               log, f"downloading the source of {package}")
    return _delivered(into, "*.orig.tar.[gxb]z*", package, log)


def _delivered(into, pattern, package, log):
    files = [path for path in into.glob(pattern) if path.suffix != ".asc"]
    if len(files) != 1:
        raise Failure(f"apt-get did not deliver {package}: {last_line(log)} (log: {log})")
    return files[0]


def _output(*words):
    return subprocess.run(command(*words), capture_output=True, text=True).stdout


def _write_kernels(path):
    names = [name for name in _output("apt-cache", "pkgnames", "linux-source-").split()
             if re.fullmatch(r"linux-source-\d+\.\d+", name)]
    rows = [[cell.strip() for cell in line.split("|")]
            for line in _output("apt-cache", "madison", *names).splitlines()]
    # Security has newer series too, but 6.12 means the one in backports.
    path.write_text("".join(f"{row[0]} {row[1]}\n" for row in rows
                            if row[0] in names
                            and (SECURITY not in row[2] or row[0] == "linux-source-6.1")))


def _refresh():
    for tool in ("apt-get", "apt-cache", "dpkg", "dpkg-deb"):
        need_tool(tool, "apt")
    path = folder()
    stamp = path / "kernels"
    if stamp.exists() and time.time() - stamp.stat().st_mtime < LIST_HOURS * 3600:
        return
    need_space(path, 400, "reading the package lists")
    mirrors = _mirrors()
    entries = [("deb-src", "bookworm"), *(("deb", suite) for suite in SUITES)]
    if SECURITY in mirrors:
        entries.append(("deb", SECURITY))
    (path / "sources.list").write_text("".join(
        f"{kind} [signed-by={KEYRING}] {mirrors.get(suite, mirrors['bookworm'])} {suite} main\n"
        for kind, suite in entries))
    (path / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{path}/sources.list";\n'
        'Dir::Etc::sourceparts "-";\n'
        f'Dir::State::lists "{path}/lists";\n'
        f'Dir::Cache "{path}/cache";\n'
        'APT::Architecture "amd64";\nAPT::Architectures "amd64";\n'
        'APT::Sandbox::User "root";\nAcquire::Languages "none";\nAcquire::Retries "3";\n')
    log = path / "update.log"
    try:
        run_logged(command("apt-get", "-o", "APT::Update::Error-Mode=any", "update"), log,
                   "reading the package lists")
    except Failure as failure:
        if not stamp.exists():
            raise
        say(f"note: {failure}; going on with the lists of {time.ctime(stamp.stat().st_mtime)}")
        return
    _write_kernels(stamp)


def _mirrors():
    """Where this machine gets Debian 12 from: {suite: URI}."""
    result = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)",
         "Created-By: Packages"], capture_output=True, text=True)
    rows = (line.rsplit(" ", 2) for line in result.stdout.splitlines())
    mirrors = {codename: uri for uri, codename, component in rows if component == "main"}
    if "bookworm" not in mirrors:
        raise Failure("apt on this machine has no entry for Debian bookworm main: "
                      "run 'apt-get update' first, or give KERNEL=/path/to/linux/tree")
    return mirrors
