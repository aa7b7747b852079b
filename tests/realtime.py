# SPDX-License-Identifier: GPL-2.0-only
"""Tasks of real-time priority that never sleep: what they keep from running, nobody else's I/O may depend on."""

import contextlib

# Seconds: who gets nothing done beside such a task for so long stands still. The kernel would complain later.
STANDSTILL = 100
# The kernel is not to give others a share of the CPU, and not to complain that they get none.
UNLIMITED = {'/proc/sys/kernel/sched_rt_runtime_us': -1, '/sys/module/workqueue/parameters/watchdog_thresh': 900,
             '/sys/kernel/debug/sched/fair_server/cpu*/runtime': 0}


@contextlib.contextmanager
def unlimited(g):
    """Real-time tasks may have a CPU for themselves while the block runs."""
    kept = {}
    for pattern, value in UNLIMITED.items():
        for path in g.out(f'for f in {pattern}; do [ ! -e $f ] || echo $f; done').split():
            kept[path] = g.out(f'cat {path}')
            g.sh(f'echo {value} > {path}')
    yield
    for path, value in kept.items():
        g.sh(f'echo {value} > {path}')
