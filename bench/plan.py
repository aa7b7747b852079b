# SPDX-License-Identifier: GPL-2.0-only
"""What the comparison runs, in which order, and how long each piece takes."""

import re
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from harness.util import Failure

JOBS = Path(__file__).parent / "jobs"

REFERENCE = "in-tree"
MODES = ("counted", "parallel")
FLAVOURS = ("plain", "lockstat")
# Longer than what the guest still executes before it is idle.
LATENCY_US = 100


@dataclass(frozen=True)
class Variant:
    name: str
    module: str             # file name in the guest's /modules
    lock: str               # lockdep's name of the class, from spin_lock_init()
    driver: str             # its name on the virtio bus
    polls: bool = True      # has poll queues
    compared: bool = True   # some target is about it
    usual: bool = True      # runs unless others are asked for
    parameters: tuple = ()  # of the module


PATCHED = "patched/virtio_blk.ko"     # the kernel's own driver with patches/
VARIANTS = {variant.name: variant for variant in (
    Variant("2010", "virtio_blk_2010.ko", "&vblk->lock", "virtio_blk_2010", polls=False,
            compared=False),
    Variant("in-tree", "in-tree/virtio_blk.ko", "&vblk->vqs[i].lock", "virtio_blk"),
    Variant("virtio_blk", "virtio_blk.ko", "&q->lock", "virtio_blk"),
    Variant("patched", PATCHED, "&vblk->vqs[i].lock", "virtio_blk", usual=False),
)}
PARAMETER = re.compile(r"\w+=[\w-]+")


def variant(word):
    """A variant by its name, with parameters for its module or without:
    virtio_blk:indirect=0:queue_depth=64."""
    name, *parameters = word.split(":")
    if name not in VARIANTS:
        raise Failure(f"unknown variant '{name}': {', '.join(VARIANTS)}")
    for parameter in parameters:
        if not PARAMETER.fullmatch(parameter):
            raise Failure(f"variant '{word}': '{parameter}' is not NAME=VALUE")
    return replace(VARIANTS[name], name=word, parameters=tuple(parameters))


def variants(words):
    """Those of a list of names, each once, in its order."""
    return [variant(word) for word in _words("variant", words, VARIANTS)]


@dataclass(frozen=True)
class Workload:
    name: str
    jobs: int                   # threads of the job file
    ios: int                    # I/Os of all threads in counted mode
    targets: tuple = ()         # modes and flavours that one of the project's targets is of
    polls: bool = False         # needs poll queues
    files: bool = False         # a fixed amount of work on a file system
    usual: bool = True          # runs unless others are asked for
    scattered: bool = False     # buffers in pages that are nowhere next to each other
    sleeps: bool = False        # in counted mode, each I/O shall outlast the vCPU's work
    # What follows is for the workloads of bench/depth.py.
    group: str = ""             # those that are chosen by one name
    job: str = ""               # the job file, if it has another name
    settings: tuple = ()        # the job file's environment, (name, value)
    latency_us: int = 0         # the disk's in parallel mode
    scheduler: str = "none"
    only_queues: tuple = ()     # not on devices with others
    small_folios: bool = False  # the file system's page cache has none larger than a page
    seconds: int = 1            # in parallel mode
    many: bool = False          # too noisy for a few runs

    @property
    def job_file(self):
        return JOBS / (self.job or f"{self.name}.fio")


WORKLOADS = {workload.name: workload for workload in (
    Workload("uring-batch", 4, 40_000, targets=tuple(product(MODES, FLAVOURS))),
    Workload("uring-batch-write", 4, 20_000),
    Workload("threads16", 16, 16_000),
    Workload("qd1", 1, 8_000, targets=(("counted", "plain"),), sleeps=True),
    Workload("uring-poll", 4, 20_000, polls=True),
    Workload("ext4-mixed", 4, 16_384, files=True),
    Workload("uring-large", 4, 8_000, usual=False, scattered=True),
)}


