# SPDX-License-Identifier: GPL-2.0-only
"""A guest to measure in: its disks, its driver of the moment, one fio run."""

import os
import shlex
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import figures, hold
from bench.instructions import DRIVER
from bench.plan import poll_queues
from harness.qemu import Guest, drive
from harness.util import Failure, need_space, need_tool

HERE = Path(__file__).parent
SCRIPTS = ("load.sh", "measure.sh", "memory.sh", "scatter.sh")
FILES = {f"/bench/{name}": HERE / "guest" / name for name in SCRIPTS}
NULL_MIB = 1024
IMAGE_MIB = 256
RAMP_SECONDS = 0.5
# From starting fio to the middle of its ramp, and what stays clear of its end.
LEAD_SECONDS = 1.0
MARGIN_SECONDS = 0.4
# Two I/Os, and that long between them.
THINK_SECONDS = 1
THINK = (f"--thinktime={THINK_SECONDS}s", "--thinktime_blocks_type=issue", "--number_ios=2",
         "--iodepth=1", "--iodepth_batch_submit=1", "--iodepth_batch_complete_min=1")
# For 128 blocks of 256 KiB, and what fio adds to align them.
DEPTH_BUFFERS = "36m"
KICK = "kick"
PROBE = "vblk_probe.ko"
MEMORY = ("cmd_size", "depth", "queues", "own_bytes")
TRACING = "/sys/kernel/tracing"
# How deep an idle vCPU sleeps, and whether it stops its tick, depend on how quick
# the host answers, and with them the instructions of going to sleep and waking up:
# in counted mode it does neither.
COUNTED_APPEND = "cpuidle.off=1 nohz=off"
# make_hugefiles: whose extents count as written, though mke2fs writes no data.
MKE2FS_CONF = """\
[fs_types]
	ext4 = {
		features = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize
	}
	slow = {
		make_hugefiles = true
		num_hugefiles = 2
		hugefiles_size = 64M
		zero_hugefiles = false
		hugefiles_dir = /
		hugefiles_name = file
		hugefiles_digits = 1
	}
"""
# The guest's kernel is quick to boot; a run is measured in seconds. What takes
# this much longer hangs.
PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Disk:
    queues: int
    ring: int               # slots of a virtqueue
    image: Path = None      # None: QEMU's null-co
    latency_us: int = 0
    small_folios: bool = False

    def sectors(self):
        return (IMAGE_MIB if self.image else NULL_MIB) << 11

    def _null(self, mib, zeroes):
        return {"driver": "null-co", "size": mib << 20, "read-zeroes": zeroes,
                "latency-ns": self.latency_us * 1000}

    def _slow_image(self):
        """Data that was never written is read with latency, and all writes take it. The image
        is read first, and null-co only if that fails."""
        null = self._null(IMAGE_MIB, False)
        file = {"driver": "file", "filename": str(self.image), "cache": {"no-flush": True}}
        image = {"driver": "qcow2", "file": file, "backing": null, "cache": {"no-flush": True}}
        return {"driver": "quorum", "vote-threshold": 2, "read-pattern": "fifo",
                "children": [image, null]}

    def args(self, number, direct):
        if self.image and self.latency_us:
            backend = self._slow_image()
        elif self.image:
            host = {"cache": {"direct": direct}, "aio": "native" if direct else "threads"}
            backend = {"driver": "raw", "cache": {"direct": direct},
                       "file": {"driver": "file", "filename": str(self.image), **host}}
        else:
            backend = self._null(NULL_MIB, True)
        return drive(f"disk{number}", backend, queues=self.queues, queue_size=self.ring)


def make_image(path):
    """A raw image with an empty ext4. Says whether O_DIRECT works on it."""
    need_space(path.parent, IMAGE_MIB, "the image for ext4-mixed")
    with open(path, "wb") as image:
        image.truncate(IMAGE_MIB << 20)
    mke2fs = [need_tool("mke2fs", "e2fsprogs"), "-q", "-F", "-t", "ext4",
              "-E", "lazy_itable_init=0,lazy_journal_init=0", path]
    made = subprocess.run(mke2fs, capture_output=True, text=True)
    if made.returncode:
        raise Failure(f"mke2fs failed on {path}: {made.stderr.strip()}")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_DIRECT))
    except OSError:
        return False
    return True


def make_slow_image(path, small_folios):
    """A qcow2 image with an ext4 with two files of 64 MiB, whose data was never written: it is
    the backing file's. With the feature "encrypt", which nothing uses, the page cache has no
    folios larger than a page."""
    raw, settings = path.with_suffix(".raw"), path.with_suffix(".conf")
    settings.write_text(MKE2FS_CONF)
    feature = ["-O", "encrypt"] if small_folios else []
    commands = (
        [need_tool("mke2fs", "e2fsprogs"), "-q", "-F", "-t", "ext4", "-T", "slow", *feature,
         "-E", "lazy_itable_init=0,lazy_journal_init=0", raw, f"{IMAGE_MIB}M"],
        [need_tool("qemu-img", "qemu-utils"), "convert", "-O", "qcow2", raw, path])
    for command in commands:
        made = subprocess.run(command, capture_output=True, text=True,
                              env={**os.environ, "MKE2FS_CONFIG": str(settings)})
        if made.returncode:
            raise Failure(f"{Path(command[0]).name} failed on {path}: {made.stderr.strip()}")
    raw.unlink()
    settings.unlink()


