# SPDX-License-Identifier: GPL-2.0-only
"""A read that succeeds without data, as the used length says, gives user space nothing that memory held before."""

from tests import boots, sim

CASES = {boots.SIM: ['plain'], boots.SWIOTLB: ['bounced']}
SPEC = ('2.7.8.3',)
HELPERS = ('virtio_blk_sim',)
COUNT = 64


def test(g, case):
    with sim.device(g, f'{case} {"+access_platform" if case == "bounced" else ""}') as disk:
        # What bounce buffers and freed pages hold from now on.
        g.sh(f"""head -c {COUNT * 4096} /dev/zero | tr '\\0' S > /tmp/secret
            dd if=/tmp/secret of={disk.dev} bs=4k oflag=direct 2>/dev/null; echo 3 > /proc/sys/vm/drop_caches""")
        disk.fault('no_data', -1)
        wrong = []
        for flags in ('iflag=direct', ''):
            said = g.sh(f'dd if={disk.dev} of=/tmp/got bs=4k count={COUNT} {flags} 2>&1', check=False)
            stale = int(g.out('tr -d "\\0" < /tmp/got | wc -c'))
            if 'Input/output error' not in said.out:
                wrong.append(f'dd {flags} succeeded, with {stale} bytes that are not 0')
            g.sh('rm -f /tmp/got; echo 3 > /proc/sys/vm/drop_caches')
        assert not wrong, wrong
        disk.fault('no_data', 0)
        assert g.sh(f'cmp /tmp/secret {disk.dev} 2>&1', check=False).out.startswith('cmp: EOF on /tmp/secret')
