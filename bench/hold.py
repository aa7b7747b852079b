# SPDX-License-Identifier: GPL-2.0-only
"""Instructions under the virtqueue's lock, function by function, as the QEMU
plugin insns/hold.c counts them: on the plain kernel, where allocating under a
lock costs what it costs users, and not what lockdep makes of it.

Nothing is known of a driver but that its module calls the kernel's spinlock
functions. What else must agree in each run: an acquisition has its release, there
are as many as the driver has counted, if it does count them, and what the ring
wants serialised runs nowhere else.
"""

from array import array
from collections import Counter as Sums

from bench import symbols
from harness.util import Failure

# insns/hold.c has the same.
LOCK, TRYLOCK, UNLOCK, RING, MODULES, MODULES_END = range(1, 7)
FUNCTIONS = (("_raw_spin_lock", LOCK), ("_raw_spin_trylock", TRYLOCK),
             ("_raw_spin_unlock", UNLOCK))
ENDINGS = ("", "_irqsave", "_irqrestore", "_irq", "_bh")
ACQUISITIONS, UNPAIRED, OTHER_LOCKS, EVENTS = range(4)
FIGURES = ("hold_instructions_per_io", "hold_acquisitions_per_io", "hold_by_function")
# For what is under way when a run begins or ends.
TOLERANCE = 0.005
# Of a function, to be named in results.json.
LEAST_INSTRUCTIONS = 0.05


class Held:
    """What ran under the lock, in instructions of each span."""

    def __init__(self, spans, numbers, own):
        self._spans = spans
        self._numbers = numbers
        self._own = own     # acquisitions as the driver has counted them, or None

    def __sub__(self, other):
        return Held(self._spans, [a - b for a, b in zip(self._numbers, other._numbers)],
                    None if self._own is None else self._own - other._own)

    @property
    def acquisitions(self):
        return self._numbers[ACQUISITIONS]

    @property
    def instructions(self):
        return sum(self._numbers[EVENTS:])

    def by_function(self):
        sums = Sums()
        for span, number in zip(self._spans, self._numbers[EVENTS:]):
            if number:
                sums[span.area, span.function] += number
        return sums

    def check(self, counted):
        """counted: all instructions of the same run."""
        unpaired, own = self._numbers[UNPAIRED], self._own
        if not self.acquisitions:
            raise Failure("the instruction counter saw nobody take the virtqueue's lock")
        if unpaired > TOLERANCE * self.acquisitions:
            raise Failure(f"the instruction counter saw {self.acquisitions} acquisitions of the "
                          f"virtqueue's lock, and {unpaired} with no release or no beginning")
        if own is not None and abs(own - self.acquisitions) > TOLERANCE * own:
            raise Failure(f"the instruction counter saw {self.acquisitions} acquisitions of the "
                          f"virtqueue's lock, the driver {own}")
        self._check_ring(counted.by_function())

    def _check_ring(self, counted):
        """Whatever the ring spends most in, adding to it or taking from it, has to be serialised:
        no driver runs it but under the lock."""
        ring = {key: number for key, number in self.by_function().items()
                if key[0] == symbols.RING}
        busiest = max(ring, key=ring.get)
        if abs(counted[busiest] - ring[busiest]) > TOLERANCE * counted[busiest]:
            raise Failure(f"the instruction counter saw {ring[busiest]} instructions of "
                          f"{busiest[1]} under the virtqueue's lock, and {counted[busiest]} in all")


class Holds:
    """The part of the instruction counter that is about the lock."""

    def __init__(self, kernel, spans, workdir):
        self._spans = spans
        self._calls = workdir / "insns.calls"
        self._calls.write_bytes(array("Q", [word for place in _places(kernel, spans)
                                            for word in place]))
        self._held = workdir / "insns.held"
        self._held.write_bytes(bytes(8 * (EVENTS + len(spans))))

    def args(self):
        return {"calls": self._calls, "held": self._held}

    def read(self, counters):
        """counters: the driver's debugfs file, empty if it has none."""
        return Held(self._spans, array("Q", self._held.read_bytes()), _own(counters))


def _places(kernel, spans):
    """(address, what is there) of all that the plugin has to know."""
    kinds = {name + ending: kind for name, kind in FUNCTIONS for ending in ENDINGS}
    found = [(address, kinds[name]) for address, name in symbols.functions(kernel)
             if name in kinds]
    missing = {LOCK, TRYLOCK, UNLOCK} - {kind for _, kind in found}
    if missing:
        names = [f"{name}*" for name, kind in FUNCTIONS if kind in missing]
        raise Failure(f"{kernel} has no function {', '.join(names)}: without them, what runs "
                      f"under a lock cannot be counted")
    found += [(span.start, RING) for span in spans if span.area == symbols.RING]
    return [*found, (symbols.MODULES[0], MODULES), (symbols.MODULES[1], MODULES_END)]


def _own(counters):
    """Acquisitions of all queues."""
    lines = [line.split() for line in counters.splitlines()]
    if not lines or "acquisitions" not in lines[0]:
        return None
    column = lines[0].index("acquisitions")
    return sum(int(line[column]) for line in lines[1:])


def figures(held, ios):
    """For a run's record."""
    areas = {}
    for (area, function), number in held.by_function().most_common():
        if number >= LEAST_INSTRUCTIONS * ios:
            areas.setdefault(area, {})[function] = round(number / ios, 1)
    return dict(zip(FIGURES, (round(held.instructions / ios, 1),
                              round(held.acquisitions / ios, 3), areas)))
