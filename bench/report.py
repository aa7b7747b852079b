# SPDX-License-Identifier: GPL-2.0-only
"""report.md and the table on the terminal."""

from bench import depth, plan, targets
from bench.plan import REFERENCE, WORKLOADS, skipped
from bench.summary import spread

HEADINGS = ("workload", "variant", "IOPS", "difference", "p99 us", "vCPU %", "acq/IO",
            "contentions", "wait ns/IO", "hold ns/IO", "kicks/IO", "irqs/IO", "instr/IO",
            "of driver")
NONE = "-"


def _number(spread, digits=0):
    # No "-0" of what rounding and the background's share leave of nothing.
    return NONE if spread is None else f"{round(spread.middle, digits) + 0:,.{digits}f}"


def _with_range(spread):
    if spread is None:
        return NONE
    if spread.count == 1:
        return f"{spread.middle:,.0f}"
    return f"{spread.middle:,.0f} ({spread.low:,.0f}-{spread.high:,.0f})"


def _difference(summary, mode, queues, workload, variant):
    """To the reference's run that alternated with it: a host that becomes faster
    or slower half-way moves the medians of all runs, but hardly that of the pairs."""
    pairs = spread(summary.iops_pairs(mode, queues, workload, variant))
    if variant == REFERENCE or pairs is None:
        return NONE
    text = f"{pairs.middle - 1:+.0%}"
    if pairs.count > 1:
        text += f" ({pairs.low - 1:+.0%} to {pairs.high - 1:+.0%})"
    return text


def _row(summary, mode, queues, workload, variant):
    cell = summary.cell(mode, queues, workload, variant)
    contentions = NONE if cell.contentions is None else f"{cell.contentions:,}"
    return (workload, variant, _with_range(cell.iops),
            _difference(summary, mode, queues, workload, variant),
            _number(cell.p99), _number(cell.busy), _number(cell.acquisitions, 2), contentions,
            _number(cell.wait_ns), _number(cell.hold_ns), _number(cell.kicks, 3),
            _number(cell.interrupts, 3), _number(cell.instructions),
            _number(cell.driver_instructions))


def tables(summary):
    """(title, rows) for each mode and device."""
    for mode in summary.modes:
        for queues in summary.queues:
            rows = [_row(summary, mode, queues, workload, variant)
                    for workload in summary.workloads for variant in summary.variants
                    if not skipped(WORKLOADS[workload], plan.variant(variant), queues)]
            plural = "" if queues == 1 else "s"
            yield f"{mode}, device with {queues} queue{plural}", rows


def instruction_tables(summary):
    """(title, headings, rows) for each workload whose instructions were counted."""
    for queues in summary.queues:
        for workload in summary.workloads:
            cells = {variant: summary.cell("counted", queues, workload, variant)
                     for variant in summary.variants}
            cells = {variant: cell for variant, cell in cells.items() if cell.areas}
            if cells:
                plural = "" if queues == 1 else "s"
                yield (f"{workload}, {queues} queue{plural}", ("instructions per I/O", *cells),
                       _instruction_rows(summary, queues, workload, cells))


def _instruction_rows(summary, queues, workload, cells):
    def ratios(figure):
        values = [summary.ratio(figure, "counted", queues, workload, variant, "instructions")
                  for variant in cells]
        return [NONE if value is None else f"{value:.3f}" for value in values]
    areas = list(next(iter(cells.values())).areas)
    rows = [(area, *(_number(cell.areas[area]) for cell in cells.values())) for area in areas]
    rows.append(("all", *(_number(cell.instructions) for cell in cells.values())))
    rows.append((f"all, ratio to {REFERENCE}", *ratios("instructions")))
    rows.append((f"all but driver, ring and transport, ratio to all of {REFERENCE}",
                 *ratios("untouched")))
    return rows


HOLD_FUNCTIONS = 10


def hold_tables(summary):
    """(title, headings, rows) of what runs under the lock, for each workload of counted mode."""
    for queues in summary.queues:
        for workload in summary.workloads:
            cells = {variant: summary.cell("counted", queues, workload, variant)
                     for variant in summary.variants}
            cells = {variant: cell for variant, cell in cells.items() if cell.hold_functions}
            if cells:
                plural = "" if queues == 1 else "s"
                yield (f"{workload}, {queues} queue{plural}", ("under the lock, per I/O", *cells),
                       [*_hold_rows(summary, queues, workload, cells), *_function_rows(cells)])


