# SPDX-License-Identifier: GPL-2.0-only
"""What a device still has when it is put to sleep is waited for: a reset would lose it."""

from tests import boots, sim

CASES = {boots.SIM: ['direct', 'indirect']}
HELPERS = ('virtio_blk_sim',)
REQUESTS = 8
OPTIONS = {'direct': '-indirect_desc', 'indirect': '+indirect_desc'}


def test(g, case):
    with sim.device(g, f'{case} queues=2 {OPTIONS[case]}') as disk:
        g.sh(f'dd if=/dev/urandom of=/tmp/wanted bs=4k count={REQUESTS} 2>/dev/null; rm -f /tmp/slept')
        disk.set('credit', 0)
        writers = g.spawn(f'''for n in $(seq 0 {REQUESTS - 1}); do
                dd if=/tmp/wanted of={disk.dev} bs=4k skip=$n seek=$n count=1 oflag=direct conv=notrunc 2>/dev/null &
                pids="$pids $!"
            done
            for pid in $pids; do wait $pid || exit 1; done''')
        g.until(f'read -r reads writes < /sys/block/{disk.disk}/inflight && [ $writes = {REQUESTS} ]',
                'the device has all of them')
        with disk.counting() as done:
            sleeper = g.spawn(f"sh -c 'echo $$ > /tmp/sleeper; echo 1 > {disk.folder}/sleep && touch /tmp/slept'")
            g.until('grep -qs "^State:.D" /proc/$(cat /tmp/sleeper)/status || [ -e /tmp/slept ]', 'it is put to sleep')
            disk.set('credit', -1)
            g.finish(sleeper, 'sleeping')
        assert done.get('write') == REQUESTS, f'it fell asleep having done {done}'
        g.finish(writers, 'writing')
        g.sh(f'dd if={disk.dev} bs=4k count={REQUESTS} iflag=direct 2>/dev/null | cmp - /tmp/wanted')
