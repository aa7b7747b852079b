# SPDX-License-Identifier: GPL-2.0-only
"""The project's targets, next to what was achieved."""

from dataclasses import dataclass
from statistics import median

from bench.plan import REFERENCE
from bench.summary import likely_median

DRIVER = "virtio_blk"


@dataclass(frozen=True)
class Target:
    text: str
    figure: str
    mode: str
    workload: str
    limits: dict        # queues to the limit
    aims: dict
    at_most: bool

    def met(self, value, queues):
        limit = self.limits[queues]
        return value <= limit if self.at_most else value >= limit

    def wanted(self, queues):
        sign = "<=" if self.at_most else ">="
        aim = f" (aim: {self.aims[queues]})" if queues in self.aims else ""
        return f"{sign} {self.limits[queues]}{aim}"


TARGETS = (
    Target("lock hold per I/O, lockstat kernel, counted mode", "hold_ns", "counted", "uring-batch",
           {1: 0.37, 4: 0.18}, {1: 0.25, 4: 0.10}, True),
    Target("instructions under the lock per I/O, plain kernel, counted mode", "hold_instructions",
           "counted", "uring-batch", {1: 0.85, 4: 0.50}, {}, True),
    Target("guest instructions per I/O, counted mode", "instructions", "counted", "uring-batch",
           {1: 0.92, 4: 0.80}, {1: 0.85, 4: 0.70}, True),
    Target("IOPS, parallel mode, io_uring depth 32 batch 8 x 4, median", "iops", "parallel",
           "uring-batch", {1: 1.15, 4: 1.0}, {1: 1.3}, False),
    Target("IOPS, one thread, depth 1, counted mode", "instruction_iops", "counted", "qd1",
           {1: 1.0, 4: 1.0}, {}, False),
)
QUEUES = (1, 4)
MEMORY_LIMIT = 64


def contentions(summary, queues, variant):
    """All contentions on the lock, in every workload and mode; None if none
    was measured."""
    found = [summary.cell(mode, queues, workload, variant).contentions
             for mode in summary.modes for workload in summary.workloads]
    found = [count for count in found if count is not None]
    return sum(found) if found else None


def rows(summary):
    """(figure, [(target, achieved, verdict) for each queue count])."""
    if DRIVER not in summary.variants:
        return []
    table = [("contentions on the virtqueue lock, all runs",
              [_contentions(summary, queues) for queues in QUEUES])]
    for target in TARGETS:
        table.append((target.text, [_achieved(summary, target, queues) for queues in QUEUES]))
        if target.figure == "instructions":
            table.append(("- were driver module, ring and transport for nothing",
                          [_floor(summary, target, queues) for queues in QUEUES]))
    table.append(("memory more than in-tree's, bytes a request, queues' shared out",
                  [_memory(summary, queues) for queues in QUEUES]))
    return table


def _floor(summary, target, queues):
    """What this driver's run took of everything that is not driver."""
    ratio = summary.ratio("untouched", target.mode, queues, target.workload, DRIVER,
                          target.figure)
    return "", "not measured" if ratio is None else f"{ratio:.3f}", ""


def _memory(summary, queues):
    wanted = f"<= {MEMORY_LIMIT}"
    own, reference = summary.memory(queues, DRIVER), summary.memory(queues, REFERENCE)
    if own is None or reference is None:
        return wanted, "not measured", ""
    more = own.more(reference)
    return wanted, f"{more:.1f}", "met" if more <= MEMORY_LIMIT else "missed"


def _contentions(summary, queues):
    own = contentions(summary, queues, DRIVER)
    if own is None:
        return "0", "not measured", ""
    reference = contentions(summary, queues, REFERENCE)
    beside = "" if reference is None else f" ({REFERENCE}: {reference})"
    return "0", f"{own}{beside}", "met" if own == 0 else "missed"


def _achieved(summary, target, queues):
    wanted = target.wanted(queues)
    ratio = summary.ratio(target.figure, target.mode, queues, target.workload, DRIVER)
    if ratio is None:
        return wanted, "not measured", ""
    runs = getattr(summary.cell(target.mode, queues, target.workload, DRIVER),
                   target.figure).count
    said, verdict = f"runs: {runs}", "met" if target.met(ratio, queues) else "missed"
    pairs = summary.iops_pairs(target.mode, queues, target.workload, DRIVER)
    if target.figure == "iops" and pairs:
        said += f"; pairs: {median(pairs):.3f}"
        likely = likely_median(pairs)
        if likely:
            said += f", likely {likely[0]:.3f} to {likely[1]:.3f}"
            if target.met(likely[0], queues) != target.met(likely[1], queues):
                verdict += ", within noise"
    return wanted, f"{ratio:.3f} ({said})", verdict
