# SPDX-License-Identifier: GPL-2.0-only
"""Disks of tests/vhost_backend.py, a device outside of QEMU: plugged in for a test, gone when it ends."""

import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.boot import MIB

SIZE = 64 * MIB
TOP = Path(__file__).resolve().parent.parent


class Disk:
    def __init__(self, g, name, folder, queues=1, **options):
        """options: the backend's."""
        self.g, self.name, self.queues, self.options = g, name, queues, options
        self.socket, self.image = folder / f'{name}.socket', folder / f'{name}.img'
        self.log = Path(g.workdir) / f'{name}.log'
        self.backend, self.asked = None, False
        with open(self.image, 'wb') as image:
            image.truncate(SIZE)

    # the backend

    def start(self, **options):
        """QEMU connects to it, again if it was there before, within a second."""
        self.socket.unlink(missing_ok=True)
        options = {'path': str(self.socket), 'image': str(self.image), 'serial': self.name, **self.options, **options}
        with open(self.log, 'a') as log:
            self.backend = subprocess.Popen(
                [sys.executable, '-m', 'tests.vhost_backend', json.dumps(options)], cwd=TOP, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, text=True)
        self.tell('stats')      # it listens

    def tell(self, *words):
        """Has the backend do something; returns its answer."""
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(words), file=self.backend.stdin, flush=True)
        answer = self.backend.stdout.readline()
        assert answer, f'the backend of {self.name} is gone (log: {self.log})'
        return json.loads(answer)

    def kill(self):
        self.backend.kill()
        self._buried()

    def lose_power(self, seed):
        """What the cache holds is lost; which part of it, the seed says."""
        print(json.dumps(['lose_power', seed]), file=self.backend.stdin, flush=True)
        self._buried()

    def _buried(self):
        self.backend.wait()
        self.backend.stdin.close()
        self.backend.stdout.close()
        self.backend = None

    @contextlib.contextmanager
    def counting(self):
        """Yields a dictionary, which at the end of the block holds what the backend did meanwhile (no zeroes)."""
        before, done = self.tell('stats'), {}
        yield done
        done.update({key: value - before.get(key, 0) for key, value in self.tell('stats').items()
                     if key != 'violations' and value != before.get(key, 0)})

    # the device

    def plug(self):
        g = self.g
        g.qmp('chardev-add', id=f'char-{self.name}', backend={'type': 'socket', 'data': {
            'addr': {'type': 'unix', 'data': {'path': str(self.socket)}}, 'server': False, 'reconnect': 1}})
        g.qmp('device_add', driver='vhost-user-blk-pci', id=f'vhost-{self.name}', chardev=f'char-{self.name}',
              **{'num-queues': self.queues}, **g.slot())
        g.until(f'grep -qsx {self.name} /sys/block/vd*/serial', f'{self.name} appears')
        self.disk, self.asked = g.disk(self.name), False

    def ask_to_unplug(self):
        """unplug() waits until the guest has done it."""
        self.g.qmp('device_del', id=f'vhost-{self.name}')
        self.asked = True

    def unplug(self):
        if not self.asked:
            self.ask_to_unplug()
        while self.g.wait_event('DEVICE_DELETED').get('data', {}).get('device') != f'vhost-{self.name}':
            pass
        self.g.qmp('chardev-remove', id=f'char-{self.name}')
        self.g.sh(f'[ ! -e /sys/block/{self.disk} ]')

    @property
    def dev(self):
        return f'/dev/{self.disk}'


@contextlib.contextmanager
def disk(g, name, **options):
    """A disk with such a backend. Both are gone at the end, and the driver kept to the rules."""
    with tempfile.TemporaryDirectory(prefix='vhost-') as folder:
        one = Disk(g, name, Path(folder), **options)
        try:
            one.start()
            one.plug()
            yield one
            if one.backend:
                violations = one.tell('stats')['violations']
                assert not violations, f'{name}: {violations}'
            one.unplug()
        finally:
            if one.backend:
                one.kill()
