# SPDX-License-Identifier: GPL-2.0-only
"""Everything that a user can see of a disk, and the comparison with what the in-tree driver shows."""

import difflib

from tests import policy

# Ours alone, and meant to be.
OUR_PARAMETERS = (f'parameter {policy.PARAMETER} ', f'{policy.PARAMETER}:')

# stat and inflight are counters; diskseq counts the disks since boot, and is in uevent too. Few processes: each one
# costs a slow guest a tenth of a second, and there are many disks.
SCRIPT = r'''
cd /sys/module/virtio_blk/parameters
stat -c 'parameter %n mode %a' *
grep '' /dev/null $(echo *)
for sys in /sys/block/vd*; do
    cd $sys
    dev=/dev/${sys##*/}
    echo "== ${sys##*/} $(readlink device)"
    files="$(find . -type f ! -name stat ! -name inflight ! -name diskseq ! -path '*/power/*')
        device/features device/status device/vendor device/device device/modalias"
    stat -c '%n mode %a type %F device %t %T' $files $dev
    grep -s '' $files
    blockdev -v --getalignoff --getdiscardzeroes --getfra --getiomin --getioopt --getmaxsect --getpbsz --getra --getro \
        --getsize64 --getss $dev
    echo "geometry $(sfdisk -g $dev 2>&1)"
done'''


def take(g, module, parameters):
    """{serial: lines of the disk} with one module; the lines of its parameters under None."""
    with g.messages() as log:
        g.load(parameters, module)
    first, *disks = g.out(SCRIPT).split('== ')
    seen = {None: sorted(line for line in first.splitlines() if not line.startswith(OUR_PARAMETERS))}
    for disk in disks:
        (name, device), *lines = disk.splitlines()[0].split(), *disk.splitlines()[1:]
        serial = [line.partition(':')[2] for line in lines if line.startswith('./serial:')]
        lines = sorted(line for line in lines if 'DISKSEQ=' not in line)
        logged = [line for line in log if f'{device.split("/")[-1]}:' in line or line.startswith(f'{name}:')]
        seen[''.join(serial)] = [f'name {name}'] + lines + [f'log: {line}' for line in logged]
    g.unload()
    return seen


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
