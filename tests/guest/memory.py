# SPDX-License-Identifier: GPL-2.0-only
"""The driver takes no more memory than the in-tree one plus 64 bytes a request.

A request's share is the tag set's cmd_size. What the driver allocates beside that (queues, the device) comes from
the slab allocator's own account of who holds what (slub_debug=U).
"""

from tests import boots

CASES = {boots.NAMES: None}
PARAMS = None
HELPERS = ('vblk_probe',)
EXTRA = 64


def test(g):
    theirs, ours = (measure(g, module) for module in ('in-tree', g.module))
    assert (theirs['depth'], theirs['queues']) == (ours['depth'], ours['queues']), f'in-tree {theirs}, ours {ours}'
    assert ours['cmd_size'] <= theirs['cmd_size'] + EXTRA, f'in-tree {theirs}, ours {ours}'
    requests = theirs['depth'] * theirs['queues'] * len(g.boot.disks)
    allowed = theirs['slab'] + (theirs['cmd_size'] + EXTRA) * requests
    taken = ours['slab'] + ours['cmd_size'] * requests
    assert taken <= allowed, f'{taken} bytes, allowed are {allowed}; in-tree {theirs}, ours {ours}'


def measure(g, module):
    g.load(module=module)
    with g.messages() as log:
        g.sh('insmod /modules/vblk_probe.ko disk=/dev/vda && rmmod vblk_probe')
    words = [line for line in log if 'cmd_size=' in line][0].split()
    figures = {key: int(value) for key, value in (word.split('=') for word in words if '=' in word)}
    figures['slab'] = slab_bytes(g)
    g.unload()
    return figures


def slab_bytes(g):
    """All objects that code of the module allocated and still holds."""
    rows = g.out(r'''cd /sys/kernel/debug/slab
        for cache in kmalloc-*; do
            size=$(cat /sys/kernel/slab/$cache/object_size)
            sed -n "s/^ *\([0-9][0-9]*\) .*\[virtio_blk\].*/$size \1/p" $cache/alloc_traces
        done''').split('\n')
    assert rows[0], 'the slab allocator knows no allocation of the module'
    return sum(int(size) * int(count) for size, count in map(str.split, rows))
