# SPDX-License-Identifier: GPL-2.0-only
"""Medians, spreads and ratios over the runs of one comparison."""

from dataclasses import dataclass
from math import comb
from statistics import median

from bench.plan import MODES, REFERENCE, WORKLOADS


@dataclass(frozen=True)
class Spread:
    middle: float
    low: float
    high: float
    count: int


def spread(values):
    values = [value for value in values if value is not None]
    if not values:
        return None
    return Spread(median(values), min(values), max(values), len(values))


def likely_median(values):
    """Where the median of all such values lies, 19 times in 20, whatever their distribution;
    None where they are too few to say."""
    values, beyond = sorted(values), 0
    count, tail = len(values), 1
    # The median is below the lowest value with a chance of 1 in 2^count, and so on inwards.
    while 40 * tail <= 2 ** count:
        beyond += 1
        tail += comb(count, beyond)
    return (values[beyond - 1], values[-beyond]) if beyond else None


class Cell:
    """All runs of one variant in one mode, queue count and workload."""

    def __init__(self, runs):
        self.plain = [run for run in runs if run["flavour"] == "plain"]
        self.lockstat = [run for run in runs if run["flavour"] == "lockstat"]
        self.iops = spread(run["iops"] for run in self.plain)
        self.busy = spread(run["vcpu_busy_pct"] for run in self.plain)
        self.interrupts = spread(_per_io(run, run["interrupts"]) for run in self.plain)
        self.p99 = spread(run["lat_us"]["p99"] for run in self.plain)
        self.instructions = spread(run["instructions_per_io"] for run in self.plain)
        self.driver_instructions = spread(run["driver_instructions_per_io"] for run in self.plain)
        self.areas = _by_area(self.plain)
        self.hold_instructions = spread(run["hold_instructions_per_io"] for run in self.plain)
        self.hold_acquisitions = spread(run["hold_acquisitions_per_io"] for run in self.plain)
        self.hold_functions = _by_function(self.plain)
        self.untouched = spread(run["instructions_per_io"] - run["driver_instructions_per_io"]
                                for run in self.plain if run["instructions_per_io"])
        self.instruction_iops = spread(1e9 / run["instructions_per_io"] for run in self.plain
                                       if run["instructions_per_io"])
        self.acquisitions = self._lock("acquisitions")
        self.hold_ns = self._lock("hold_us", 1000)
        self.wait_ns = self._lock("wait_us", 1000)
        self.kicks = spread(_per_io(run, run["kicks"]) for run in self.lockstat)
        self.contentions = (sum(run["lock"]["contentions"] for run in self.lockstat)
                            if self.lockstat else None)
        self.contentions_per_million = self._lock("contentions", 1e6)

    def _lock(self, key, scale=1):
        return spread(_per_io(run, run["lock"][key]) * scale for run in self.lockstat)


def _by_area(runs):
    """Instructions per I/O, {area: spread}."""
    found = [run["instructions_by_area"] for run in runs if run["instructions_by_area"]]
    return {area: spread(areas[area] for areas in found) for area in found[0]} if found else {}


def _by_function(runs):
    """Instructions under the lock per I/O, {(area, function): their median}."""
    found = [{(area, function): number
              for area, functions in run["hold_by_function"].items()
              for function, number in functions.items()}
             for run in runs if run["hold_by_function"]]
    return {function: median(numbers.get(function, 0) for numbers in found)
            for function in {function for numbers in found for function in numbers}}


@dataclass(frozen=True)
class Memory:
    """What a driver takes for a disk: for each request, and of its own."""
    request: int
    requests: int
    own: int

    def more(self, reference):
        """Bytes a request more than another driver, all of it shared out."""
        return (self.request - reference.request) + (self.own - reference.own) / self.requests


def _per_io(run, figure):
    return figure / run["window_ios"]


class Summary:
    def __init__(self, runs, memory):
        self.runs = runs
        self._memory = {
            (found["disk_queues"], found["variant"]):
            Memory(found["cmd_size"], found["depth"] * found["queues"], found["own_bytes"])
            for found in memory}
        self.queues = sorted({run["queues"] for run in runs})
        self.modes = _present(runs, "mode", MODES)
        self.workloads = _present(runs, "workload", WORKLOADS)
        self.variants = list(dict.fromkeys(run["variant"] for run in runs))
        self._cells = {}

    def cell(self, mode, queues, workload, variant):
        key = mode, queues, workload, variant
        if key not in self._cells:
            self._cells[key] = Cell([
                run for run in self.runs
                if (run["mode"], run["queues"], run["workload"], run["variant"]) == key])
        return self._cells[key]

    def memory(self, queues, variant):
        """None if it was not measured."""
        return self._memory.get((queues, variant))

    def ratio(self, figure, mode, queues, workload, variant, reference_figure=None):
        """A figure's median as a ratio to the reference's, or None."""
        own = getattr(self.cell(mode, queues, workload, variant), figure)
        reference = getattr(self.cell(mode, queues, workload, REFERENCE),
                            reference_figure or figure)
        if own is None or reference is None or not reference.middle:
            return None
        return own.middle / reference.middle

    def iops_pairs(self, mode, queues, workload, variant):
        """The ratios of IOPS to those of the reference's run that alternated with each."""
        def by_run(name):
            cell = self.cell(mode, queues, workload, name)
            return {run["run"]: run["iops"] for run in cell.plain if run["iops"]}
        own, reference = by_run(variant), by_run(REFERENCE)
        return [own[run] / reference[run] for run in own if run in reference]


def _present(runs, key, known):
    found = {run[key] for run in runs}
    return [name for name in known if name in found]
