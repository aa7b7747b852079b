# SPDX-License-Identifier: GPL-2.0-only
"""Verified I/O on many disks while what can happen to a guest happens at random: make soak MINUTES= SEED= ACTIONS=

Ends with exit code 1 at the first wrong byte, hang, line of trouble in the kernel log, leak, or growth of the slab.
"""

import argparse
import json
import random
import shutil
import statistics
import sys
import time
from pathlib import Path

from harness import initramfs, kernel
from harness.qemu import Guest
from harness.util import Failure, duration, run_main
from tests import boots, checks, run, run_boot
from tests.boot import MIB, Boot, disk
from tests.machine import Machine
from tests.soak import actions, memory
from tests.soak.work import FILE_SYSTEM, Work

FLAVOUR = 'kasan'
MAX_MINUTES, MAX_SEED = 10080, (1 << 32) - 1
BAD = {**boots.FAULT, 'inject-error': [
    {'event': 'none', 'iotype': kind, 'errno': 5, 'sector': actions.BAD_SECTOR} for kind in ('read', 'write')]}
# Not q35: see boots.SUSPEND. Memory enough for an image of it.
BOOT = Boot('soak', (
    disk('1q'),
    disk('4q', {'num-queues': boots.QUEUES}),
    boots.ring('packed', True, queues=boots.QUEUES),
    boots.ring('ring16', queues=2, options={'queue-size': 16}),
    disk('bad-sector', filters=(BAD,)),
    disk(FILE_SYSTEM),
    disk('plug-1q', plugged=False),
    disk('plug-4q', {'num-queues': boots.QUEUES}, plugged=False),
    boots.ring('plug-packed', True, plugged=False),
    boots.ring('plug-ring16', indirect=False, options={'queue-size': 16}, plugged=False),
), machine='pc', mem='1G', append='acpi=noirq', channel='virtio')
HELPER = 'virtio_blk_sim'


class Soak:
    def __init__(self, g, options):
        self.g, self.options = g, options
        self.work = Work(g, random.Random(f'{options.seed} work'))
        self.sims, self.done, self.samples = {}, [], []
        self.started = time.monotonic()
        self.name, self.what = 'start', ''

    @property
    def elapsed(self):
        return time.monotonic() - self.started

    @property
    def left(self):
        return self.options.minutes * 60 - self.elapsed

    def say(self, what):
        """What the action is about to do."""
        self.what = what

    def run(self):
        """Turn after turn, of all the actions each; memory is counted after a whole turn, when the same was done."""
        memory.remember(self.g)
        while self.left > 0:
            self.g.load(actions.BASE)
            with actions.simulated(self.g) as self.sims:
                self.work.begin(actions.WORKING)
                whole = self.turn(len(self.samples))
                self.name, self.what = 'end of a turn', ''
                self.work.stop(*actions.WORKING)
            if whole:
                self.look_at_memory()

    def turn(self, number):
        """All actions, in an order that only the seed decides. Whether the time was enough."""
        order = list(self.options.actions)
        random.Random(f'{self.options.seed} turn {number}').shuffle(order)
        for action in order:
            if self.left <= 0:
                return False
            self.act(action)
        return True

    def act(self, action):
        number = len(self.done)
        self.name, self.what, begun = action.__name__, '', time.monotonic()
        action(self, random.Random(f'{self.options.seed} action {number}'))
        self.work.check()
        self.g.guest.check_log()
        self.done.append({'action': self.name, 'what': self.what, 'seconds': round(time.monotonic() - begun, 1)})
        log(f'[{clock(self.elapsed)}, {clock(max(self.left, 0))} left] {number + 1} {self.name}: {self.what} '
            f'({self.done[-1]["seconds"]} s)')

    def look_at_memory(self):
        self.name = 'memory'
        self.g.unload()
        self.samples.append(memory.sample(self.g))
        self.g.guest.check_log()
        log(f'[{clock(self.elapsed)}] memory: {memory.objects(self.samples[-1])} objects, '
            f'{memory.total(self.samples[-1]) >> 10} KiB of slab; no leak found')
        steady = self.samples[1:]       # the first turn is to warm up
        if len(steady) == 1:
            memory.remember(self.g)
        more = memory.grown(steady)
        assert not more, f'slab caches grow, by objects in {len(steady) - 1} turns: {more}\n{memory.explain(self.g, more)}'


def clock(seconds):
    return f'{int(seconds) // 60:3d}:{int(seconds) % 60:02d}'


def log(text):
    print(text, flush=True)


