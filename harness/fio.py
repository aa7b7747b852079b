# SPDX-License-Identifier: GPL-2.0-only
"""A static fio. The packaged one brings 80 MB of libraries for remote storage,
which a guest under TCG needs most of a second to link at every start."""

from harness import static

# How long a job may take to start. fio then signals it, or, if it has no process
# number yet, number 0: everybody in the guest. A guest that falls asleep while a
# job starts, on a slow host, takes longer than fio's 5 and 10 s.
START_MS = 600_000
EDITS = (
    ("backend.c", "#define JOB_START_TIMEOUT\t(5 * 1000)", f"#define JOB_START_TIMEOUT\t({START_MS})"),
    ("backend.c", "fio_sem_down_timeout(startup_sem, 10000)", f"fio_sem_down_timeout(startup_sem, {START_MS})"),
)


def build():
    return static.build("fio", ["--build-static", "--disable-native"], "fio", steps=150, edits=EDITS)
