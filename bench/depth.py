# SPDX-License-Identifier: GPL-2.0-only
"""Requests in flight: disks that take their time to answer, on which throughput is depth by
latency. Which cells are measured, what is wanted of each, and the table of them."""

from dataclasses import dataclass
from statistics import median

from bench.plan import REFERENCE, Workload
from bench.summary import likely_median, spread

GROUP = "depth"
DRIVER = "virtio_blk"
LEAST = 0.97            # of in-tree's throughput, where a disk takes a millisecond or more
SLOW_US = 1000
LEAST_PAIRS = 3
TOO_FEW = "too few runs to say"
SCATTERED = "mmapshared:/tmp/scattered"
NONE = "-"


def _latency(microseconds):
    return f"{microseconds / 1000:g}ms"


def _cell(*words, scheduler="none", queues=(1,), **fields):
    """A workload named after what it is; on a second scheduler or other queues it has another
    name."""
    if scheduler != "none":
        words += (scheduler,)
    if queues != (1,):
        words += ("queues",)
    return Workload("-".join((GROUP, *words)), 1, 0, usual=False, group=GROUP,
                    scheduler=scheduler, only_queues=queues, **fields)


def _reads(block, depth, latency_us, **fields):
    """Random reads by one process. 256 KiB are in scattered pages."""
    memory = SCATTERED if block == 256 else "malloc"
    # What the guest's processors limit is noisier than what the disk's latency does, and
    # what is judged by its interval needs one.
    many = latency_us < SLOW_US or depth * 60 > latency_us
    return _cell(f"{block}k", str(depth), _latency(latency_us), latency_us=latency_us,
                 job="depth.fio", scattered=block == 256, many=many,
                 settings=(("BS", f"{block}k"), ("DEPTH", str(depth)), ("MEMORY", memory)),
                 **fields)


def _reader(latency_us, **fields):
    return _cell("reader", _latency(latency_us), latency_us=latency_us, job="depth-reader.fio",
                 scattered=True, many=True, seconds=3, **fields)


def _file(kind, latency_us, small=False, **fields):
    words = ("small",) if small else ()
    return _cell(kind, *words, _latency(latency_us), latency_us=latency_us, files=True,
                 job="depth-files.fio", small_folios=small,
                 settings=(("RW", kind), ("FILE", "file0" if kind == "read" else "file1")),
                 **fields)


def _plan():
    """One factor at a time around 4 KiB, 1 queue and no scheduler, and the pairs that matter:
    size with latency and depth, queues and scheduler with what is deepest."""
    for latency_us in (200, 1000, 20000):
        for depth in (1, 32, 128, 256):
            yield _reads(4, depth, latency_us)
        for block in (64, 256):
            yield _reads(block, 32, latency_us)
    for block in (64, 256):
        yield _reads(block, 128, 20000)
    for block, depth in ((4, 256), (64, 128), (256, 32)):
        yield _reads(block, depth, 20000, queues=(4,))
        yield _reads(block, depth, 20000, scheduler="mq-deadline")
    yield _reads(4, 256, 20000, queues=(4,), scheduler="mq-deadline")
    yield _reads(4, 32, 200, queues=(4,))
    yield _reads(4, 32, 200, scheduler="mq-deadline")
    for latency_us in (1000, 20000):
        yield _reader(latency_us)
    yield _reader(1000, queues=(4,))
    yield _reader(1000, scheduler="mq-deadline")
    for kind in ("read", "write"):
        for small in (False, True):
            for latency_us in (1000, 20000):
                yield _file(kind, latency_us, small)
        yield _file(kind, 20000, small=True, queues=(4,))
        yield _file(kind, 20000, small=True, scheduler="mq-deadline")


WORKLOADS = {workload.name: workload for workload in _plan()}


@dataclass(frozen=True)
class Pairs:
    """The ratios of one figure to that of in-tree's run that alternated with each."""
    ratios: list

    @property
    def middle(self):
        return median(self.ratios)

    @property
    def interval(self):
        return likely_median(self.ratios)

    def __str__(self):
        text = f"{self.middle:.3f}"
        if self.interval:
            text += f" ({self.interval[0]:.2f} to {self.interval[1]:.2f})"
        elif len(self.ratios) > 1:
            text += f" [{min(self.ratios):.2f} to {max(self.ratios):.2f}]"
        return text


def _throughput(run):
    return run["iops"]


def _stream(run):
    return run["stream_iops"]


def _p99(run):
    return run["lat_us"]["p99"]


def _p999(run):
    return run["lat_us"]["p999"]


def _figures(workload):
    """What is shown of a cell: (its name, how to get it from a run)."""
    if workload.job == "depth-reader.fio":
        return (("reader's IOPS", _throughput), ("stream's IOPS", _stream),
                ("reader's p99 us", _p99), ("reader's p99.9 us", _p999))
    return (("MB/s", lambda run: run["mb_per_s"]),) if workload.files else (("IOPS", _throughput),)


def verdict(workload, figure, pairs):
    """Of one figure of a cell. A latency may not surely be above in-tree's, and a throughput
    not surely below it; where the disk is slow, the throughput is in-tree's but for LEAST."""
    if pairs is None:
        return "not measured"
    if "p99.9" in figure:
        return ""       # too few samples to judge by
    interval = pairs.interval
    if len(pairs.ratios) < LEAST_PAIRS:
        return TOO_FEW
    if "p99" in figure:
        if pairs.middle <= 1:
            return "met"
        if not interval:
            return TOO_FEW
        return "missed" if interval[0] > 1 else "met, within noise"
    if workload.latency_us >= SLOW_US:
        if pairs.middle >= LEAST:
            return "met"
        return "missed, within noise" if interval and interval[1] >= LEAST else "missed"
    if pairs.middle >= 1:
        return "met"
    if not interval:
        return TOO_FEW
    return "missed" if interval[1] < 1 else "met, within noise"


