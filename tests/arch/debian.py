# SPDX-License-Identifier: GPL-2.0-only
"""Debian 12's own kernels for other architectures, and what a guest of theirs needs: nothing is installed here."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from harness import apt, static
from harness.fio import EDITS
from harness.initramfs import FOLDERS, Archive
from harness.kernel import Kernel, Source
from harness.util import Failure, cache_dir, last_line, locked, need_space, need_tool, run_logged, say

UNPACKED_MIB = 900
AIO = 'libaio-dev'
FIO_OFF = ('native', 'numa', 'rdma', 'rados', 'rbd', 'http')
INIT = '''#!/bin/busybox sh
for module in /modules/first/*; do /bin/busybox insmod $module || echo "insmod $module failed"; done
exec /bin/busybox sh /init.guest
'''


@dataclass(frozen=True)
class Port:
    """name: Debian's and harness/arch.py's; first: modules that the guest begins with, in their order."""
    name: str
    triplet: str
    first: tuple


PORTS = {port.name: port for port in (
    Port('arm64', 'aarch64-linux-gnu', ('virtio/virtio_pci_legacy_dev', 'virtio/virtio_pci_modern_dev',
                                        'virtio/virtio_pci', 'char/virtio_console')),
    Port('s390x', 's390x-linux-gnu', ('char/virtio_console',)),
)}


def fetch(name):
    """(Kernel, folder with its packages unpacked)"""
    folder = cache_dir() / 'debian' / name
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / 'lock', f"Debian's kernel for {name}"):
        if not (folder / 'complete').exists():
            _fetch(name, folder)
    root = folder / 'root'
    release = (folder / 'complete').read_text().strip()
    intree = next((root / 'lib/modules' / release).rglob('virtio_blk.ko'))
    headers = root / 'usr/src' / f'linux-headers-{release}'
    source = Source('6.1', release, root / 'usr/src', (6, 1))
    return Kernel(source, name, release, root / f'boot/vmlinuz-{release}', headers, intree), root


def _fetch(name, folder):
    need_space(folder, UNPACKED_MIB, f"Debian's kernel for {name}")
    say(f"fetching Debian's kernel for {name}")
    lists = _apt(name, folder)
    run_logged([*lists('apt-get'), 'update'], folder / 'update.log', f'reading the package lists of {name}')
    shown = folder / 'depends.log'
    run_logged([*lists('apt-cache'), 'depends', f'linux-image-{name}'], shown, 'asking for the kernel')
    found = re.search(r'Depends: linux-image-(\S+)', shown.read_text())
    if not found:
        raise Failure(f"Debian 12 has no kernel for {name}: {last_line(shown)} (log: {shown})")
    release = found[1]
    common = release.rsplit('-', 1)[0]
    debs, root = folder / 'debs', folder / 'root'
    for path in (debs, root):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
    packages = [f'linux-image-{release}', f'linux-headers-{release}', f'linux-headers-{common}-common',
                'busybox-static', AIO]
    log = folder / 'download.log'
    run_logged(['env', '-C', debs, *lists('apt-get'), 'download', *packages], log, f'downloading for {name}')
    # The tools that compile modules run on this machine.
    run_logged(['env', '-C', debs, *apt.command('apt-get', 'download', 'linux-kbuild-6.1')], log, 'downloading')
    for deb in debs.glob('*.deb'):
        run_logged(['dpkg-deb', '-x', deb, root], folder / 'unpack.log', f'unpacking {deb.name}')
    shutil.rmtree(debs)
    headers = root / 'usr/src'
    makefile = headers / f'linux-headers-{release}/Makefile'
    makefile.write_text(f'include {headers}/linux-headers-{common}-common/Makefile\n')
    (folder / 'complete').write_text(f'{release}\n')


def _apt(name, folder):
    """A command line that knows Debian 12 for that architecture and nothing else."""
    apt.kernels()       # writes the sources
    entry = next(line for line in (apt.folder() / 'sources.list').read_text().splitlines()
                 if line.startswith('deb ') and line.endswith(' bookworm main'))
    (folder / 'sources.list').write_text(f'{entry}\n')
    for part in ('lists/partial', 'cache/archives/partial'):
        (folder / part).mkdir(parents=True, exist_ok=True)
    options = {'APT::Architecture': name, 'APT::Architectures': name, 'Dir::Etc::sourcelist': folder / 'sources.list',
               'Dir::State::lists': folder / 'lists', 'Dir::Cache': folder / 'cache'}
    words = [word for key, value in options.items() for word in ('-o', f'{key}={value}')]
    return lambda program: [*apt.command(program), *words]


def fio(name, root):
    """A static fio; returns the program's path."""
    port, folder = PORTS[name], cache_dir() / 'debian' / name
    program = folder / 'fio'
    with locked(folder / 'lock', f'fio for {name}'):
        if program.exists():
            return program
        need_tool(f'{port.triplet}-gcc', f'gcc-{port.triplet}')
        work = folder / 'fio-source'
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        say(f'building fio for {name}')
        archive = apt.download_source('fio', work)
        log = folder / 'fio.log'
        run_logged(['tar', '-C', work, '--strip-components=1', '-xf', archive], log, 'unpacking fio')
        static.edit(work, EDITS)
        compiler = f'{port.triplet}-gcc -I{root}/usr/include -L{root}/usr/lib/{port.triplet}'
        run_logged(['env', '-C', work, './configure', f'--cc={compiler}', '--build-static',
                    *(f'--disable-{what}' for what in FIO_OFF)], log, 'configuring fio')
        run_logged(['make', '-C', work, '-j2', 'fio'], log, f'building fio for {name}', steps=150)
        run_logged([f'{port.triplet}-strip', '-o', folder / 'fio.part', work / 'fio'], log, 'building fio')
        (folder / 'fio.part').rename(program)
        shutil.rmtree(work)
    return program


def kexec(name, target):
    """A static program that starts another kernel; None where there is none."""
    source = Path(__file__).parent / f'kexec_{name}.c'
    if not source.exists():
        return None
    run_logged([f'{PORTS[name].triplet}-gcc', '-static', '-O1', '-Wall', '-Werror', '-o', target, source],
               target.with_suffix('.log'), f'building kexec for {name}')
    return target


def initramfs(kernel, root, module, tool, target):
    """busybox, fio, kexec, the driver, the in-tree one and the status tool, around the harness's init."""
    guest = Path(apt.__file__).parent / 'guest'
    drivers = kernel.intree.parent.parent
    with open(target, 'wb') as stream:
        archive = Archive(stream)
        for folder in FOLDERS:
            archive.add(folder, 0o40755)
        archive.add('init', 0o100755, INIT.encode())
        archive.add('bin/sh', 0o120777, b'busybox')
        archive.add('etc/mtab', 0o120777, b'/proc/mounts')
        files = {'init.guest': guest / 'init', 'agent': guest / 'agent', 'bin/busybox': root / 'bin/busybox',
                 'usr/local/bin/fio': fio(kernel.flavour, root), 'usr/local/bin/virtio-blk-status': tool,
                 'modules/virtio_blk.ko': module, 'modules/in-tree/virtio_blk.ko': kernel.intree}
        if program := kexec(kernel.flavour, target.with_name('kexec')):
            files['usr/local/bin/kexec'] = program
        for number, name in enumerate(PORTS[kernel.flavour].first):
            files[f'modules/first/{number}-{Path(name).name}.ko'] = drivers / f'{name}.ko'
        for name, path in files.items():
            archive.add_file(name, path)
        archive.close()
    return target
