# SPDX-License-Identifier: GPL-2.0-only
"""Does the kernel keep more and more? Counted in the same state each time: no module of ours, no cache that can go."""

import itertools
import re
import statistics

from tests.run_boot import find_leaks

# For the kernel's command line: who has allocated what is still there.
APPEND = 'slub_debug=U'
# What debugging tools keep about the objects of others, and bios, of which each processor keeps some hundred.
OTHERS = re.compile('debug_objects_cache|kmemleak_.*|bio-.*')
LEAST = 4           # samples, to tell growth from chance
TOLERANCE = 4       # objects of a cache more in each turn
# KASAN keeps freed objects for a while, SLUB on each processor; to shrink a cache gets both back. Names in a cache
# have a second chance, and hold on to what they named: of a disk that is gone, too.
COUNT = '''cd /sys/kernel/slab
    for round in 1 2 3 4; do
        sync; echo 3 > /proc/sys/vm/drop_caches
        for cache in *; do [ -L $cache ] || echo 1 > $cache/shrink; done
        sleep 1
    done
    sed 1,2d /proc/slabinfo'''
# One line for each place: cache, objects, functions from the innermost on.
TRACES = r'''cd /sys/kernel/debug/slab && for cache in *; do awk -v cache=$cache '
    /^ *[0-9]+ / { if (n) print cache, n, stack; n = $1; stack = ""; next }
    NF { sub(/\+0x.*/, "", $1); stack = stack " " $1 }
    END { if (n) print cache, n, stack }' $cache/alloc_traces; done'''
REMEMBERED = '/tmp/soak.traces'


def sample(g):
    """{slab cache: (objects, bytes)}"""
    find_leaks(g)
    g.sh('rm -f /tmp/.[0-9]*')      # what the guest keeps of commands
    rows = (line.split() for line in g.out(COUNT).splitlines())
    counted = {name: (int(objects), int(objects) * int(size)) for name, objects, _, size, *_ in rows}
    assert counted, 'the guest shows no slab'
    return {name: count for name, count in counted.items() if not OTHERS.fullmatch(name)}


def objects(one):
    return sum(count for count, _ in one.values())


def total(one):
    return sum(size for _, size in one.values())


def grown(samples):
    """{cache: objects more in each turn} for those that hold more after each turn than after the one before: the median
    of the slopes between any two samples."""
    if len(samples) < LEAST:
        return {}
    more = {}
    for cache in set().union(*samples):
        counts = [sample.get(cache, (0, 0))[0] for sample in samples]
        slope = statistics.median((late - early) / (at - before) for (before, early), (at, late)
                                  in itertools.combinations(enumerate(counts), 2))
        if slope > TOLERANCE and counts == sorted(counts):
            more[cache] = slope
    return more


def remember(g):
    """Who holds what, to be compared with later. To look costs memory once: it is done before anything is counted."""
    g.sh(f'{{ {TRACES}; }} > {REMEMBERED}')


def explain(g, caches, most=12):
    """Which functions hold more than was remembered, those that hold most more first."""
    def held(command):
        counts = {}
        for line in g.out(f"{command} | grep -E '^({'|'.join(caches)}) '").splitlines():
            cache, count, stack = line.split(' ', 2)
            counts[cache, stack.strip()] = counts.get((cache, stack.strip()), 0) + int(count)
        return counts

    before, now = held(f'cat {REMEMBERED}'), held(f'{{ {TRACES}; }}')
    more = sorted(((now.get(key, 0) - before.get(key, 0), key) for key in {**before, **now}), reverse=True)
    return '\n'.join(f'{count:+} {cache}: {stack}' for count, (cache, stack) in more[:most] if count > 0)
