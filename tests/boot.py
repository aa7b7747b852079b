# SPDX-License-Identifier: GPL-2.0-only
"""What a guest looks like: a Boot has Disks, and knows their QEMU arguments."""

import json
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20


@dataclass(frozen=True)
class Disk:
    """One virtio-blk device. Its id is also its serial, by which the guest finds it:
    no more than 20 characters.

    backend: "null" (reads zeroes, keeps nothing) or "file" (a sparse raw image).
    filters: blockdev nodes put on top of the backend, the lowest first.
    """
    id: str
    backend: str = 'file'
    size: int = 64 * MIB
    options: tuple = ()
    filters: tuple = ()
    plugged: bool = True
    readonly: bool = False

    @property
    def qdev(self):
        """QEMU's name for the device; it must begin with a letter."""
        return f'disk-{self.id}'

    @property
    def node(self):
        """The blockdev node that the device is attached to."""
        return self.layer(len(self.filters))

    def layer(self, depth):
        return f'node-{self.id}.{depth}'

    def image(self, workdir):
        return Path(workdir) / f'{self.id}.img'

    def blockdevs(self, workdir):
        """The blockdev-add arguments, bottom first. Creates the image."""
        bottom = {'node-name': self.layer(0)}
        if self.backend == 'null':
            bottom |= {'driver': 'null-co', 'size': self.size, 'read-zeroes': True}
        else:
            path = self.image(workdir)
            with open(path, 'wb') as image:
                image.truncate(self.size)
            bottom |= {'driver': 'file', 'filename': str(path), 'discard': 'unmap',
                       'read-only': self.readonly}
        nodes = [bottom]
        for depth, layer in enumerate(self.filters, 1):
            layer = json.loads(layer)
            below = 'image' if layer['driver'] == 'blkdebug' else 'file'
            nodes.append({**layer, 'discard': 'unmap', 'node-name': self.layer(depth), below: self.layer(depth - 1)})
        return nodes

    def device(self, bus_driver):
        """The device_add arguments."""
        return {'driver': bus_driver, 'id': self.qdev, 'drive': self.node, 'serial': self.id, 'num-queues': 1,
                **dict(self.options)}


def disk(name, options=None, filters=(), **fields):
    """A Disk; `options` are QEMU's device options, `filters` blockdev layers, both as dictionaries."""
    return Disk(name, options=tuple((options or {}).items()), filters=tuple(map(json.dumps, filters)), **fields)


# With KASAN, each page costs time at boot, and on the way to sleep.
MEM = '512M'


@dataclass(frozen=True)
class Boot:
    """A machine that one or more tests run on."""
    name: str
    disks: tuple
    machine: str = 'q35'
    mem: str = MEM
    append: str = ''
    args: tuple = ()
    channel: str = 'serial'     # for commands; see harness/qemu.py
    pace: float = 4     # seconds a test, about, with KASAN: which boot to begin with, and what time is left
    # Look for leaked memory at the end, where the kernel can: it takes half a minute, and makes all else slower.
    leaks: bool = False
    programs: tuple = ()    # more than every guest has; see harness/initramfs.py

    @property
    def bus_driver(self):
        return 'virtio-blk-device' if self.machine.startswith('microvm') else 'virtio-blk-pci'

    def disk(self, name):
        for candidate in self.disks:
            if candidate.id == name:
                return candidate
        raise KeyError(f'boot {self.name} has no disk {name}')

    def qemu_args(self, workdir):
        args = list(self.args)
        for one in self.disks:
            if not one.plugged:
                continue
            for node in one.blockdevs(workdir):
                args += ['-blockdev', json.dumps(node)]
            args += ['-device', json.dumps(one.device(self.bus_driver))]
        return args