def main():
    options = arguments()
    checks.DRIVER = options.driver.absolute()
    source = kernel.resolve(options.kernel)
    out = options.out.absolute()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    repeat = f'make soak SEED={options.seed} MINUTES={options.minutes} KERNEL={options.kernel}'
    if len(options.actions) < len(actions.ACTIONS):
        repeat += f' ACTIONS={",".join(action.__name__ for action in options.actions)}'
    log(f'seed {options.seed}; to repeat: {repeat}')
    built = kernel.build(source, options.flavour)
    modules = {f'{name}.ko': checks.build(built, out, name) for name in ('virtio_blk', HELPER)}
    initrd = shutil.copy(initramfs.build(built, modules=modules), out)
    guest = Guest(built, initrd, mem=BOOT.mem, machine=BOOT.machine, args=BOOT.qemu_args(out), workdir=out,
                  append=f'{run_boot.APPEND} {memory.APPEND} {BOOT.append}', channel=BOOT.channel)
    with guest:
        log(f'{built}, Linux {built.release}, {guest.accel}: the guest is up (log: {guest.log})')
        soak = Soak(Machine(guest, BOOT, out, built), options)
        finding = None
        try:
            soak.run()
            guest.close()
        except (Exception, KeyboardInterrupt) as error:
            what = run_boot.explain(error) if isinstance(error, Exception) else 'interrupted'
            finding = f'action {len(soak.done) + 1}, {soak.name} ({soak.what}): {what}'
            guest.close(check=False)
    for image in out.glob('*.img'):
        image.unlink()
    return report(soak, built, out, finding, repeat)


def report(soak, built, out, finding, repeat):
    log(f'\n{"action":12} {"times":>6} {"median s":>9} {"longest s":>10}')
    for action in actions.ACTIONS:
        times = [one['seconds'] for one in soak.done if one['action'] == action.__name__]
        if times:
            log(f'{action.__name__:12} {len(times):6} {statistics.median(times):9.1f} {max(times):10.1f}')
    log(f'\n{"disk":12} rounds of verified I/O')
    for serial, rounds in soak.work.rounds.items():
        log(f'{serial:12} {rounds:6}')
    log(f'\n{"memory after":14} {"objects":>8} {"KiB of slab":>12}')
    for number, sample in enumerate(soak.samples, 1):
        log(f'turn {number:9} {memory.objects(sample):8} {memory.total(sample) >> 10:12}')
    (out / 'soak.json').write_text(json.dumps({
        'seed': soak.options.seed, 'minutes': soak.options.minutes, 'kernel': built.source.name,
        'flavour': built.flavour, 'release': built.release, 'seconds': round(soak.elapsed),
        'finding': finding, 'actions': soak.done, 'rounds': soak.work.rounds,
        'slab': [{cache: count for cache, (count, _) in sample.items()} for sample in soak.samples]}, indent=1) + '\n')
    if finding:
        log(f'\nFOUND after {duration(soak.elapsed)}: {finding}\nto repeat: {repeat}')
        return 1
    judged = 'no growth' if len(soak.samples) > memory.LEAST else (
        f'growth NOT judged, which takes {memory.LEAST + 1} whole turns: give it more MINUTES')
    log(f'\n{len(soak.done)} actions in {duration(soak.elapsed)}: no wrong byte, no trouble in the log, no leak; {judged}')
    return 0


def arguments():
    parser = argparse.ArgumentParser(prog='python3 -m tests.soak', description=__doc__)
    parser.add_argument('--minutes', default='60', help=f'1 to {MAX_MINUTES} (default: 60)')
    parser.add_argument('--seed', default=str(random.randrange(MAX_SEED + 1)),
                        help=f'0 to {MAX_SEED} (default: another each time)')
    names = ','.join(action.__name__ for action in actions.ACTIONS)
    parser.add_argument('--actions', default=names, help=f'some of {names} (default: all)')
    parser.add_argument('--kernel', default='7.x', help='6.1, 6.12, 7.x (default) or a kernel tree')
    parser.add_argument('--flavour', default=FLAVOUR, help=f'of the kernel (default: {FLAVOUR})')
    parser.add_argument('--driver', type=Path, default=checks.DRIVER, help='another folder than virtio_blk/')
    parser.add_argument('--out', type=Path, default=run.TOP / 'build' / 'soak', help='(default: build/soak)')
    options = parser.parse_args()
    options.minutes = number('MINUTES', options.minutes, 1, MAX_MINUTES)
    options.seed = number('SEED', options.seed, 0, MAX_SEED)
    known = {action.__name__: action for action in actions.ACTIONS}
    unknown = [name for name in options.actions.split(',') if name not in known]
    if unknown:
        raise Failure(f'ACTIONS has "{unknown[0]}"; there are: {", ".join(known)}')
    options.actions = [known[name] for name in dict.fromkeys(options.actions.split(','))]
    return options


def number(name, text, low, high):
    if not text.isascii() or not text.isdecimal() or not low <= int(text) <= high:
        raise Failure(f'{name} is "{text}", not a number from {low} to {high}')
    return int(text)


if __name__ == '__main__':
    run_main(main)
