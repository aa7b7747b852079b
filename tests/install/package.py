# SPDX-License-Identifier: GPL-2.0-only
"""What the machines install: a copy of the checkout, and the package that `make deb` builds of it."""

import re
import shutil
import subprocess

from harness.util import Failure
from tests import checks

PARTS = ('Kbuild', 'LICENSE', 'Makefile', 'dkms.conf', 'packaging', 'virtio_blk', 'man', 'tools')


def checkout(folder, version=None):
    """A copy of what the package is made of, perhaps with another version."""
    tree = folder / f'checkout-{version or "as-is"}'
    tree.mkdir()
    for part in PARTS:
        source = checks.DRIVER if part == 'virtio_blk' else checks.TOP / part
        if source.is_dir():
            shutil.copytree(source, tree / part, ignore=shutil.ignore_patterns('*.o', '*.ko', '*.mod*', '.*'))
        elif source.exists():
            shutil.copy(source, tree / part)
    if version:
        replace(tree / 'dkms.conf', r'^(PACKAGE_VERSION=").*(")', version)
        replace(tree / 'virtio_blk' / 'main.c', r'^(MODULE_VERSION\(")[^"]*(")', version)
    return tree


def replace(path, pattern, version):
    text, count = re.subn(pattern, rf'\g<1>{version}\g<2>', path.read_text(), flags=re.MULTILINE)
    assert count == 1, f'{path} has {count} versions'
    path.write_text(text)


def deb(tree):
    """The package's path."""
    done = subprocess.run(['make', '-s', '--no-print-directory', '-C', tree, 'deb'], capture_output=True, text=True)
    if done.returncode:
        raise Failure(f'make deb failed: {(done.stderr or done.stdout).strip()}')
    path = tree / done.stdout.strip().splitlines()[-1]
    if not path.is_file():
        raise Failure(f'make deb left no {path}')
    return path


def tar(tree):
    path = tree.with_suffix('.tar')
    subprocess.run(['tar', '-C', tree, '-cf', path, '.'], check=True)
    return path
