# SPDX-License-Identifier: GPL-2.0-only
"""Everything that a user can see of a disk, and the comparison with what the in-tree driver shows."""

import base64
import difflib
import gzip
import re

from tests import policy

# Ours alone, and meant to be: two parameters, and what a driver that has a time-out shows.
OURS = tuple(start for name in (policy.PARAMETER, 'io_timeout')
             for start in (f'parameter {name} ', f'{name}:')) + ('queue/io_timeout ', 'queue/io_timeout:')

# stat and inflight are counters; diskseq counts the disks since boot, and is in uevent too. One process looks at all
# disks: each one costs a slow guest a tenth of a second.
SCRIPT = r'''
cd /sys/module/virtio_blk/parameters
stat -c 'parameter %n mode %a' *
grep '' /dev/null $(echo *)
cd /sys/block
for disk in vd*; do
    set -- "$@" $disk/device/features $disk/device/status $disk/device/vendor $disk/device/device $disk/device/modalias
    disks="$disks /dev/$disk"
done
stat -c 'device %N' vd*/device
set -- "$@" $(find vd*/ -type f ! -name stat ! -name inflight ! -name diskseq ! -path '*/power/*')
stat -c '%n mode %a' "$@"
(cd /dev; stat -c '%n type %F mode %a device %t %T' $(ls -d vd* | grep -v vduse))
grep -s '' "$@"
blockdev -v --getalignoff --getdiscardzeroes --getfra --getiomin --getioopt --getmaxsect --getpbsz --getra --getro \
    --getsize64 --getss $disks | awk -v "disks=$disks" 'BEGIN { n = split(disks, name) }
    { line[NR] = $0 }
    END { for (i = 1; i <= NR; i++) print substr(name[int((i - 1) * n / NR) + 1], 6) "/blockdev " line[i] }'
sfdisk -g $disks 2>&1 | sed 's,^/dev/,,' '''
LINE = re.compile(r'(vd[a-z]+)(/|: | )(.*)')
DEVICE = re.compile(r"device '(vd[a-z]+)/device' -> '(.*)'")


def take(g, module, parameters):
    """{serial: lines of the disk} with one module; the lines of its parameters under None."""
    with g.messages() as log:
        g.load(parameters, module)
    seen, devices = {None: []}, {}
    for line in packed(g, SCRIPT).splitlines():
        device, of_disk = DEVICE.match(line), LINE.match(line)
        if device:
            devices.update([device.groups()])
            seen[device[1]] = []
        elif of_disk:
            seen[of_disk[1]].append(of_disk[3])
        elif not line.startswith(OURS):
            seen[None].append(line)
    for name, device in devices.items():
        lines = seen.pop(name)
        serial = [line.partition(':')[2] for line in lines if line.startswith('serial:')]
        logged = [line for line in log if f'{device.split("/")[-1]}:' in line or line.startswith(f'{name}:')]
        lines = sorted(line for line in lines if 'DISKSEQ=' not in line and not line.startswith(OURS))
        seen[''.join(serial)] = [f'name {name}'] + lines + [f'log: {line}' for line in logged]
    g.unload()
    return {serial: sorted(lines) if serial is None else lines for serial, lines in seen.items()}


def packed(g, script):
    """What a script says, through a slow channel."""
    return gzip.decompress(base64.b64decode(g.out(f'{{ {script}\n}} 2>&1 | gzip | base64'))).decode()


def compare(g, disk, parameters=''):
    """Fails with the differences between this driver and the in-tree one in how they show a disk."""
    serial = dict(g.boot.disk(disk).options).get('serial', disk)
    both = [once(g, module, parameters) for module in ('in-tree', g.module)]
    assert len(both[0][serial]) > 120, f'the in-tree driver shows too little: {both[0][serial]}'
    theirs, ours = (seen[None] + seen[serial] for seen in both)
    diff = list(difflib.unified_diff(theirs, ours, 'in-tree', g.module, n=0, lineterm=''))
    assert not diff, f'{len(diff)} lines differ\n' + '\n'.join(diff)


def once(g, module, parameters):
    """One look serves the tests of all disks."""
    key = ('snapshot', module, parameters)
    if key not in g.cache:
        g.cache[key] = take(g, module, parameters)
    return g.cache[key]
