# SPDX-License-Identifier: GPL-2.0-only
"""A reader of high real-time priority goes on although a task of lower priority, on another CPU, keeps those from
running that use the same disk there: whatever they were interrupted in, the reader does not wait for it. Without an
I/O scheduler, and with a ring that has room: who dispatches from a scheduler has others' requests in its hands, and
what a full ring has given back to blk-mq waits for kblockd, whatever the driver."""

from tests import boots, realtime
from tests.guest import elevator
from tests.machine import PATIENCE, Skip, fio_command

CASES = {boots.LOAD: ['1q']}
LONG = {boots.LOAD: None}   # they need PREEMPT_RT
TIMES = 40
READS = 20
STOPPED = 0, 128    # fio's exit code, if all was well until the end


def test(g, disk):
    if g.kernel.flavour != 'rt':
        raise Skip('without PREEMPT_RT, softirqs wait for ksoftirqd, which is behind the hog, whatever the driver')
    dev = g.dev(disk)
    with realtime.unlimited(g), elevator.used(g, dev[5:], 'none'):
        load = g.spawn(fio_command(dev, {'rw': 'randread', 'bs': '4k', 'size': '32m', 'numjobs': 4, 'iodepth': 8,
                                         'cpus_allowed': 1, 'time_based': 1, 'runtime': PATIENCE}))
        g.until(f'[ $(awk \'{{ print $1 }}\' /sys/block/{dev[5:]}/stat) -gt 1000 ]', 'reads on CPU 1')
        # The hog ends when the reader is done: if the reader waits for who is behind the hog, none of them ends.
        stuck = g.out(f'''taskset -cp 2,3 $$ > /dev/null
            for round in $(seq {TIMES}); do
                rm -f /tmp/hogs /tmp/read
                timeout {realtime.STANDSTILL} chrt -f 10 taskset -c 1 \
                    sh -c ': > /tmp/hogs; while [ ! -e /tmp/read ]; do :; done' &
                while [ ! -e /tmp/hogs ]; do :; done
                chrt -f 50 taskset -c 0 dd if={dev} of=/dev/null bs=4k count={READS} skip=$((round * {READS})) \
                    iflag=direct 2> /dev/null || echo "round $round: cannot read"
                : > /tmp/read
                wait $! || {{ echo "round $round: nothing read in {realtime.STANDSTILL} s"; break; }}
            done; rm /tmp/hogs /tmp/read; killall fio''')
        assert not stuck, stuck
        assert load.wait(PATIENCE, check=False).rc in STOPPED, 'an error on CPU 1'
