# SPDX-License-Identifier: GPL-2.0-only
"""The counters in debugfs agree with what the device saw, and go when the disk goes."""

from tests import boots

CASES = {boots.LOAD: ['1q', '4q'], boots.MICROVM: ['packed']}
PARAMS = None
FOLDER = '/sys/kernel/debug/virtio_blk'
IOS = 2000


def test(g, disk):
    g.load()
    name = g.disk(disk)
    assert g.out(f'ls {FOLDER}').split() == sorted(sum(g.disks().values(), []))
    queues = boots.QUEUES if disk.endswith('4q') else 1
    g.sh(f'echo 2 > /sys/block/{name}/queue/nomerges')
    before, device_before = read(g, name, queues), g.stats(disk)['rd_operations']
    g.fio(f'/dev/{name}', rw='randread', bs='4k', size='8m', number_ios=IOS, iodepth=32, iodepth_batch_submit=8,
          iodepth_batch_complete_min=1, iodepth_batch_complete_max=8, ioengine='io_uring')
    after, device_after = read(g, name, queues), g.stats(disk)['rd_operations']
    used = {key: after[key] - before[key] for key in after}
    assert used['requests'] == used['completions'] == device_after - device_before == IOS, f'{used}'
    assert 0 < used['interrupts'] <= IOS, f'{used}'
    assert 0 < used['kicks'] <= used['batches'] <= min(IOS, used['acquisitions']), f'{used}'
    assert used['kicks'] + used['kicks_saved'] == used['batches'], f'{used}'
    assert used['missed'] <= used['acquisitions'], f'{used}'
    # A depth of 32 in batches of 8 leaves something to save.
    assert used['acquisitions'] < 2 * IOS, f'{used}'
    g.unload()
    assert g.sh(f'[ -e {FOLDER} ]', check=False).rc != 0, 'the folder is still there'


def read(g, name, queues):
    """The sums over all queues."""
    header, *rows = [line.split() for line in g.out(f'cat {FOLDER}/{name}/counters').splitlines()]
    assert len(rows) == queues, f'{len(rows)} lines of counters for {queues} queues'
    return {column: sum(int(row[index]) for row in rows) for index, column in enumerate(header) if index}
