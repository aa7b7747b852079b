# SPDX-License-Identifier: GPL-2.0-only
"""A raw image behind a write cache that is lost with the process."""

import mmap
import os
import random

SECTOR = 512


class Store:
    def __init__(self, path, volatile):
        """volatile: only flush() brings what was written to the image; otherwise every write does."""
        self.volatile = volatile
        self.file = os.open(path, os.O_RDWR)
        self.size = os.fstat(self.file).st_size
        self.cache = mmap.mmap(self.file, self.size, access=mmap.ACCESS_COPY)
        self.dirty = []     # [(start, end)]

    def write(self, start, data):
        self.cache[start:start + len(data)] = bytes(data)
        self.dirty.append((start, start + len(data)))
        if not self.volatile:
            self.flush()

    def flush(self):
        for start, end in self.dirty:
            os.pwrite(self.file, self.cache[start:end], start)
        self.dirty = []

    def lose_power(self, seed):
        """A cache keeps no order: any sectors of it may have reached the medium."""
        chance = random.Random(seed)
        for start, end in self.dirty:
            for sector in range(start, end, SECTOR):
                if chance.random() < 0.5:
                    os.pwrite(self.file, self.cache[sector:sector + SECTOR], sector)
