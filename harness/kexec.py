# SPDX-License-Identifier: GPL-2.0-only
"""A static kexec. To install Debian's would change how this machine reboots."""

from harness import static


def build():
    return static.build("kexec-tools", ["--without-xen", "--without-lzma", "--without-zlib", "LDFLAGS=-static"],
                        "build/sbin/kexec", steps=70)
