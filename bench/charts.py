# SPDX-License-Identifier: GPL-2.0-only
"""SVG charts of a comparison, by gnuplot."""

import subprocess
from dataclasses import dataclass

from bench.summary import Spread
from harness.util import Failure, need_tool


@dataclass(frozen=True)
class Chart:
    name: str
    title: str
    figure: str         # of summary.Cell
    mode: str
    label: str


CHARTS = (
    Chart("iops-parallel", "IOPS, parallel mode", "iops", "parallel", "IOPS"),
    Chart("contentions-parallel", "Contentions per million I/Os, parallel mode",
          "contentions_per_million", "parallel", "contentions per million I/Os"),
    Chart("wait-parallel", "Wait for the lock per I/O, parallel mode", "wait_ns", "parallel",
          "ns"),
    Chart("hold-counted", "Lock hold per I/O, counted mode", "hold_ns", "counted",
          "instructions, with lockdep"),
    Chart("instructions-counted", "Guest instructions per I/O, counted mode", "instructions",
          "counted", "instructions"),
)
STYLE = """\
set terminal svg size {width},360 font "sans,11" background "white"
set output "{output}"
set style data histogram
set style histogram errorbars gap 1.5 lw 1
set style fill solid 0.75 border -1
set boxwidth 0.9
set yrange [0:*]
set grid ytics lc rgb "#dddddd"
set key outside top horizontal
set bmargin 5
set rmargin 4
set xtics rotate by -20 scale 0
set decimalsign locale
set format y "%'.0f"
set multiplot layout 1,{panels} title "{title}"
"""
COLOURS = {"2010": "#b0b0b0", "in-tree": "#4477aa", "virtio_blk": "#ee6677"}
FURTHER = ("#228833", "#ccbb44", "#66ccee", "#aa3377")
MISSING = "NaN NaN NaN"


def _data(summary, chart, queues, workloads):
    for workload in workloads:
        columns = [workload]
        for variant in summary.variants:
            value = getattr(summary.cell(chart.mode, queues, workload, variant), chart.figure)
            columns.append(f"{value.middle} {value.low} {value.high}"
                           if isinstance(value, Spread) else MISSING)
        yield " ".join(columns)


def _measured(summary, chart, queues):
    return [workload for workload in summary.workloads
            if any(getattr(summary.cell(chart.mode, queues, workload, variant), chart.figure)
                   for variant in summary.variants)]


def _script(summary, chart, output):
    panels = [(queues, _measured(summary, chart, queues)) for queues in summary.queues]
    panels = [(queues, workloads) for queues, workloads in panels if workloads]
    if not panels:
        return None
    colours = {variant: COLOURS.get(variant, FURTHER[i % len(FURTHER)])
               for i, variant in enumerate(summary.variants)}
    lines = [STYLE.format(output=output, title=chart.title, panels=len(panels),
                          width=100 + 480 * len(panels))]
    for number, (queues, workloads) in enumerate(panels):
        lines += [f"$data{number} << end", *_data(summary, chart, queues, workloads), "end"]
        bars = [f'$data{number} using {2 + 3 * i}:{3 + 3 * i}:{4 + 3 * i}:xtic(1) '
                f'title "{variant}" noenhanced lc rgb "{colours[variant]}"'
                for i, variant in enumerate(summary.variants)]
        plural = "" if queues == 1 else "s"
        lines += [f'set title "{queues} queue{plural}"', f'set ylabel "{chart.label}"',
                  "plot " + ", ".join(bars)]
    return "\n".join([*lines, "unset multiplot", ""])


def draw(summary, folder):
    """Write the charts there is data for; [(title, file name)]."""
    gnuplot = need_tool("gnuplot", "gnuplot-nox")
    drawn = []
    for chart in CHARTS:
        script = _script(summary, chart, folder / f"{chart.name}.svg")
        if not script:
            continue
        result = subprocess.run([gnuplot], input=script, capture_output=True, text=True)
        if result.returncode or "line " in result.stderr:
            raise Failure(f"gnuplot failed on {chart.name}: {result.stderr.strip()}")
        drawn.append((chart.title, f"{chart.name}.svg"))
    return drawn