def _hold_rows(summary, queues, workload, cells):
    for text, figure, digits in (
            ("instructions, plain kernel", "hold_instructions", 0),
            ("hold by lockstat, ns, with lockdep", "hold_ns", 0),
            ("acquisitions, plain kernel", "hold_acquisitions", 3),
            ("acquisitions by lockstat", "acquisitions", 3)):
        yield text, *(_number(getattr(cell, figure), digits) for cell in cells.values())
        if not digits:
            ratios = [summary.ratio(figure, "counted", queues, workload, variant)
                      for variant in cells]
            yield (f"- ratio to {REFERENCE}",
                   *(NONE if ratio is None else f"{ratio:.3f}" for ratio in ratios))


def _function_rows(cells):
    """The functions that take most in some variant, and all others together."""
    held = [cell.hold_functions for cell in cells.values()]
    most = {function: max(numbers.get(function, 0) for numbers in held)
            for function in {function for numbers in held for function in numbers}}
    named = sorted(most, key=most.get, reverse=True)[:HOLD_FUNCTIONS]
    for function in named:
        area, name = function
        yield (name if name == area else f"{name} ({area})",
               *(f"{numbers.get(function, 0):,.0f}" for numbers in held))
    yield ("all other functions",
           *(f"{sum(numbers[f] for f in numbers if f not in named):,.0f}" for numbers in held))


MEMORY_HEADINGS = ("disk", "variant", "bytes of a request", "requests", "bytes of the driver's own",
                   f"bytes a request more than {REFERENCE}")


def _memory_rows(summary):
    for queues in summary.queues:
        reference = summary.memory(queues, REFERENCE)
        for variant in summary.variants:
            found = summary.memory(queues, variant)
            if found:
                yield (f"{queues} queue{'' if queues == 1 else 's'}", variant,
                       f"{found.request:,}", f"{found.requests:,}", f"{found.own:,}",
                       f"{found.more(reference):+.1f}" if reference else NONE)


def _target_rows(summary):
    for figure, columns in targets.rows(summary):
        yield (figure, *(text for column in columns for text in column))


TARGET_HEADINGS = ("figure, as a ratio to in-tree",
                   "target, 1 queue", "achieved", "",
                   "target, 4 queues", "achieved", "")


def _aligned(headings, rows):
    rows = [headings, *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(headings))]
    return "\n".join("  ".join(text.ljust(width) if column < 2 else text.rjust(width)
                               for column, (text, width) in enumerate(zip(row, widths)))
                     for row in rows)


def _markdown(headings, rows, left=2):
    def line(cells):
        return "| " + " | ".join(cells) + " |"
    rule = ["---" if column < left else "---:" for column in range(len(headings))]
    return "\n".join(map(line, [headings, rule, *rows]))


def terminal(summary, in_flight):
    parts = [f"{title}\n{_aligned(HEADINGS, rows)}" for title, rows in tables(summary)]
    wanted = list(_target_rows(summary))
    if wanted:
        parts.append(_aligned(TARGET_HEADINGS, wanted))
    if in_flight.cells:
        parts.append(f"requests in flight\n{_aligned(in_flight.headings(), in_flight.rows())}\n"
                     f"{in_flight.summary()}")
    return "\n\n".join(parts)


