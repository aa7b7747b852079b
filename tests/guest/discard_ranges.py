# SPDX-License-Identifier: GPL-2.0-only
"""A discard that blk-mq made of several carries all their ranges, and no more than the device takes."""

from tests import boots, sim

CASES = {boots.SIM: ['4', '1']}
SPEC = ('5.2.6.1',)
HELPERS = ('virtio_blk_sim', 'zone_append')
DISCARD, RANGE = 11, 16         # VIRTIO_BLK_T_DISCARD, bytes
START, COUNT = 8, 16            # blocks of 4 KiB


def test(g, most):
    with sim.device(g, f'ranges-{most} max_discard_seg={most}') as disk:
        # Adjacent blocks differ, and so do those that are discarded.
        g.sh(f'''set -e
            seq 1000000 | head -c {(START + 2 * COUNT) * 4096} > /tmp/want
            dd if=/tmp/want of={disk.dev} bs=4k oflag=direct 2>/dev/null
            insmod /modules/zone_append.ko
            echo "{disk.dev} {START * 8} 8 {COUNT}" > /sys/module/zone_append/parameters/discard
            ! grep -q - /sys/module/zone_append/parameters/landed || exit 1      # a negative error
            rmmod zone_append''')
        ranges = [request.out_len // RANGE for request in disk.requests(DISCARD)]
        assert sum(ranges) == COUNT and max(ranges) == int(most), ranges
        g.sh(f'''set -e
            for n in $(seq 0 {COUNT - 1}); do
                dd if=/dev/zero of=/tmp/want bs=4k seek=$(({START} + 2 * n)) count=1 conv=notrunc
            done 2>/dev/null
            dd if={disk.dev} bs=4k count={START + 2 * COUNT} iflag=direct 2>/dev/null | cmp - /tmp/want''')
