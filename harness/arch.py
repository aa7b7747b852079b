# SPDX-License-Identifier: GPL-2.0-only
"""The architectures that kernels and modules can be built for, all on an x86-64 machine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Arch:
    name: str
    make: tuple = ()            # arguments for kbuild
    cross: str = ""             # prefix of the compiler's name
    package: str = "gcc"        # of Debian, that has it
    target: str = "bzImage"
    image: str = "arch/x86/boot/bzImage"
    words: tuple = ()           # conditions that hold in harness/config/*.config


def _cross(name, triplet, target, image, kbuild=None):
    prefix = f"{triplet}-linux-gnu-"
    return Arch(name, (f"ARCH={kbuild or name}", f"CROSS_COMPILE={prefix}"), prefix,
                f"gcc-{triplet}-linux-gnu", target, image, (name,))


NATIVE = Arch("x86_64", words=("x86", "x86_64"))
ARCHES = {arch.name: arch for arch in (
    NATIVE,
    Arch("i386", ("ARCH=i386",), words=("x86", "i386")),
    _cross("arm64", "aarch64", "Image", "arch/arm64/boot/Image"),
    _cross("riscv64", "riscv64", "Image", "arch/riscv/boot/Image", "riscv"),
    _cross("s390x", "s390x", "bzImage", "arch/s390/boot/bzImage", "s390"),
)}