NOTES = """\
- IOPS, p99 and vCPU %: medians on the kernel without lockdep, in brackets the lowest and the
  highest run. Difference: to in-tree's run that alternated with it; the median, lowest and
  highest of these pairs. On a host whose speed changes it tells more than the medians of all runs.
- Targets: the ratio of the medians. For IOPS also the median of the pairs, and the range in which
  it lies 19 times in 20, whatever the distribution, were the pairs measured without end. What is
  "met" or "missed, within noise" has its limit in that range: these runs do not decide it, more
  RUNS do.
- Lock: the virtqueue's lock, on the kernel with LOCK_STAT, all its classes together;
  contentions are the sum over those runs, the rest is per I/O. A failed trylock is not
  a contention: nobody waits. Kicks: calls of the transport's notify function there. Lockdep
  makes everything inside the lock dearer: compare hold times with each other, not with a clock.
- Interrupts: of the disk's virtqueues. Instructions: of the whole guest, user space and kernel,
  counted by a QEMU plugin, without what starting fio costs and what the guest executes anyway
  while time passes. "Of driver" are those in the driver's module, the virtio ring and the
  transport (drivers/virtio).
- Where the instructions go: the same, by the source folder of each function (functions.csv has
  the functions). Most of it no driver can change. The last line says how far one could get whose
  own code, ring and transport cost nothing, if all else were as in that variant's run: a driver
  changes the rest only by how often it makes the kernel take interrupts, allocate and wake up.
- What runs under the virtqueue's lock: instructions, by function, that a vCPU executes on the plain
  kernel from where a lock function returns to the driver's module up to its call of an unlock
  function, callees included; waiting for the lock and the lock functions themselves are not in it.
  Beside it lockstat's hold of the same workload, in which lockdep, not the driver, is dear: above
  all where something is allocated or freed under the lock. Static functions that the compiler
  put into their callers are counted there; the module is one row. The acquisitions are those
  counted this way, which have to be as many as this driver counts itself.
- Memory: a request's is the tag set's cmd_size. The driver's own is what its code allocated and
  holds once the disk is there (kmalloc and per-CPU memory; device and queues), on the kernel with
  LOCK_STAT, where locks and work items are larger. Tables allocated for a request in flight, such
  as the ring's indirect ones, are not in it.
- counted: QEMU with `-icount shift=0`: one instruction is one nanosecond, vCPUs take turns, so
  figures repeat on a busy host, and contention hardly shows. While all vCPUs are idle the
  guest's clock follows the host's. For qd1 the disk is given a latency there, so that each I/O
  finds its vCPU idle: IOPS of counted qd1 in the table are mostly that latency. The target
  therefore takes a billion by the instructions per I/O.
- With both modes asked for, counted mode runs only the workloads that have targets in it.
- What a target is about is measured more often: three times RUNS in parallel mode.
- ext4-mixed does a fixed amount of work in both modes; p99 is that of its writes.
- uring-poll: half of the queues are poll queues; one queue cannot be, and 2010 has none.
"""


def _environment(environment):
    for key, value in environment.items():
        if isinstance(value, dict):
            for name, part in value.items():
                yield key.replace("_", " "), name, str(part)
        else:
            yield key.replace("_", " "), "", str(value)


def markdown(summary, environment, problem, charts, in_flight):
    parts = ["# virtio_blk: comparison of the drivers\n", "## Environment\n"]
    parts += [f"- {key}{' of ' + name if name else ''}: {value}"
              for key, name, value in _environment(environment)]
    if problem:
        parts.append(f"\n**Incomplete**: {problem}")
    for title, rows in tables(summary):
        parts.append(f"\n## {title[0].upper()}{title[1:]}\n\n{_markdown(HEADINGS, rows)}")
    wanted = list(_target_rows(summary))
    if wanted:
        parts.append(f"\n## Targets\n\n{_markdown(TARGET_HEADINGS, wanted)}")
    if in_flight.cells:
        parts.append(f"\n## Requests in flight\n\n{depth.TARGET}\n\n{in_flight.summary()}\n\n"
                     f"{_markdown(in_flight.headings(), in_flight.rows())}\n\n{depth.NOTES}")
    counted = list(instruction_tables(summary))
    if counted:
        parts.append("\n## Where the instructions go (counted mode)")
        parts += [f"\n{title}:\n\n{_markdown(headings, rows, 1)}"
                  for title, headings, rows in counted]
    holds = list(hold_tables(summary))
    if holds:
        parts.append("\n## What runs under the virtqueue's lock (counted mode)")
        parts += [f"\n{title}:\n\n{_markdown(headings, rows, 1)}"
                  for title, headings, rows in holds]
    memory = list(_memory_rows(summary))
    if memory:
        parts.append(f"\n## Memory of a disk\n\n{_markdown(MEMORY_HEADINGS, memory)}")
    if summary.runs:
        parts.append(f"\n## How to read it\n\n{NOTES}")
    if charts:
        parts.append("## Charts\n")
        parts += [f"![{title}]({name})\n" for title, name in charts]
    return "\n".join(parts)
