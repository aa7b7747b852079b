# SPDX-License-Identifier: GPL-2.0-only
"""The device's side of a split virtqueue in the guest's memory (VIRTIO 1.3, 2.7)."""

import struct
import threading

DESCRIPTOR = struct.Struct('<QIHH')
NEXT, WRITE, INDIRECT = 1, 2, 4
NO_INTERRUPT = 1
MAX_INDIRECT = 32768


class Memory:
    """The guest's memory: address -> view of it, by guest-physical and by QEMU's own addresses."""

    def __init__(self, regions):
        """regions: [(guest address, QEMU's address, view)]."""
        self.regions = regions

    def guest(self, address, length):
        return self._find(0, address, length)

    def user(self, address, length):
        return self._find(1, address, length)

    def _find(self, kind, address, length):
        for region in self.regions:
            offset = address - region[kind]
            if 0 <= offset <= len(region[2]) - length:
                return region[2][offset:offset + length]
        raise ValueError(f'no memory at {address:#x}, {length} bytes')


class Ring:
    def __init__(self):
        self.kick = self.call = None    # eventfds
        self.size = self.next = 0       # `next`: of the available ring
        self.addresses = None
        self.enabled = False
        self.mute = False               # has broken the rules, and does no more until it is started again
        self._fence = threading.Lock()

    @property
    def started(self):
        return self.enabled and self.kick is not None and self.addresses is not None

    def map(self, memory, descriptors, used, available):
        self.addresses = descriptors, used, available
        self.memory = memory
        self._descriptors = memory.user(descriptors, 16 * self.size)
        # 16-bit loads and stores: the guest must not see half an index.
        self._available = memory.user(available, 4 + 2 * self.size).cast('H')
        self._used = memory.user(used, 4 + 8 * self.size)
        self._used_index = self._used[:4].cast('H')
        self.mute = False

    def stop(self):
        """Returns the index of the next request to be taken."""
        self.addresses = None
        return self.next

    def pending(self):
        """The heads that are available and were not taken."""
        count = (self._available[1] - self.next) & 0xffff
        if count > self.size:
            raise ValueError(f'{count} requests available in a ring of {self.size}')
        return [self._available[2 + (self.next + n) % self.size] for n in range(count)]

    def take(self):
        head = self._available[2 + self.next % self.size]
        self.next = (self.next + 1) & 0xffff
        return head

    def chain(self, head):
        """(views to read, views to write) of a request's descriptors."""
        table, number = self._descriptors, head
        readable, writable = [], []
        for _ in range(self.size + 1 + MAX_INDIRECT):
            address, length, flags, following = DESCRIPTOR.unpack_from(table, 16 * number)
            if flags & INDIRECT:
                if flags & (NEXT | WRITE) or length % 16 or table is not self._descriptors:
                    raise ValueError(f'indirect descriptor with flags {flags}, length {length}')
                table, number = self.memory.guest(address, length), 0
                continue
            if writable and not flags & WRITE:
                raise ValueError('a buffer to read behind one to write')
            (writable if flags & WRITE else readable).append(self.memory.guest(address, length))
            if not flags & NEXT:
                return readable, writable
            number = following
        raise ValueError(f'the chain of {head} has no end')

    def push(self, head, length):
        """Gives a request back."""
        index = self._used_index[1]
        struct.pack_into('<II', self._used, 4 + 8 * (index % self.size), head, length)
        self.jump(1)

    def jump(self, count):
        self._used_index[1] = (self._used_index[1] + count) & 0xffff

    def wants_interrupt(self):
        # A full barrier: the index is out before the flag is read.
        with self._fence:
            return not self._available[0] & NO_INTERRUPT
