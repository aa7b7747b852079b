# SPDX-License-Identifier: GPL-2.0-only
"""herd7, the simulator of memory models. Debian 12 has none: a later release's, with that release's C library, kept in
the cache."""

import shutil
import subprocess

from harness import apt
from harness.util import Failure, cache_dir, locked, need_space, run_logged, say

TOOL = 'herdtools7'
PACKAGES = (TOOL, 'libc6', 'libgmp10')
# Of what they hold: the tool, its own library, and what it is linked to.
KEPT = ('usr/bin/herd7', 'usr/share/herdtools7/herd', 'usr/lib64/ld-linux-x86-64.so.2',
        *(f'usr/lib/x86_64-linux-gnu/{name}' for name in ('libc.so.6', 'libm.so.6', 'libgmp.so.10')))
UNPACKED_MIB = 400


def command():
    """The words that a command line of herd7 begins with."""
    folder = cache_dir() / TOOL
    with locked(cache_dir() / f'{TOOL}.lock', TOOL):
        if not folder.exists():
            fetch(folder)
    tool, library, loader, *libraries = (folder / path for path in KEPT)
    return [loader, '--library-path', libraries[0].parent, tool, '-set-libdir', library]


def newest():
    """{package: version}"""
    apt.kernels()       # reads the package lists if they are old
    table = subprocess.run(apt.command('apt-cache', 'madison', *PACKAGES), capture_output=True, text=True).stdout
    versions = {}
    for line in table.splitlines():
        package, version, _ = (cell.strip() for cell in line.split('|'))
        if package in PACKAGES and (package not in versions or apt.newer(version, versions[package])):
            versions[package] = version
    missing = set(PACKAGES) - set(versions)
    if missing:
        raise Failure(f"Debian's mirror holds no {', '.join(sorted(missing))}")
    return versions


def fetch(folder):
    need_space(folder.parent, UNPACKED_MIB, f'unpacking {TOOL}')
    work = folder.with_name(f'{TOOL}.part')
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    versions = newest()
    say(f'fetching {TOOL} {versions[TOOL]}')
    for package, version in versions.items():
        into = work / package
        into.mkdir()
        deb = apt.download(package, version, into)
        run_logged(['dpkg-deb', '-x', deb, work / 'deb'], work / f'{package}.unpacked.log', f'unpacking {package}')
    for path in KEPT:
        (work / 'kept' / path).parent.mkdir(parents=True, exist_ok=True)
        # Through the links that libraries are.
        (work / 'deb' / path).resolve().rename(work / 'kept' / path)
    (work / 'kept').rename(folder)
    shutil.rmtree(work)
