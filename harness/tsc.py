# SPDX-License-Identifier: GPL-2.0-only
"""The frequency of this machine's time stamp counter.

TCG passes the counter on to guests, which measure it against an emulated PIT:
on a busy host that has been wrong by a factor of eight, and with it every
time and rate that the guest reports. So the guest is told.
"""

import ctypes
import functools
import mmap
import time

# rdtsc; shl rdx, 32; or rax, rdx; ret
CODE = bytes.fromhex("0f3148c1e2204809d0c3")
SECONDS = 0.05


@functools.cache
def khz():
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(CODE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    read = ctypes.CFUNCTYPE(ctypes.c_uint64)(address)
    first = _sample(read)
    time.sleep(SECONDS)
    second = _sample(read)
    return round((second[0] - first[0]) * 1e6 / (second[1] - first[1]))


def _sample(read):
    """A (counter, nanoseconds) pair that was taken without interruption."""
    best = None
    for _ in range(20):
        begun = time.monotonic_ns()
        counter = read()
        width = time.monotonic_ns() - begun
        if best is None or width < best[0]:
            best = (width, counter, begun + width // 2)
    return best[1:]
