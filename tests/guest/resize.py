# SPDX-License-Identifier: GPL-2.0-only
"""A disk that grows or shrinks on the host does so in the guest, with a log line and an event, also under I/O."""

import contextlib

from tests import boots
from tests.boot import MIB

CASES = {boots.OPS: ['plain', '4q']}
SPEC = ('5.2.6.1',)
SIZES = (96 * MIB, 32 * MIB + 512 * 3)
SIZES_UNDER_IO = (80 * MIB, 48 * MIB, 64 * MIB)


def test(g, disk):
    name = g.disk(disk)
    with events(g):
        for size in SIZES:
            with g.messages() as log:
                resize(g, disk, name, size)
                g.until(f'grep -qx "ACTION=change DEVNAME={name} RESIZE=1" /tmp/uevents', 'the RESIZE event')
            wanted = f'[{name}] new size: {size // 512} 512-byte logical blocks'
            assert [line for line in log if wanted in line], f'{log}'
            g.sh('rm -f /tmp/uevents')
    with g.busy(f'/dev/{name}'):
        for size in SIZES_UNDER_IO:
            resize(g, disk, name, size)

def resize(g, disk, name, size):
    g.qmp('block_resize', **{'node-name': g.boot.disk(disk).node, 'size': size})
    g.until(f'[ "$(cat /sys/block/{name}/size)" = {size // 512} ]', f'{name} has {size} bytes')


@contextlib.contextmanager
def events(g):
    """Collects the kernel's events of block devices in /tmp/uevents."""
    g.sh("""cat > /tmp/note-event <<'END'
#!/bin/sh
[ "$SUBSYSTEM" = block ] && echo "ACTION=$ACTION DEVNAME=$DEVNAME RESIZE=$RESIZE" >> /tmp/uevents
END
chmod +x /tmp/note-event; rm -f /tmp/uevents
busybox uevent /tmp/note-event > /dev/null 2>&1 & echo $! > /tmp/uevent.pid""")
    # Its netlink socket: an event that comes sooner is lost.
    g.until('grep -q "^[0-9a-f]* *15 *$(cat /tmp/uevent.pid) " /proc/net/netlink', 'somebody listens to events')
    yield
    g.sh('kill $(cat /tmp/uevent.pid)')
