# SPDX-License-Identifier: GPL-2.0-only
"""A static fio. The packaged one brings 80 MB of libraries for remote storage,
which a guest under TCG needs most of a second to link at every start."""

from harness import static


def build():
    return static.build("fio", ["--build-static", "--disable-native"], "fio", steps=150)
