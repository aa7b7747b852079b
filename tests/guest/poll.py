# SPDX-License-Identifier: GPL-2.0-only
"""Poll queues: io_uring finds its completions by polling, the data is right, and no interrupt comes for them."""

from tests import boots
from tests.machine import verified

CASES = {boots.LOAD: ['poll_queues=1', 'poll_queues=3']}
SERIES = {boots.LOAD: None}
PARAMS = None


def test(g, params):
    g.load(params)
    name = g.disk('4q')
    count = int(params.split('=')[1])
    device = g.out(f'basename $(readlink -f /sys/block/{name}/device)')
    assert g.attribute(name, 'queue/io_poll') == '1'
    assert g.out(f'grep -c "{device}-req" /proc/interrupts') == str(boots.QUEUES - count)
    g.fio(f'/dev/{name}', **verified(ioengine='io_uring', hipri=1, numjobs=4, size='256k', offset_increment='8m'))
    before = interrupts(g, device)
    g.fio(f'/dev/{name}', ioengine='io_uring', hipri=1, rw='randread', bs='4k', size='8m', number_ios=1000,
          iodepth_batch_submit=8, iodepth_batch_complete_max=8)
    assert g.figures()['read']['total_ios'] >= 1000
    came = interrupts(g, device) - before
    assert came < 20, f'{came} interrupts for 1000 polled reads'
    # Polled and interrupt driven I/O side by side.
    with g.busy(f'/dev/{name}'):
        g.fio(f'/dev/{name}', **verified(ioengine='io_uring', hipri=1, size='512k', offset='32m'))


def interrupts(g, device):
    return sum(int(word) for line in g.out(f'grep "{device}-req" /proc/interrupts').splitlines()
               for word in line.split()[1:] if word.isdigit())
