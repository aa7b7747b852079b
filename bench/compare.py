# SPDX-License-Identifier: GPL-2.0-only
"""The comparison: this driver, the in-tree driver of the same kernel and the
locking of 2010, on one guest kernel, by fio and lockstat.

    python3 -m bench.compare --kernel 7.x --mode counted,parallel
"""

import argparse
import shlex
import shutil
import signal
import sys
import time
from pathlib import Path

from bench import charts, depth, environment, guest, plan, report, store
from bench.instructions import Counter
from bench.summary import Summary
from harness import initramfs, kernel, series
from harness.util import Failure, duration, need_tool, run_main, say

CHECKOUT = Path(__file__).parent.parent
TOOLS = {"qemu-system-x86_64": "qemu-system-x86", "gnuplot": "gnuplot-nox"}
SOURCES = {"virtio_blk_2010.ko": CHECKOUT / "bench/baseline",
           "virtio_blk.ko": CHECKOUT / "virtio_blk",
           guest.PROBE: CHECKOUT / "harness/probe"}
# Before anything is measured: what a run takes besides its measured seconds.
GUESS_SECONDS = {"counted": 4, "parallel": 2}


def options(words):
    parser = argparse.ArgumentParser(prog="python3 -m bench.compare", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", default="7.x", help="6.1, 6.12, 7.x or /path/to/linux/tree")
    parser.add_argument("--mode", default=",".join(plan.MODES), help="counted, parallel or both")
    parser.add_argument("--queues", default="1,4", help="queues of the devices, one or several")
    parser.add_argument("--vcpus", default="4", help="the guest's vCPUs")
    parser.add_argument("--ring", default="256", help="slots of each virtqueue")
    parser.add_argument("--workloads", default=",".join(
        workload.name for workload in plan.WORKLOADS.values() if workload.usual),
                        help=", ".join((*plan.WORKLOADS, depth.GROUP)) + ": disks with latency, "
                        "of which each may be named too, as depth-4k-256-20ms")
    parser.add_argument("--variants", default=",".join(
        variant.name for variant in plan.VARIANTS.values() if variant.usual),
                        help=", ".join(plan.VARIANTS) + "; with module parameters: "
                        "virtio_blk:indirect=0:queue_depth=64")
    parser.add_argument("--runs", default="5", help="runs of each figure in parallel mode; "
                        "of one with a target, three times as many")
    parser.add_argument("--out", default="build/compare", help="folder for the results")
    return parser.parse_args(words)


def chosen_workloads(words):
    known = {**plan.WORKLOADS, **depth.WORKLOADS}
    names = [name for word in words.replace(",", " ").split()
             for name in (depth.WORKLOADS if word == depth.GROUP else [word])]
    for name in names:
        if name not in known:
            raise Failure(f"unknown workload '{name}': "
                          f"{', '.join((*plan.WORKLOADS, depth.GROUP))}")
    return [known[name] for name in plan.choose("workload", ",".join(names), known)]


def numbers(kind, words, low, high):
    found = []
    for word in words.replace(",", " ").split():
        if not word.isdecimal() or not low <= int(word) <= high:
            raise Failure(f"{kind} '{word}': a number from {low} to {high} is needed")
        found.append(int(word))
    if not found:
        raise Failure(f"no {kind} given")
    return sorted(set(found))


def number(kind, word, low, high):
    found = numbers(kind, word, low, high)
    if len(found) > 1:
        raise Failure(f"{kind} '{word}': one number is needed, not {len(found)}")
    return found[0]


def ring_size(word):
    size = number("ring", word, 4, 1024)
    if size & (size - 1):
        raise Failure(f"ring '{word}': a power of two is needed")
    return size


def check_parameters(variant, module):
    """insmod only warns of a parameter that a module does not have."""
    known = environment.module_parameters(module)
    for parameter in variant.parameters:
        name = parameter.split("=")[0]
        if name not in known:
            raise Failure(f"variant '{variant.name}': the module has no parameter '{name}' "
                          f"({', '.join(known) or 'it has none'})")


class Comparison:
    def __init__(self, words):
        self.modes = plan.choose("mode", words.mode.replace("both", "counted,parallel"),
                                 plan.MODES)
        self.workloads = chosen_workloads(words.workloads)
        self.variants = plan.variants(words.variants)
        self.queues = numbers("queues", words.queues, 1, 64)
        self.vcpus = number("vcpus", words.vcpus, 1, 16)
        self.ring = ring_size(words.ring)
        self.runs = number("runs", words.runs, 1, 100)
        self.source_name = words.kernel
        self.boots = []
        for boot in plan.boots(self.modes):
            steps = plan.steps(boot, self.variants, plan.chosen(boot, self.workloads, self.modes),
                               self.queues, self.runs)
            if steps:
                self.boots.append((boot, steps))
        if not self.boots:
            raise Failure("nothing to run: " + (plan.skipped(
                self.workloads[0], self.variants[0], self.queues[0]) or
                f"'{self.workloads[0].name}' is measured in parallel mode only"))
        self.out = Path(words.out).absolute()
        self.work = self.out / "work"
        for tool, package in TOOLS.items():
            need_tool(tool, package)
        self.disks = []
        self.store = None
        self.begin = None
        self.done_guess = 0.0

    def prepare(self):
        """Kernels, modules, root file systems, disks, counter."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        for chart in self.out.glob("*.svg"):
            chart.unlink()
        source = kernel.resolve(self.source_name)
        self.sources = dict(SOURCES)
        if any(variant.module == plan.PATCHED for variant in self.variants):
            self.sources[plan.PATCHED] = series.apply(source, self.work / "series")
        self.kernels = {boot.flavour: kernel.build(source, boot.flavour)
                        for boot, _ in self.boots}
        counted = any(boot.mode == "counted" for boot, _ in self.boots)
        self.counter = Counter(self.kernels["plain"], self.work) if counted else None
        self.initrds = {flavour: self._initrd(built) for flavour, built in self.kernels.items()}
        self.disks = [guest.Disk(count, self.ring, latency_us=latency) for latency in
                      sorted({boot.latency_us(workload) for boot, _ in self.boots
                              for workload in self.workloads if not workload.group})
                      for count in self.queues]
        direct = True
        if any(workload.files and not workload.group for workload in self.workloads):
            for count in self.queues:
                image = self.work / f"ext4-{count}.raw"
                direct = guest.make_image(image) and direct
                self.disks.append(guest.Disk(count, self.ring, image))
        self.disks += self._slow_disks()
        self.direct = direct
        self.store = store.Store(self.out, self._environment(source))

    def _slow_disks(self):
        """Those of the workloads of a group, each once."""
        wanted = dict.fromkeys(
            (step.queues, step.workload.latency_us, step.workload.files,
             step.workload.small_folios)
            for _, steps in self.boots for step in steps if step.workload.group)
        for queues, latency_us, files, small in wanted:
            image = None
            if files:
                image = self.work / f"slow-{queues}-{latency_us}{'-small' if small else ''}.qcow2"
                guest.make_slow_image(image, small)
            yield guest.Disk(queues, self.ring, image, latency_us, small)

    def _initrd(self, built):
        modules = {module: self._module(built, module)
                   for module in {variant.module for variant in self.variants} & set(self.sources)}
        for variant in self.variants:
            check_parameters(variant, modules.get(variant.module, built.intree))
        self.modules = modules
        files = dict(guest.FILES)
        files.update((f"/bench/{workload.job_file.name}", workload.job_file)
                     for workload in self.workloads)
        if self.counter:
            files["/bench/loop"] = self.counter.loop
        if built.flavour == "lockstat":
            modules = {**modules, guest.PROBE: self._module(built, guest.PROBE)}
        return initramfs.build(built, modules, files)

    def _module(self, built, name):
        out = self.work / f"{name.removesuffix('.ko').replace('/', '-')}-{built.flavour}"
        # Whether the source is clean is for the tests to say, not for who measures.
        return kernel.build_module(built, self.sources[name], out, warnings=False, sparse=False)

    def _environment(self, source):
        found = environment.host()
        found["kernel"] = f"{source.name} ({source.version})"
        found["release"] = {flavour: built.release for flavour, built in self.kernels.items()}
        found["driver"] = {
            variant.name: environment.module_version(self.modules[variant.module])
            if variant.module in self.modules else f"that of {source.version}"
            for variant in self.variants}
        found["vcpus"] = self.vcpus
        found["ring_size"] = self.ring
        found["scheduler"] = "none"
        found["device"] = (
            "virtio-blk-pci, null-co (read-zeroes=on, latency-ns=0; for qd1 in counted mode "
            f"{plan.LATENCY_US * 1000}) in an iothread of its own")
        found["ext4_image"] = "raw, " + ("cache.direct=on, aio=native" if self.direct else
                                         "cache.direct=off: no O_DIRECT on this file system")
        if any(workload.group for workload in self.workloads):
            found["depth_disks"] = (
                "null-co (read-zeroes=off) with a latency; ext4: quorum of null-co with a latency "
                "and a qcow2 over another, which read what was never written, and writes, wait for")
        found["command"] = "python3 -m bench.compare " + shlex.join(sys.argv[1:])
        return found

    def measure(self):
        self.begin = time.monotonic()
        self.total = sum(len(steps) for _, steps in self.boots)
        self.guess = sum(self._guess(step) for _, steps in self.boots for step in steps)
        say(f"{self.total} runs, about {duration(self.guess)} in all")
        for boot, steps in self.boots:
            self._measure_in(boot, steps)
        self.store.environment["load_average_after"] = environment.load_average()
        self.store.environment["measuring_took"] = duration(time.monotonic() - self.begin)
        self.store.save()

    def _measure_in(self, boot, steps):
        built = self.kernels[boot.flavour]
        workdir = self.work / f"{boot.mode}-{boot.flavour}"
        workdir.mkdir()
        say(f"booting {built.release} for {boot.mode} mode ({workdir})")
        with guest.booted(boot, built, self.initrds[boot.flavour], self.disks, self.direct,
                          self.vcpus, workdir, self.counter) as bench:
            known = self.store.environment
            known.setdefault("accelerator", {})[boot.mode] = (
                f"{bench.guest.accel}: {bench.guest.accel_reason}")
            if bench.counter:
                error = bench.counter.check(bench.guest)
                known["instruction_counter"] = f"{error:+.3%} off on a loop of known length"
            if boot.flavour == "lockstat" and not self.store.memory:
                self._measure_memory(bench)
            for step in steps:
                self._run(bench, built, step)

    def _measure_memory(self, bench):
        for variant in self.variants:
            for queues in self.queues:
                self.store.memory.append({"variant": variant.name, "disk_queues": queues,
                                          **bench.memory(variant, queues)})
        self.store.save()

    def _run(self, bench, built, step):
        try:
            figures = bench.run(step)
        except Failure as failure:
            log = "" if "log: " in str(failure) else f" (log: {bench.guest.log})"
            raise Failure(f"{step}, run {step.run}: {failure}{log}") from failure
        self.store.add(store.record(built.source.name, built.release,
                                    bench.guest.accel, self.vcpus, step, figures))
        self.done_guess += self._guess(step)
        elapsed = time.monotonic() - self.begin
        left = elapsed * (self.guess - self.done_guess) / self.done_guess
        say(f"[{len(self.store.runs)}/{self.total}] {step}: {_headline(figures)}; "
            f"about {duration(left)} left")

    def _guess(self, step):
        return GUESS_SECONDS[step.boot.mode] + (step.boot.seconds(step.workload) or 0)

    def finish(self, problem=None):
        """Write what there is; print the table."""
        for disk in self.disks:
            if disk.image:
                disk.image.unlink(missing_ok=True)
        if not self.store or not self.store.runs:
            return
        in_flight = depth.Depth(self.store.runs)
        summary = Summary([run for run in self.store.runs if run not in in_flight.runs],
                          self.store.memory)
        drawn = charts.draw(summary, self.out)
        (self.out / "report.md").write_text(
            report.markdown(summary, self.store.environment, problem, drawn, in_flight))
        say(f"\n{report.terminal(summary, in_flight)}\n\n{self.out}/report.md, results.json")


def _headline(figures):
    if figures["lock"]:
        return "{contentions} contentions, {acquisitions} acquisitions".format(**figures["lock"])
    return f"{figures['iops']:,.0f} IOPS"


def _terminated(number, frame):
    raise KeyboardInterrupt


def main():
    signal.signal(signal.SIGTERM, _terminated)
    comparison = Comparison(options(sys.argv[1:]))
    try:
        comparison.prepare()
        comparison.measure()
    except (Failure, OSError, KeyboardInterrupt) as problem:
        try:
            comparison.finish(str(problem) or "interrupted")
        except (Failure, OSError) as further:
            say(f"the report could not be written: {further}")
        raise
    comparison.finish()


if __name__ == "__main__":
    run_main(main)
