# SPDX-License-Identifier: GPL-2.0-only
"""What an administrator does, and what must be true afterwards."""

import re

from tests import checks
from tests.machine import fio_command, verified

MODULE = r'updates/dkms/virtio_blk\.ko(\.xz)?'    # as the kernel's own are
DATA = '/srv/data'


def version():
    return re.search(r'^PACKAGE_VERSION="(.*)"', (checks.TOP / 'dkms.conf').read_text(), re.MULTILINE)[1]


def parameters():
    """Those that the driver's source has."""
    text = ''.join(path.read_text() for path in checks.DRIVER.glob('*.c'))
    return sorted(set(re.findall(r'^module_param(?:_named|_cb)?\((\w+)', text, re.MULTILINE)))


class Data:
    """Files on the root file system that nothing of all this may change."""

    def __init__(self, machine):
        self.machine = machine
        machine.sh(f'mkdir {DATA} && cp /usr/bin/[b-d]* {DATA} && head -c 8M /dev/urandom >{DATA}/random')
        self.sums = self._sums()
        assert self.sums.count('\n') > 50, f'hardly any data: {self.sums}'

    def _sums(self):
        # Not from the page cache, which never sees the disk again.
        return self.machine.out(f"""sync; echo 3 >/proc/sys/vm/drop_caches
            cd {DATA} && find . -type f | sort | xargs sha256sum""")

    def check(self):
        assert self._sums() == self.sums, f'the files in {DATA} have changed'


def is_preferred_intree(machine, kernel=''):
    """The module that would be loaded is the kernel's own."""
    path = machine.out(f'modinfo -k {kernel or "$(uname -r)"} -n virtio_blk')
    assert '/kernel/drivers/block/virtio_blk.ko' in path, f'modprobe would load {path}'


def is_running_intree(machine):
    assert machine.sh('[ -e /sys/module/virtio_blk ]', check=False).rc == 0, 'no module of that name is in use'
    assert machine.sh('[ -e /sys/module/virtio_blk/version ]', check=False).rc, 'the module in use has a version'
    assert machine.sh('[ -e /sys/kernel/debug/virtio_blk ]', check=False).rc, 'the module in use is not the in-tree one'


def is_intree(machine):
    is_preferred_intree(machine)
    is_running_intree(machine)


def fell_back(machine):
    """The kernel has refused the module, and the initramfs has loaded its own."""
    is_running_intree(machine)
    said = machine.out('dmesg | grep "virtio-blk: the module of DKMS does not load"')
    assert said.count('\n') == 0 and 'kernel/drivers/block/virtio_blk.ko' in said, said


def is_removed(machine):
    """Nothing of the package is left, for any kernel."""
    machine.sh("""! dkms status | grep virtio-blk &&
        ! find /lib/modules -path '*/updates/*' -name 'virtio_blk*' | grep . &&
        ! find /usr/src /usr/sbin /usr/share /usr/lib/dracut /var/lib/dkms -name '*virtio-blk*' 2>/dev/null | grep .""")


def is_installed(machine, kernel, wanted):
    """Module in place and preferred, for a kernel that need not be running."""
    info = machine.out(f'modinfo -k {kernel} virtio_blk')
    fields = dict(line.split(':', 1) for line in info.splitlines() if ':' in line and not line.startswith('parm'))
    fields = {key: value.strip() for key, value in fields.items()}
    wanted_file = f'/lib/modules/{re.escape(kernel)}/{MODULE}'
    assert re.fullmatch(wanted_file, fields['filename']), f'modprobe would load {fields["filename"]}'
    assert fields['version'] == wanted, f'version {fields["version"]} instead of {wanted}'
    assert fields.get('srcversion'), 'modinfo tells no source version'
    assert fields['vermagic'].split()[0] == kernel, f'built for {fields["vermagic"]}'
    shown = sorted(re.findall(r'^parm:\s*(\w+):.+', info, re.MULTILINE))
    assert shown == parameters(), f'modinfo shows the parameters {shown}, the source has {parameters()}'
    state = machine.out(f'dkms status -m virtio-blk -v {wanted} -k {kernel}')
    # DKMS 3.2 has put the kernel's own aside.
    assert state.removesuffix(' (Original modules exist)').endswith(': installed'), f'dkms status says: {state}'


def root_is_ours(machine, wanted):
    """The running root file system is on a disk of this driver."""
    assert machine.out('findmnt -no SOURCE /') == '/dev/vda'
    running = machine.out('cat /sys/module/virtio_blk/version')
    assert running == wanted, f'version {running} runs instead of {wanted}'
    loaded = machine.out('cat /sys/module/virtio_blk/srcversion')
    built = machine.out('modinfo -F srcversion virtio_blk')
    assert loaded == built, f'the module in use ({loaded}) is not the one in updates/dkms ({built})'
    driver = machine.out('readlink -f /sys/block/vda/device/driver/module')
    assert driver == '/sys/module/virtio_blk', f'the driver of vda is {driver}'
    counters = machine.out('cat /sys/kernel/debug/virtio_blk/vda/counters')
    assert any(int(number) for number in re.findall(r'\d+', counters)), f'no request was counted: {counters}'
    status = machine.out('virtio-blk-status vda')
    assert status.startswith(f'vda: virtio_blk {wanted}, out of tree'), status


def verify_root(machine):
    """fio writes and checks on the root file system."""
    machine.sh(fio_command(f'{DATA}.fio', verified(size='16m', bs='4k-64k', fallocate='none')) + f' && rm {DATA}.fio')
