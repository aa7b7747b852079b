# SPDX-License-Identifier: GPL-2.0-only
"""From what guest/measure.sh prints to the figures of one run."""

import json
import re

from harness.util import Failure

FIO_PERCENTILES = {"p50": "50.000000", "p99": "99.000000", "p999": "99.900000"}
# In /proc/lock_stat a name is followed by these twelve columns.
CONTENTIONS, WAIT_TOTAL, ACQUISITIONS, HOLD_TOTAL = 1, 4, 7, 10


def sections(text):
    found = {}
    for part in re.split(r"^@@ ", text, flags=re.MULTILINE)[1:]:
        name, _, body = part.partition("\n")
        found[name] = body
    return found


def fio(text, files):
    """What fio measured. Where it verifies (files), reading back counts as
    reads there: its reads minus its writes are the workload's, as each block
    is written once and read back once."""
    try:
        job = json.loads(text[text.index("{"):])["jobs"][0]
        read, write = job["read"], job["write"]
        if files:
            parts, milliseconds = [write], write["runtime"]
            ios = read["total_ios"]
        else:
            parts = [part for part in (read, write) if part["total_ios"]]
            milliseconds = max(part["runtime"] for part in parts)
            ios = sum(part["total_ios"] for part in parts)
        if job["error"] or not ios or not milliseconds:
            raise Failure(f"fio reports error {job['error']}, {ios} I/Os in {milliseconds} ms")
        block = int(job["job options"]["bs"].rstrip("k")) * 1024
        # Nanoseconds; the runtime is in milliseconds only.
        percentiles = parts[0]["clat_ns"]["percentile"]
    except (ValueError, LookupError) as error:
        raise Failure(f"fio's output cannot be read: {error!r}") from error
    seconds = milliseconds / 1000
    return {
        "ios": ios,
        "seconds": seconds,
        "iops": round(ios / seconds, 1),
        "mb_per_s": round(ios * block / seconds / 1e6, 2),
        "lat_us": {name: percentiles[key] / 1000 for name, key in FIO_PERCENTILES.items()},
    }


def second_iops(text):
    """What the second job of a fio run read, or None."""
    jobs = json.loads(text[text.index("{"):])["jobs"]
    return round(jobs[1]["read"]["iops"], 1) if len(jobs) > 1 else None


def max_backlog(lines):
    """The longest of all queues, from the driver's counters; None without counters."""
    rows = [line.split() for line in lines]
    if not rows or "max_backlog" not in rows[0]:
        return None
    column = rows[0].index("max_backlog")
    return max(int(row[column]) for row in rows[1:])


def runtime(text):
    """Seconds that the I/O of a fio run took."""
    job = json.loads(text[text.index("{"):])["jobs"][0]
    return max(job[kind]["runtime"] for kind in ("read", "write")) / 1000


def busy_percent(before, after):
    """Share of the vCPUs' time that was not idle, from two /proc/stat lines."""
    delta = [b - a for a, b in zip(_numbers(before), _numbers(after))]
    # user nice system idle iowait irq softirq steal; guest time is in user.
    total = sum(delta[:8])
    return round(100 * (total - delta[3] - delta[4]) / total, 1) if total else None


def _numbers(line):
    return [int(word) for word in line.split()[1:]]


def completed(before, after):
    """I/Os a disk completed between two readings of its stat file."""
    first, last = before.split(), after.split()
    # reads, writes, discards, flushes
    return sum(int(last[column]) - int(first[column])
               for column in (0, 4, 11, 15) if column < len(last))


def interrupts(text, device):
    """All interrupts of a virtio device, from /proc/interrupts."""
    cpus = len(text.splitlines()[0].split())
    name = re.compile(rf"\b{re.escape(device)}(-|$|,)")
    return sum(sum(int(word) for word in line.split()[1:cpus + 1])
               for line in text.splitlines() if name.search(line))


def hits(profile, event):
    """How often a kprobe was hit, from kprobe_profile. A missed hit is one that
    came while its CPU was in a kprobe already: the function ran all the same."""
    for line in profile.splitlines():
        words = line.split()
        if words and words[0] == event:
            return int(words[1]) + int(words[2])
    raise Failure(f"the kprobe '{event}' is not in kprobe_profile")


def lock(text, name):
    """Totals of a lock class, over all classes of that name: several inits
    give #2, lockdep subclasses /1."""
    for line in text.splitlines():
        if "WARNING" in line:
            raise Failure(f"lock_stat: {line.strip()}")
    row = re.compile(rf"^\s*{re.escape(name)}(#\d+)?(/\d+)?:((?:\s+[\d.]+){{12}})\s*$")
    rows = [[float(word) for word in match[3].split()]
            for match in map(row.match, text.splitlines()) if match]
    if not rows:
        raise Failure(f"lock_stat has no lock class '{name}'")

    def total(column):
        return sum(row[column] for row in rows)
    return {
        "acquisitions": int(total(ACQUISITIONS)),
        "contentions": int(total(CONTENTIONS)),
        "wait_us": round(total(WAIT_TOTAL), 2),
        "hold_us": round(total(HOLD_TOTAL), 2),
    }
