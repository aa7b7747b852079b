# SPDX-License-Identifier: GPL-2.0-only
"""Which lines of a kernel log mean that something went wrong."""

import re

TROUBLE = re.compile("|".join((
    r"WARNING:", r"\bBUG(:(?! KCSAN)| )", r"\bOops\b", r"general protection", r"Call Trace:",
    r"Kernel panic", r"INFO: task .* blocked for more than", r"soft lockup", r"hard LOCKUP",
    r"rcu.*detected .*stall", r"INFO: rcu", r"workqueue lockup", r"Out of memory:", r"segfault at",
    # lockdep
    r"possible .* detected", r"inconsistent lock state", r"bad unlock balance",
    r"suspicious RCU", r"held lock freed", r"lock held when returning", r"still has locks held",
    r"INFO: trying to register non-static key", r"DEBUG_LOCKS_WARN_ON",
    r"Invalid wait context", r"scheduling while atomic",
    # data races, if an access is in a module of ours: the kernel has many of its own
    r"BUG: KCSAN: .*\[virtio_blk\w*\]",
    # memory and lists
    r"\bKASAN:", r"\bUBSAN:", r"unreferenced object", r"new suspected memory leak",
    r"DMA-API: (?!preallocated|debugging enabled)", r"list_(add|del) corruption",
    r"refcount_t:", r"ODEBUG:", r"Object already free", r"Bad page (state|map)",
    # devices
    r"irq \d+: nobody cared", r"virtio.*: id \d+ .*not a head", r"virtqueue.*broken",
    r"EXT4-fs error", r"JBD2: .*[Ee]rror",
)))


def first_trouble(text, allow=()):
    """The first line that tells of trouble and that no pattern in allow matches."""
    allowed = [re.compile(pattern) for pattern in allow]
    for line in text.splitlines():
        if TROUBLE.search(line) and not any(pattern.search(line) for pattern in allowed):
            return line.strip()
    return None


# "[   12.345678]  foo+0x12/0x34 [virtio_blk]", and what a stack begins with.
FRAME = re.compile(r"^\[ *[\d.]+\](?:\[ *\w+\])? +(?:RIP: \w+:)?([\w.]+)\+0x\w+/0x\w+")
OWNER = re.compile(r"^\[ *[\d.]+\](?:\[ *\w+\])? (task:\S+ +state:\w|CPU: \d+)")
# What a kernel thread is in that has nothing to do, or a task that was told to wait until all are awake again.
IDLE = re.compile(r"__schedule < schedule < (worker_thread|rescuer_thread|smpboot_thread_fn|kthreadd|"
                  r"kthread_worker_fn|\w+_kthread|kthread|irq_thread|kswapd|ksoftirqd|oom_reaper|"
                  r"kcompactd|khvcd|kauditd|__refrigerator)\b")
# What a disk has not answered yet: reads and writes.
IN_FLIGHT = re.compile(r"/sys/block/(\S+)/inflight: +(\d+) +(\d+)")


def stacks(text):
    """Who is where: a line for each processor, for each task that does or awaits something, in a panic's report or
    SysRq's, and for each disk with requests in flight."""
    found, disks = [], []
    for line in text.splitlines():
        owner, frame, disk = OWNER.match(line), FRAME.match(line), IN_FLIGHT.search(line)
        if disk:
            disks.append(f"{disk[1]} has {disk[2]} reads and {disk[3]} writes in flight")
        if owner:
            found.append([owner[1]])
        elif frame and found:
            found[-1].append(frame[1])
    lines = [f"{' '.join(stack[0].split())} in {' < '.join(stack[1:])}" for stack in found if len(stack) > 1]
    return disks + [line for line in dict.fromkeys(lines) if not IDLE.search(line)]
