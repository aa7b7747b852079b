# SPDX-License-Identifier: GPL-2.0-only
"""cache_type shows the device's cache, and changes it where the device lets it; the block layer follows, and what was
in a cache that is switched off is flushed."""

from tests import boots

CASES = {boots.OPS: ['wce', 'through']}
SPEC = ('5.2.6.1',)


def test(g, disk):
    name = g.disk(disk)
    path = f'/sys/block/{name}/cache_type'
    if disk == 'through':
        assert (g.attribute(name, 'cache_type'), g.attribute(name, 'queue/write_cache')) == ('write through',) * 2
        assert g.out(f'stat -c %a {path}') == '444'
        g.fails(f"echo 'write back' > {path}")
        return
    assert g.attribute(name, 'cache_type') == 'write back'
    for mode in ('write through', 'write back', 'write through'):
        g.sh(f'dd if=/dev/zero of=/dev/{name} bs=4k count=1 oflag=direct 2>/dev/null')
        before = g.stats(disk)['flush_operations']
        g.sh(f"echo '{mode}' > {path}")
        assert g.stats(disk)['flush_operations'] == before + (mode == 'write through')
        assert (g.attribute(name, 'cache_type'), g.attribute(name, 'queue/write_cache')) == (mode, mode)
        before = g.stats(disk)['flush_operations']
        g.sh(f'dd if=/dev/zero of=/dev/{name} bs=4k count=4 conv=fsync 2>/dev/null')
        flushed = g.stats(disk)['flush_operations'] > before
        assert flushed == (mode == 'write back'), f'{mode}: flushed is {flushed}'
    for wrong in ('write', 'none', ''):
        said = g.fails(f"busybox echo '{wrong}' > {path}")
        assert 'Invalid argument' in said, f'"{wrong}": {said}'
    assert g.attribute(name, 'cache_type') == 'write through'
    # A new driver resets the device, which then has the cache it was made with.
    g.reload()
    assert g.attribute(g.disk(disk), 'cache_type') == 'write back'
