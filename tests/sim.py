# SPDX-License-Identifier: GPL-2.0-only
"""Devices of virtio_blk_sim, which runs in the guest's own kernel: see tests/kunit/README.md."""

import contextlib
import re
import shlex
from collections import namedtuple

DRIVER = '/sys/bus/platform/drivers/virtio_blk_sim'
ZONE = re.compile(r'start: (\w+), len (\w+), cap (\w+), wptr (\w+) .*zcond:\s*(\d+)\(\w+\) \[type: (\d)')
Request = namedtuple('Request', 'type ioprio sector out_len in_len segments status')
# One process less is a tenth of a second in a slow guest: a test's devices come in one script and go in another.
LIST = f'''for folder in {DRIVER}/virtio_blk_sim.*; do
    read -r serial < $folder/serial
    while read -r name violations && [ $name != violations ]; do :; done < $folder/stats
    echo $serial $folder $violations $folder/virtio* $folder/virtio*/block/*
done'''


class Device:
    """One device; `virtio` is its name on the bus, `disk` its disk's if the driver was there before."""

    def __init__(self, g, serial, folder, virtio, disk):
        self.g, self.serial, self.folder, self.virtio, self.disk = g, serial, folder, virtio, disk

    @property
    def dev(self):
        return f'/dev/{self.disk}'

    def queue(self, *attributes):
        """The values of attributes of the disk's queue, as text."""
        folder = f'/sys/block/{self.disk}/queue'
        return self.g.out(f'cd {folder}; cat {" ".join(attributes)}').splitlines()

    def set(self, file, value):
        self.g.sh(f'echo {shlex.quote(str(value))} > {self.folder}/{file}')

    def fault(self, name, times=1):
        self.set('faults', f'{name} {times}')

    def stats(self):
        lines = self.g.out(f'cat {self.folder}/stats').splitlines()
        return {name: int(value) for name, value in map(str.split, lines)}

    def requests(self, kind):
        """The newest requests of a type, as the device got them."""
        rows = (Request(*map(int, line.split())) for line in self.g.out(f'cat {self.folder}/requests').splitlines())
        return [row for row in rows if row.type == kind]

    @contextlib.contextmanager
    def counting(self):
        """Yields a dictionary, which at the end of the block holds what the device did meanwhile (no zeroes)."""
        before, done = self.stats(), {}
        yield done
        done.update({name: value - before[name] for name, value in self.stats().items() if value != before[name]})

    def zones(self, options='', command=''):
        """[(start, length, capacity, write pointer from the start on, condition, type)] in sectors, after a command."""
        text = self.g.out(f'set -e\n{command}\nblkzone report {options} {self.dev}')
        found = [tuple(int(word, 0) for word in match) for match in ZONE.findall(text)]
        assert len(found) == len(text.splitlines()), f'blkzone said: {text[:500]}'
        return found


@contextlib.contextmanager
def devices(g, *options):
    """Devices, each made of a line that begins with its serial; they and the simulator are gone at the end."""
    make = ''.join(f'echo {shlex.quote(f"serial={line}")} > {DRIVER}/new_device\n' for line in options)
    made = listed(g, f'set -e\ninsmod /modules/virtio_blk_sim.ko\n{make}{LIST}')
    yield [Device(g, serial, folder, virtio.split('/')[-1], block.split('/')[-1])
           for serial, folder, _, virtio, block in made]
    # After a failure the guest is given up, with all that is in it.
    for serial, _, violations, *_ in listed(g, f'{LIST}\nrmmod virtio_blk_sim'):
        assert violations == '0', f'{serial}: {violations} violations of the specification'


def listed(g, script):
    return [line.split(' ') for line in g.out(script).splitlines()]


@contextlib.contextmanager
def device(g, options):
    with devices(g, options) as (one,):
        yield one
