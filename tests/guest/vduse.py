# SPDX-License-Identifier: GPL-2.0-only
"""A device of VDUSE, in the guest's own user space, with a ring that is full most of the time: verified I/O. It calls
the driver with locks held that a notification takes as well."""

from tests import boots
from tests.boot import MIB
from tests.machine import Skip, verified

CASES = {boots.VDUSE: [1, 4]}       # queues
NEWEST = {boots.VDUSE: None}
SIZE = 32 * MIB
DAEMON = ('qemu-storage-daemon --blockdev file,node-name=store,filename=/tmp/store'
          ' --export vduse-blk,id=export,name=vduse,node-name=store,writable=on,queue-size=16,serial=vduse')
PARAMS = None


def test(g, queues):
    if g.sh('[ -e /dev/vduse/control ]', check=False).rc:
        raise Skip('this kernel has no VDUSE')
    # The in-tree driver notifies with its lock held when the ring is full.
    g.load('' if g.module == 'in-tree' else 'queue_depth=64')
    g.sh(f'truncate -s {SIZE} /tmp/store')
    daemon = g.spawn(f'{DAEMON},num-queues={queues} --pidfile /tmp/daemon 2>&1')
    g.until('[ -s /tmp/daemon ] && [ -e /dev/vduse/vduse ]', 'the device')
    g.sh('vdpa dev add name vduse mgmtdev vduse')
    g.until('grep -qsx vduse /sys/block/vd*/serial', 'the disk')
    dev = g.dev('vduse')
    assert g.out(f'ls /sys/block/{dev[5:]}/mq | wc -l') == str(queues)
    for engine in ('libaio', 'io_uring'):
        g.fio(dev, **verified(numjobs=4, size='256k', offset_increment='4m', iodepth=64, ioengine=engine,
                              iodepth_batch_submit=16, iodepth_batch_complete_min=1, iodepth_batch_complete_max=16))
    g.sh('vdpa dev del vduse; kill $(cat /tmp/daemon)')
    g.finish(daemon, 'qemu-storage-daemon')
    g.sh('rm /tmp/store')