class Depth:
    """All cells of one comparison."""

    def __init__(self, runs):
        self.runs = [run for run in runs if run["workload"] in WORKLOADS]
        self.variants = list(dict.fromkeys(run["variant"] for run in self.runs))
        self.cells = list(dict.fromkeys(
            (run["workload"], run["queues"]) for run in self.runs))
        self.cells.sort(key=lambda cell: list(WORKLOADS).index(cell[0]))

    def _of(self, cell, variant):
        return {run["run"]: run for run in self.runs
                if (run["workload"], run["queues"]) == cell and run["variant"] == variant}

    def pairs(self, cell, variant, figure):
        own, reference = self._of(cell, variant), self._of(cell, REFERENCE)
        ratios = [figure(own[run]) / figure(reference[run]) for run in own if run in reference]
        return Pairs(ratios) if ratios else None

    def headings(self):
        others = [variant for variant in self.variants if variant != REFERENCE]
        return ("cell", "figure", REFERENCE, *others,
                *(f"{variant}, pairs" for variant in others), "verdict", "requests allowed",
                "longest backlog")

    def rows(self):
        for cell in self.cells:
            for number, (name, figure) in enumerate(_figures(WORKLOADS[cell[0]])):
                yield self._row(cell, name, figure, number == 0)

    def _row(self, cell, name, figure, first):
        others = [variant for variant in self.variants if variant != REFERENCE]
        middles = [spread(figure(run) for run in self._of(cell, variant).values())
                   for variant in (REFERENCE, *others)]
        pairs = {variant: self.pairs(cell, variant, figure) for variant in others}
        said = verdict(WORKLOADS[cell[0]], name, pairs.get(DRIVER)) if DRIVER in others else ""
        return (describe(*cell) if first else "", name,
                *(NONE if middle is None else f"{middle.middle:,.0f}" for middle in middles),
                *(str(pairs[variant] or NONE) for variant in others), said,
                *((self._allowed(cell), self._backlog(cell)) if first else ("", "")))

    def _allowed(self, cell):
        """nr_requests: one number if all drivers have the same."""
        found = {variant: {run["nr_requests"] for run in self._of(cell, variant).values()}
                 for variant in self.variants}
        numbers = set().union(*found.values())
        if len(numbers) == 1:
            return str(numbers.pop())
        return "; ".join(f"{variant}: {', '.join(map(str, sorted(some)))}"
                         for variant, some in found.items())

    def _backlog(self, cell):
        """Most requests that waited in the driver for room in the ring, of each that counts."""
        found = {variant: [run["max_backlog"] for run in self._of(cell, variant).values()
                           if run["max_backlog"] is not None] for variant in self.variants}
        return ", ".join(str(max(counts)) for counts in found.values() if counts) or NONE

    def summary(self):
        """How many verdicts of each kind, as a line."""
        if DRIVER not in self.variants:
            return ""
        said = [verdict(WORKLOADS[cell[0]], name, self.pairs(cell, DRIVER, figure))
                for cell in self.cells for name, figure in _figures(WORKLOADS[cell[0]])]
        kinds = [word for word in dict.fromkeys(said) if word]
        return ", ".join(f"{said.count(word)} {word}" for word in kinds)


def describe(name, queues):
    """A cell in words: '4 KiB, depth 256, 20 ms, 1 queue, none'."""
    workload = WORKLOADS[name]
    settings = dict(workload.settings)
    if workload.job == "depth.fio":
        scattered = " scattered" if workload.scattered else ""
        what = f"{settings['BS'].rstrip('k')} KiB{scattered}, depth {settings['DEPTH']}"
    elif workload.files:
        what = f"ext4, {settings['RW']}" + (", 4 KiB folios" if workload.small_folios else "")
    else:
        what = "4 KiB, depth 1, beside 256 KiB scattered, depth 32"
    plural = "" if queues == 1 else "s"
    return (f"{what}, {workload.latency_us / 1000:g} ms, {queues} queue{plural}, "
            f"{workload.scheduler}")


TARGET = (f"Target: with 1 ms and more, the median of the pairs is at least {LEAST} of "
          "in-tree's; elsewhere, no cell's interval lies below 1; the reader's p99 is no worse "
          "than in-tree's.")
NOTES = """\
- null-co with a latency, parallel mode, kernel without lockdep, 4 vCPUs; medians of the runs.
  Pairs: the ratios to in-tree's run that alternated with each, their median, and in round
  brackets where it lies 19 times in 20, whatever the distribution (six pairs are needed for that);
  in square brackets the lowest and the highest. Where the latency decides, three pairs are
  measured, elsewhere six (RUNS=5).
- "missed, within noise": the limit lies in the interval. "met, within noise": 1 does.
- ext4: 64 MiB in four pieces of a file, through the page cache; writes include the fsync. Reads
  and writes of its data take the latency, metadata only when written. "4 KiB folios": an ext4
  with the feature "encrypt", which has no larger ones on any kernel; nothing is encrypted.
- Requests allowed: queue/nr_requests. Longest backlog: max_backlog of the driver's counters, the
  requests that waited in it for room in the ring, for each variant that counts them.
"""