@dataclass(frozen=True)
class Boot:
    """One guest: a mode, a kernel flavour, and the rounds to measure in it."""
    mode: str
    flavour: str

    def targeted(self, workload):
        return (self.mode, self.flavour) in workload.targets

    def latency_us(self, workload):
        """The disk's. Without, whether an I/O ends before its vCPU is idle is up to
        the host: a race, and thousands of instructions."""
        if self.mode == "counted":
            return LATENCY_US if workload.sleeps else 0
        return workload.latency_us

    def rounds(self, workload, variant, runs):
        """How often a workload is measured for a variant."""
        if workload.group:
            return runs + 1 if workload.many else (runs + 1) // 2
        targeted = self.targeted(workload) and variant.compared
        if self.mode == "parallel":
            if self.flavour == "lockstat":
                return 1
            # A host's speed changes within seconds: many short runs say more than few long ones.
            return 3 * runs if targeted else runs
        if not targeted:
            return 1
        # Instructions repeat. Holds do not: most likely a vCPU loses its turn while it
        # holds the lock, and how often is up to the host.
        return min(runs, 2 if self.flavour == "plain" else 5)

    def seconds(self, workload):
        """How long the measured part lasts; None where the work is fixed."""
        if self.mode == "counted" or workload.files:
            return None
        if self.flavour == "lockstat":
            return 3 if self.targeted(workload) else 1
        return workload.seconds

    def ios(self, workload):
        """I/Os of each job where their number is fixed; lockdep is slow."""
        return workload.ios // workload.jobs // (2 if self.flavour == "lockstat" else 1)


@dataclass(frozen=True)
class Step:
    """One fio run of one variant."""
    boot: Boot
    variant: Variant
    workload: Workload
    queues: int
    run: int

    def __str__(self):
        plural = "" if self.queues == 1 else "s"
        return (f"{self.boot.mode}, {self.boot.flavour} kernel, {self.queues} queue{plural}, "
                f"{self.workload.name}, {self.variant.name}")


def skipped(workload, variant, queues):
    """Why a variant cannot run a workload, or None."""
    if workload.polls and queues == 1:
        return "the only queue cannot be a poll queue"
    if workload.polls and not variant.polls:
        return "the baseline has no poll queues"
    if workload.group and not variant.compared:
        return f"the baseline is no part of '{workload.group}'"
    if workload.only_queues and queues not in workload.only_queues:
        counts = " or ".join(map(str, workload.only_queues))
        return f"'{workload.name}' is about devices with queues: {counts}"
    return None


def poll_queues(workload, queues):
    return queues // 2 if workload.polls else 0


def boots(modes):
    return [Boot(mode, flavour) for mode in modes for flavour in FLAVOURS]


def chosen(boot, workloads, modes):
    """The workloads of a boot: with both modes, counted mode is for the targets
    that are defined in it, or a comparison would take half an hour. Groups are about IOPS
    that were not slowed down."""
    if (boot.mode, boot.flavour) != ("parallel", "plain"):
        workloads = [workload for workload in workloads if not workload.group]
    if len(modes) == 1 or boot.mode == "parallel":
        return workloads
    return [workload for workload in workloads if boot.targeted(workload)]


def steps(boot, variants, workloads, queues, runs):
    """A boot's runs. Variants take turns, and every other round in reverse,
    so that what the host does meanwhile falls on all of them."""
    plan = []
    last = max((boot.rounds(w, v, runs) for w in workloads for v in variants), default=0)
    for run in range(1, last + 1):
        order = variants if run % 2 else variants[::-1]
        plan += [Step(boot, variant, workload, count, run)
                 for workload in workloads
                 for count in queues
                 for variant in order
                 if run <= boot.rounds(workload, variant, runs)
                 and not skipped(workload, variant, count)]
    return plan


def _words(kind, words, known):
    names = list(dict.fromkeys(words.replace(",", " ").split()))
    if not names:
        raise Failure(f"no {kind} given: {', '.join(known)}")
    return names


def choose(kind, words, known):
    """The members of known named by a comma-separated list, in known's order."""
    names = _words(kind, words, known)
    for name in names:
        if name not in known:
            raise Failure(f"unknown {kind} '{name}': {', '.join(known)}")
    return [name for name in known if name in names]