@contextmanager
def booted(boot, kernel, initrd, disks, direct, vcpus, workdir, counter=None):
    """A Bench in a running guest with these disks."""
    args = [word for number, disk in enumerate(disks) for word in disk.args(number, direct)]
    if boot.mode != "counted" or boot.flavour != "plain":
        counter = None
    if counter:
        args += counter.args()
    counted = boot.mode == "counted"
    with Guest(kernel, initrd, cpus=vcpus, icount=counted, args=args, workdir=workdir, cx16=True,
               append=COUNTED_APPEND if counted else "") as guest:
        if boot.flavour == "lockstat":
            guest.sh(f"echo 'p:{KICK} vp_notify' >{TRACING}/kprobe_events && "
                     f"echo 1 >{TRACING}/events/kprobes/{KICK}/enable")
        yield Bench(boot, guest, disks, counter)


class Bench:
    """One guest with all disks of the comparison."""

    def __init__(self, boot, guest, disks, counter):
        self.boot = boot
        self.guest = guest
        self.disks = disks
        self.counter = counter
        self._start_up = {}
        self._passing = {}
        self._prepared = set()

    def disk(self, step):
        """The number of the disk a step works on."""
        for number, disk in enumerate(self.disks):
            if (disk.queues == step.queues and bool(disk.image) == step.workload.files and
                    disk.latency_us == step.boot.latency_us(step.workload) and
                    disk.small_folios == step.workload.small_folios):
                return number
        raise Failure(f"no disk for: {step}")

    def memory(self, variant, queues):
        """What a driver takes for a disk with so many queues."""
        number = next(i for i, disk in enumerate(self.disks) if disk.queues == queues)
        words = ["/bin/sh", "/bench/memory.sh", f"virtio{number}", variant.driver,
                 f"/modules/{variant.module}", *variant.parameters]
        lines = self.guest.sh(f"# memory of {variant.name}\n{shlex.join(words)}",
                              timeout=PATIENCE_SECONDS).out.splitlines()
        found = dict(line.split() for line in lines)
        return {name: int(found[name]) for name in MEMORY}

    def load(self, step):
        words = ["/bin/sh", "/bench/load.sh", str(len(self.disks)),
                 f"/modules/{step.variant.module}", *step.variant.parameters]
        polled = poll_queues(step.workload, step.queues)
        if polled:
            words.append(f"poll_queues={polled}")
        self.guest.sh(shlex.join(words), timeout=PATIENCE_SECONDS)
        name = f"vd{chr(ord('a') + self.disk(step))}"
        size = int(self.guest.sh(f"cat /sys/block/{name}/size").out)
        if size != self.disks[self.disk(step)].sectors():
            raise Failure(f"{step}: {name} has {size} sectors, it is another disk "
                          f"(guest log: {self.guest.log})")
        if step.workload.group:
            self.guest.sh(f"echo {step.workload.scheduler} >/sys/block/{name}/queue/scheduler")
        return name

    def run(self, step):
        """Measure one step; the figures for its record."""
        name = self.load(step)
        if step.workload.files:
            return self._on_files(step, name)
        environment = self._environment(step, f"DISK=/dev/{name}")
        return self._measured(step, name, environment)

    def _environment(self, step, place):
        return " ".join((place, *(f"{key}={value}" for key, value in step.workload.settings)))

    def _on_files(self, step, name):
        environment = self._environment(step, "DIRECTORY=/mnt")
        self.guest.sh(f"mount -t ext4 /dev/{name} /mnt")
        try:
            if not step.workload.group:
                self._fio(step, name, environment, ["--create_only=1"], 0)
            elif (name, step.workload.settings) not in self._prepared:
                # The image grows where it is written for the first time.
                if "write" in dict(step.workload.settings).values():
                    self._fio(step, name, environment, [], 0)
                self._prepared.add((name, step.workload.settings))
            return self._measured(step, name, environment)
        finally:
            self.guest.sh("umount /mnt")

    def _measured(self, step, name, environment):
        seconds = self.boot.seconds(step.workload)
        if seconds:
            length = [f"--runtime={seconds}", "--time_based=1"]
            if self.boot.flavour == "plain":
                length.append(f"--ramp_time={RAMP_SECONDS}")
        elif step.workload.files:
            length = []
        else:
            length = [f"--number_ios={self.boot.ios(step.workload)}"]
        self._scatter(step)
        held_before = self._held(name)
        before = self.counter and self.counter.read()
        found = self._fio(step, name, environment, length, seconds or 0)
        counted = self.counter and self.counter.read() - before
        held = held_before and self._held(name) - held_before
        record = self._record(step, name, found)
        record.update(self._per_io(step, name, environment, counted, held, record["window_ios"],
                                   record["seconds"]))
        return record

    def _scatter(self, step):
        """The buffers of the next fio, which removes them in the end."""
        if step.workload.scattered:
            size = DEPTH_BUFFERS if step.workload.group else ""
            self.guest.sh(f"/bin/sh /bench/scatter.sh {size}")

    def _fio(self, step, name, environment, length, seconds):
        span = max(0, round(seconds - LEAD_SECONDS + RAMP_SECONDS - MARGIN_SECONDS, 2))
        words = ["/bin/sh", "/bench/measure.sh", name, str(LEAD_SECONDS), str(span),
                 step.variant.lock, "--output-format=json", *length,
                 f"/bench/{step.workload.job_file.name}"]
        # The first line is what an error calls the script.
        text = self.guest.sh(f"# {step.workload.name}\n{environment} {shlex.join(words)}",
                             timeout=PATIENCE_SECONDS + seconds).out
        return figures.sections(text)

    def _record(self, step, name, found):
        record = figures.fio(found["fio"], step.workload.files and not step.workload.group)
        device = self.guest.sh(f"basename $(readlink /sys/block/{name}/device)").out.strip()
        if self.boot.flavour == "lockstat":
            record["iops"] = record["mb_per_s"] = record["lat_us"] = None
            record["lock"] = figures.lock(found["lock_stat"], step.variant.lock)
            record["kicks"] = (figures.hits(found["kicks.after"], KICK) -
                               figures.hits(found["kicks.before"], KICK))
        else:
            record["lock"] = record["kicks"] = None
        record["interrupts"] = (figures.interrupts(found["interrupts.after"], device) -
                                figures.interrupts(found["interrupts.before"], device))
        record["vcpu_busy_pct"] = self._busy(found)
        record["window_ios"] = figures.completed(found["disk.before"], found["disk.after"])
        if step.workload.group:
            record.update(self._in_flight(name, found["fio"]))
        return record

    def _in_flight(self, name, fio):
        """What limits the requests in flight: the block layer's number of them, and those that
        have waited in the driver since it was loaded, if it counts them."""
        text = self.guest.sh(f"cat /sys/block/{name}/queue/nr_requests\n"
                             f"cat /sys/kernel/debug/virtio_blk/{name}/counters || true").out
        requests, *lines = text.splitlines()
        return {"nr_requests": int(requests), "max_backlog": figures.max_backlog(lines),
                "stream_iops": figures.second_iops(fio)}

    def _busy(self, found):
        """Not in counted mode: vCPUs that take turns see each other's time as
        theirs."""
        if self.boot.mode == "counted":
            return None
        if "cpu.span" in found:
            return figures.busy_percent(found["cpu.lead"], found["cpu.span"])
        return figures.busy_percent(found["cpu.before"], found["cpu.after"])

    def _held(self, name):
        """What ran under the lock of a disk's virtqueues up to now; None where nothing counts."""
        counters = f"/sys/kernel/debug/virtio_blk/{name}/counters"
        return self.counter and self.counter.holds.read(
            self.guest.sh(f"[ ! -e {counters} ] || cat {counters}").out)

    def _counted_fio(self, step, name, environment, *length):
        """Instructions, those under the lock, I/Os and seconds."""
        self._scatter(step)
        held_before, before = self._held(name), self.counter.read()
        found = self._fio(step, name, environment, length, 0)
        return (self.counter.read() - before, self._held(name) - held_before,
                figures.completed(found["disk.before"], found["disk.after"]),
                figures.runtime(found["fio"]))

    def _per_io(self, step, name, environment, counted, held, ios, seconds):
        """Guest instructions per I/O, see instructions.py and hold.py; only where the amount
        of work can be chosen."""
        if counted is None or step.workload.files:
            return dict.fromkeys(("instructions_per_io", "driver_instructions_per_io",
                                  "instructions_by_area", "functions", *hold.FIGURES))
        held.check(counted)
        key = (step.variant.name, step.workload.name, step.queues)
        if key not in self._start_up:
            self._start_up[key] = self._counted_fio(step, name, environment, "--number_ios=1")
        start_up, held_at_start, done, _ = self._start_up[key]
        if step.workload.name not in self._passing:
            thinking, _, _, span = self._counted_fio(step, name, environment, *THINK)
            if span < THINK_SECONDS:
                raise Failure(f"fio thought for {span} s instead of {THINK_SECONDS} s")
            self._passing[step.workload.name] = (thinking - start_up) * (1 / span)
        counted = counted - start_up - self._passing[step.workload.name] * seconds
        areas = {area: round(number / (ios - done), 1)
                 for area, number in counted.by_area().items()}
        return {"instructions_per_io": round(counted.all / (ios - done), 1),
                "driver_instructions_per_io": round(sum(areas[area] for area in DRIVER), 1),
                "instructions_by_area": areas,
                "functions": {key: number / (ios - done)
                              for key, number in counted.by_function().items()},
                **hold.figures(held - held_at_start, ios - done)}
