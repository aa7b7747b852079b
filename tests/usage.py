# SPDX-License-Identifier: GPL-2.0-only
"""Ways in which a disk is in use while it goes away. Each one ends by itself once the disk is gone."""

import contextlib

# fio's options for I/O while the guest falls asleep. The freezer interrupts who waits for asynchronous I/O: the libaio
# engine then waits for ever for events that it had already, and with io_uring fio 3.33 now and then expects other
# blocks than it wrote (with the in-tree driver, too). So many threads, each of which waits for its own I/O.
def sleeps_well(threads):
    return {'ioengine': 'psync', 'iodepth': 1, 'numjobs': threads, 'offset_increment': '1m'}


@contextlib.contextmanager
def idle(g, name):
    yield


@contextlib.contextmanager
def under_io(g, name):
    with g.busy(f'/dev/{name}', errors=True, iodepth=64, numjobs=2, size='4m', offset_increment='8m'):
        yield


@contextlib.contextmanager
def mounted(g, name):
    g.sh(f'''set -e
        mke2fs -q -F -t ext4 /dev/{name}; mount /dev/{name} /mnt
        echo text > /mnt/file; sync; echo more >> /mnt/file''')
    yield
    g.sh('ls /mnt > /dev/null; umount /mnt')


@contextlib.contextmanager
def opened(g, name):
    """An open file handle; once the disk is gone, it gives no more data."""
    g.sh('rm -f /tmp/held /tmp/let-go')
    holder = g.spawn(f'''exec 3< /dev/{name} || exit 2
        touch /tmp/held
        while [ ! -e /tmp/let-go ]; do sleep 0.2; done
        [ "$(dd bs=4k count=1 skip=100 <&3 2>/dev/null | wc -c)" = 0 ]''')
    g.until('[ -e /tmp/held ]', f'{name} is open')
    yield
    g.sh('touch /tmp/let-go')
    g.finish(holder, 'getting nothing from the old handle')


USES = {'idle': idle, 'io': under_io, 'mounted': mounted, 'open': opened}
