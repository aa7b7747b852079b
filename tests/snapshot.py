# SPDX-License-Identifier: GPL-2.0-only
"""Everything that a user can see of a disk, and the comparison with what the in-tree driver shows."""

import difflib

from tests import policy

# Ours alone, and meant to be.
OUR_PARAMETERS = (f'parameter {policy.PARAMETER} ',)

# stat and inflight are counters; diskseq counts the disks since boot, and is in uevent too.
DISK = r'''
cd /sys/block/NAME
files=$(find . -type f ! -name stat ! -name inflight ! -name diskseq ! -path '*/power/*' | sort)
files="$files $(ls device/features device/status device/vendor device/device device/modalias)"
stat -c 'mode %n %a' $files
grep -s '' $files | grep -v DISKSEQ=
blockdev --report /dev/NAME | tail -n 1
blockdev -v --getalignoff --getdiscardzeroes --getfra --getiomin --getioopt --getmaxsect --getpbsz --getra --getro \
    --getsize64 --getss /dev/NAME
echo "geometry $(sfdisk -g /dev/NAME 2>&1)"
stat -c '%F %t %T %a' /dev/NAME
'''
PARAMETERS = r'''
cd /sys/module/virtio_blk/parameters && for f in *; do echo "parameter $f $(stat -c %a $f) $(cat $f)"; done'''


def take(g, module, parameters, disks):
    """{what: [lines]} of these disks with one module."""
    with g.messages() as log:
        g.load(parameters, module)
    seen = {'parameters': g.out(PARAMETERS).splitlines()}
    for disk in disks:
        seen[disk] = of_disk(g, dict(g.boot.disk(disk).options).get('serial', disk), log)
    g.unload()
    return seen


def of_disk(g, serial, log):
    name = g.disk(serial)
    lines = g.out(DISK.replace('NAME', name)).splitlines()
    virtio = g.out(f'basename $(readlink -f /sys/block/{name}/device)')
    return lines + [f'log: {line}' for line in log if f'{virtio}:' in line or line.startswith(f'{name}:')]


def compare(g, disk, disks, parameters=''):
    """Fails with the differences between this driver and the in-tree one in how they show a disk (one of disks)."""
    both = [once(g, module, parameters, tuple(disks)) for module in ('in-tree', g.module)]
    assert len(both[0][disk]) > 80, f'the in-tree driver shows too little: {both[0][disk]}'
    theirs, ours = (seen['parameters'] + seen[disk] for seen in both)
    ours = [line for line in ours if not line.startswith(OUR_PARAMETERS)]
    diff = [line for line in difflib.unified_diff(theirs, ours, 'in-tree', g.module, n=0, lineterm='')]
    assert not diff, f'{len(diff)} lines differ\n' + '\n'.join(diff)


def once(g, module, parameters, disks):
    """One look serves the tests of all disks."""
    key = ('snapshot', module, parameters, disks)
    if key not in g.cache:
        g.cache[key] = take(g, module, parameters, disks)
    return g.cache[key]
