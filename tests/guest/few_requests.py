# SPDX-License-Identifier: GPL-2.0-only
"""With one request of each of a few threads in flight, no later one makes up for work that a submitter or an interrupt
left to the queue's owner, and that the owner missed: the queue would stand still."""

from tests import boots

CASES = {boots.LOAD: ['1q']}
IOS = 6000


def test(g, disk):
    dev = g.dev(disk)
    for threads in (2, 4):
        g.fio(dev, ioengine='psync', rw='randread', bs='512', size='8m', numjobs=threads, number_ios=IOS // threads)
        done = g.figures()['read']['total_ios']
        assert done >= IOS, f'{done} requests instead of {IOS}'
