# SPDX-License-Identifier: GPL-2.0-only
"""Checks that need no guest: the driver compiles without a word, and so does the kernel's own after each patch of the
series; the text is in the kernel's style, the table of what VIRTIO asks for names tests that there are, the manuals
leave nothing out, the protocol's model holds, and so do its barriers in the kernel's memory model."""

import functools
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import kernel, series
from harness.util import Failure, say
from tests import manuals

TOP = Path(__file__).resolve().parent.parent
DRIVER = TOP / 'virtio_blk'
# Modules that some tests load beside the driver, and the comparison's baseline.
HELPERS = {'vblk_probe': TOP / 'harness' / 'probe', 'virtio_blk_sim': TOP / 'tests' / 'kunit' / 'sim',
           'zone_append': TOP / 'tests' / 'kunit' / 'append', 'virtio_blk_kunit': TOP / 'tests' / 'kunit' / 'suites',
           'virtio_blk_2010': TOP / 'bench' / 'baseline'}
PER_KERNEL = ('build',)
ON_NEWEST = ('patches',)
ONCE = ('checkpatch', 'shellcheck', 'conformance', 'manuals', 'litmus', 'model')
OWN = ('dkms',)    # tests of several steps, see tests/install
SLOW = ('checkpatch', 'model')
SPEC = {'build': ('5.2.4.1', '5.2.6.3')}     # sections of VIRTIO 1.3 of which they show a requirement
NEWEST = '7.x'      # the older ones' checkpatch finds what is none


def names():
    return list(PER_KERNEL + ON_NEWEST + ONCE + OWN)


def plan(chosen, kernels, out, options):
    """[(test name, function)] of the chosen checks; every kernel is built for, the newest judges the style."""
    todo = [(f'{built.label}/{name}', lambda built=built: build_all(built, out))
            for built in kernels for name in PER_KERNEL if name in chosen]
    todo += [(f'{built.label}/patches', lambda built=built: patches(built, out))
             for built in kernels if 'patches' in chosen and has_series(built, options.test)]
    once = {'checkpatch': lambda: checkpatch(kernel.resolve(NEWEST).path), 'shellcheck': shellcheck,
            'conformance': lambda: succeeds([sys.executable, '-m', 'tests.conformance']),
            'manuals': lambda: manuals.check(DRIVER),
            'litmus': lambda: succeeds([sys.executable, '-m', 'tests.litmus.run']),
            'model': lambda: model(options.full)}
    return todo + [(name, once[name]) for name in ONCE if name in chosen]


def model(full):
    """It is silent about all but what it leaves out."""
    said = succeeds([sys.executable, '-m', 'tests.model.run', *['--full'] * full])
    for line in said.splitlines():
        if 'left to --full' in line:
            say(f'model: {line}')


def has_series(built, asked):
    """It is for the newest kernel; who asks for it gets it on another."""
    return built.source.name == NEWEST or asked == 'patches'


@functools.cache
def build(built, out, name='virtio_blk'):
    """A module for the guests, about which neither the compiler nor sparse has a word to say."""
    folder = out / built.label / 'modules'
    folder.mkdir(parents=True, exist_ok=True)
    source = series.apply(built.source, folder / 'series') if name == 'patched' else HELPERS.get(name, DRIVER)
    return kernel.build_module(built, source, folder / name, driver=DRIVER)


def build_all(built, out):
    """Side by side: a module of a few files does not keep two processors busy."""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(functools.partial(build, built, out), ('virtio_blk', *HELPERS)))


def patches(built, out):
    """Each of them leaves a driver that compiles without a word."""
    if not series.patches():
        raise Failure(f'there is no patch in {series.PATCHES}')
    folder = out / built.label / 'patches'
    folder.mkdir(parents=True, exist_ok=True)
    for last, patch in enumerate(series.patches(), 1):
        # The sign-off is the sender's to add, and Linux' commits are not in this repository.
        succeeds(['perl', str(built.source.path / 'scripts' / 'checkpatch.pl'), '--no-tree', '--no-signoff',
                  '--ignore', 'UNKNOWN_COMMIT_ID', '--strict', '--terse', '--show-types', str(patch)])
        kernel.build_module(built, series.apply(built.source, folder / f'{last}-source', last), folder / str(last))


def checkpatch(tree):
    sources = sorted(path for folder in (DRIVER, *HELPERS.values()) for path in folder.iterdir()
                     if path.suffix in ('.c', '.h'))
    quiet_output(['perl', str(Path(tree) / 'scripts' / 'checkpatch.pl'), '--no-tree', '--strict', '--terse',
                  '--no-summary', '--show-types', '--ignore', IGNORED, '--file', *map(str, sources)])


# A driver outside the tree has its own version checks and no entry in MAINTAINERS.
IGNORED = 'LINUX_VERSION_CODE,FILE_PATH_CHANGES'


def shellcheck():
    tracked = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard'], cwd=TOP, check=True,
                             capture_output=True, text=True).stdout.split('\n')
    scripts = [path for path in tracked if path and is_shell_script(TOP / path)]
    if not scripts:
        raise Failure('no shell script was found: .ci/run is one')
    quiet_output(['shellcheck', *scripts])


def is_shell_script(path):
    if not path.is_file():
        return False
    with open(path, 'rb') as file:
        first = file.readline(80)
    return path.suffix == '.sh' or first.startswith(b'#!') and first.split()[0].endswith(b'sh') or b'/env bash' in first


def quiet_output(command):
    """The tool must succeed and say nothing."""
    said = succeeds(command)
    if said:
        raise Failure(f'{Path(command[0]).name} said:\n{said[:4000]}')


def succeeds(command):
    """Returns what the tool said."""
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True)
    said = (done.stdout + done.stderr).strip()
    if done.returncode:
        raise Failure(f'{Path(command[0]).name} ended with {done.returncode}:\n{said[-4000:]}')
    return said
