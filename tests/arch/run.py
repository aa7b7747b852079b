# SPDX-License-Identifier: GPL-2.0-only
"""Other architectures, and kernels with virtio_blk built in: python3 -m tests.arch.run [--kernel 6.1] [arch...|builtin]

The driver and the simulated device compile for each architecture without a word of W=1 and sparse (riscv64: of W=1),
by Debian's cross compilers. On Debian's own kernels for arm64 and s390x the driver runs in QEMU. And "builtin" boots
the newest kernel with the in-tree driver built in.
"""

import argparse
import shutil
import time
from pathlib import Path

from harness import arch, initramfs, kernel
from harness.util import Failure, run_main
from tests import checks
from tests.arch import boot, builtin, cross, debian
from tests.report import FAIL, PASS, Report

KERNELS = ('6.1', '7.x')
ARCHES = tuple(name for name in arch.ARCHES if name != arch.NATIVE.name)
MODULES = ('virtio_blk', 'virtio_blk_sim')
BUILTIN = 'builtin'
# Debian 12's sparse ends with "invalid argument to '-march'" there.
NO_SPARSE = ('riscv64',)


def main():
    options = arguments()
    checks.DRIVER = options.driver.absolute()
    out = options.out.absolute()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    report = Report()
    wanted = options.what or (*ARCHES, BUILTIN)
    todo = [(spec, name) for spec in options.kernel or KERNELS for name in ARCHES if name in wanted]
    for spec, name in todo:
        report.expect(*(test_name(spec, name, module) for module in MODULES))
    ports = [name for name in debian.PORTS if name in wanted and not options.kernel]
    for name in ports:
        report.expect(*boot.names(f'debian/{name}', cross.tests(name)))
    if BUILTIN in wanted:
        report.expect(*boot.names(BUILTIN, builtin.TESTS))
    for spec, name in todo:
        compile_all(report, spec, name, out / f'{Path(spec).name}-{name}')
    for name in ports:
        boot_port(report, name, out / f'debian-{name}')
    if BUILTIN in wanted:
        boot_builtin(report, out / BUILTIN)
    return report.finish()


def arguments():
    parser = argparse.ArgumentParser(prog='python3 -m tests.arch.run', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('what', nargs='*', help=f'{", ".join(ARCHES)}, {BUILTIN} (default: all)')
    parser.add_argument('--kernel', action='append', help=f'default: {" and ".join(KERNELS)}')
    parser.add_argument('--driver', type=Path, default=checks.DRIVER, help='another folder than virtio_blk/')
    parser.add_argument('--out', type=Path, default=checks.TOP / 'build' / 'arch', help='default: build/arch')
    options = parser.parse_args()
    for name in options.what:
        if name not in (*ARCHES, BUILTIN):
            raise Failure(f"unknown: '{name}'; there are {', '.join(ARCHES)}, {BUILTIN}")
    return options


def test_name(spec, name, module):
    return f'{spec}/{name}/build-{module}'


def compile_all(report, spec, name, out):
    try:
        prepared = kernel.prepare(spec, name)
    except Failure as failure:
        for module in MODULES:
            report.add(test_name(spec, name, module), FAIL, f'no kernel to build for: {failure}')
        return
    for module in MODULES:
        started = time.monotonic()
        folder = out / module
        folder.mkdir(parents=True)
        try:
            kernel.build_module(prepared, checks.HELPERS.get(module, checks.DRIVER), folder, driver=checks.DRIVER,
                                sparse=name not in NO_SPARSE)
            report.add(test_name(spec, name, module), PASS, seconds=time.monotonic() - started)
        except Failure as failure:
            report.add(test_name(spec, name, module), FAIL, str(failure))


def boot_port(report, name, out):
    """Sparse has judged the driver for this processor already, with the settings of our own kernels."""
    prefix = f'debian/{name}'
    try:
        debian_kernel, root = debian.fetch(name)
        tool = checks.TOP / 'tools' / 'virtio-blk-status'
        module = build_module(debian_kernel, out, sparse=False)
        initrd = debian.initramfs(debian_kernel, root, module, tool, out / 'initramfs.cpio')
    except Failure as failure:
        no_guest(report, prefix, cross.tests(name), failure)
        return
    boot.run(report, prefix, debian_kernel, initrd, cross.boot(name), cross.tests(name), out, cross.CrossGuest)


def boot_builtin(report, out):
    try:
        built = kernel.build(checks.NEWEST, BUILTIN)
        module = build_module(built, out)
        initrd = initramfs.build(built, modules={module.name: module})
    except Failure as failure:
        no_guest(report, BUILTIN, builtin.TESTS, failure)
        return
    boot.run(report, BUILTIN, built, initrd, builtin.BOOT, builtin.TESTS, out)


def build_module(built, out, **options):
    out.mkdir(parents=True)
    return kernel.build_module(built, checks.DRIVER, out / 'module', driver=checks.DRIVER, **options)


def no_guest(report, prefix, tests, failure):
    for name in boot.names(prefix, tests):
        report.add(name, FAIL, f'nothing to boot: {failure}')


if __name__ == '__main__':
    run_main(main)
