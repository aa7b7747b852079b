# SPDX-License-Identifier: GPL-2.0-only
"""The disk of a Debian guest, made with mmdebstrap and kept in the cache: systemd, DKMS, a kernel of Debian's and its
headers, fio. Nothing in it is ours but the service that runs the agent."""

import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path

from harness import apt, fio
from harness.util import cache_dir, locked, need_space, need_tool, run_logged, say

GUEST = Path(__file__).parent / 'guest'
PACKAGES = ('systemd-sysv', 'udev', 'zstd', 'kmod', 'dkms', 'e2fsprogs')
KERNEL = ('linux-image-amd64', 'linux-headers-amd64')
# For guests: a quarter of the modules, of which depmod reads each.
CLOUD = ('linux-image-cloud-amd64', 'linux-headers-cloud-amd64')
SIZE = '6G'
SPACE_MIB = 6000
KEEP_SECONDS = 7 * 24 * 60 * 60
# Nobody reads these there, and each file costs a second to copy.
LEFT_OUT = ('/usr/share/man/*', '/usr/share/doc/*', '/usr/share/locale/*', '/usr/share/info/*')


def build(release='bookworm', kernel=KERNEL, initramfs='initramfs-tools', extra=(), hooks=(), keep=True):
    """Returns the raw image. initramfs: the package that makes it; extra: more packages; hooks: of mmdebstrap, shell
    scripts to which $1 is the root. keep: it will do the next time."""
    packages = (*PACKAGES, initramfs, *kernel, *extra)
    digest = hashlib.sha256(repr((release, packages, hooks, LEFT_OUT, SIZE)).encode())
    for path in GUEST / 'agent.service', GUEST / 'setup.sh':
        digest.update(path.read_bytes())
    folder = cache_dir() / 'install'
    folder.mkdir(exist_ok=True)
    image = folder / f'{digest.hexdigest()[:16]}.img'
    with locked(image.with_suffix('.lock'), "the Debian guest's disk"):
        if image.exists() and keep:
            os.utime(image)
        else:
            _build(image, release, packages, hooks)
        _drop_old(folder)
    return image


def _drop_old(folder):
    for path in folder.glob('*.img'):
        if time.time() - path.stat().st_mtime > KEEP_SECONDS:
            path.unlink()


def _build(image, release, packages, hooks):
    need_space(image.parent, SPACE_MIB, "making the Debian guest's disk")
    need_tool('mmdebstrap', 'mmdebstrap')
    tree, log, part = (image.with_suffix(suffix) for suffix in ('.tar', '.log', '.part'))
    sources = image.with_suffix('.list')
    sources.write_text(apt.sources(release))
    say(f"making a Debian guest's disk, {release} with {', '.join(packages)}")
    run_logged(['mmdebstrap', '--variant=minbase', f'--include={",".join(packages)}',
                '--aptopt=APT::Install-Recommends "false"',
                *(f'--dpkgopt=path-exclude={path}' for path in LEFT_OUT),
                f'--customize-hook=copy-in {GUEST / "agent.service"} {fio.build()} /usr/local/lib',
                *(f'--customize-hook={hook}' for hook in (*hooks, f'sh {GUEST / "setup.sh"} "$1"')),
                release, tree, sources], log, "making the Debian guest's disk")
    _write(tree, part, log)
    part.rename(image)
    for path in (tree, sources):
        path.unlink()


def _write(tree, part, log):
    """A file system with the tree's owners, which needs root or fakeroot."""
    folder = part.with_suffix('.tree')
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    script = (f'PATH=$PATH:/usr/sbin:/sbin; tar -C "{folder}" -xf "{tree}" && '
              f'mke2fs -q -F -t ext4 -L root -d "{folder}" "{part}" {SIZE}; code=$?; rm -rf "{folder}"; exit $code')
    run_logged([*(['fakeroot'] if os.getuid() else []), 'sh', '-c', script],
               log.with_suffix('.mke2fs.log'), "writing the Debian guest's disk")


def copy(image, path):
    """A guest's own, of which only what is used takes space."""
    subprocess.run(['cp', '--sparse=always', '--reflink=auto', image, path], check=True)
    return path
