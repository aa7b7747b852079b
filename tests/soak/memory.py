# SPDX-License-Identifier: GPL-2.0-only
"""Does the kernel keep more and more? Counted in the same state each time: no module of ours, no cache that can go."""

from tests.run_boot import find_leaks

# KASAN keeps freed objects for a while, SLUB on each processor; to shrink a cache gets both back.
COUNT = '''sync; echo 3 > /proc/sys/vm/drop_caches
    cd /sys/kernel/slab
    for round in 1 2; do
        for cache in *; do [ -L $cache ] || echo 1 > $cache/shrink; done
        sleep 2
    done
    sed 1,2d /proc/slabinfo'''


def sample(g):
    """{slab cache: (objects, bytes)}"""
    find_leaks(g)
    g.sh('rm -f /tmp/.[0-9]*')      # what the guest keeps of commands
    rows = (line.split() for line in g.out(COUNT).splitlines())
    counted = {name: (int(objects), int(objects) * int(size)) for name, objects, _, size, *_ in rows}
    assert counted, 'the guest shows no slab'
    return counted


def total(one):
    return sum(size for _, size in one.values())


def grown(samples, tolerance):
    """{cache: objects more} for those that hold more at best in the second half than they held at best in the first.

    Who waits for RCU or a worker is in some samples only; a leak is in all that follow.
    """
    half = len(samples) // 2
    caches = set().union(*samples)
    more = {cache: least(samples[half:], cache) - least(samples[:half], cache) for cache in caches}
    return {cache: count for cache, count in more.items() if count > tolerance}


def least(samples, cache):
    return min(sample.get(cache, (0, 0))[0] for sample in samples)
