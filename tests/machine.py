# SPDX-License-Identifier: GPL-2.0-only
"""What a test gets: a running guest, its disks, and the module under test."""

import contextlib
import json
import os
import re
import shlex
import time

# Seconds; only a hang takes that long, also on a slow host.
PATIENCE = int(os.environ.get('VBLK_PATIENCE', 900))
MODULES = {'virtio_blk': '/modules/virtio_blk.ko', 'in-tree': '/modules/in-tree/virtio_blk.ko',
           'patched': '/modules/patched/virtio_blk.ko'}
# Bytes. A file's size on the host counts what its file system needs to find it: a hole makes an extent more, and the
# fifth of ext4 is the first that costs a block.
EXTENT_BLOCKS = 64 * 1024
STAMP = re.compile(r'^\[ *[0-9.]+\] ')


class Skip(Exception):
    """The reason why a test cannot run here."""


class Machine:
    def __init__(self, guest, boot, workdir, kernel, module='virtio_blk'):
        self.guest, self.boot, self.workdir, self.kernel, self.module = guest, boot, workdir, kernel, module
        self.params = None  # of the loaded module
        self.cache = {}     # what one test of this boot leaves for the next
        self._marks = self._plugs = 0

    # commands

    def sh(self, script, timeout=PATIENCE, check=True):
        result = self.guest.sh(script, timeout=timeout, check=False)
        assert result.rc == 0 or not check, f'exit code {result.rc} of: {script.strip()}\nsaid: {result.out[-2000:]}'
        return result

    def out(self, script, timeout=PATIENCE):
        return self.sh(script, timeout).out.strip()

    def fails(self, script):
        """Runs what must fail; returns what it said."""
        result = self.sh(f'{{ {script}\n}} 2>&1', check=False)
        assert result.rc != 0, f'succeeded, but must fail: {script}'
        return result.out

    def spawn(self, script):
        return self.guest.spawn(script)

    @staticmethod
    def finish(script, what):
        """Waits for what spawn() started; it must have succeeded."""
        result = script.wait(PATIENCE, check=False)
        assert result.rc == 0, f'{what} failed ({result.rc}): {result.out[-2000:]}'

    def qmp(self, command, **arguments):
        return self.guest.qmp(command, **arguments)

    def wait_event(self, name, timeout=PATIENCE):
        return self.guest.wait_event(name, timeout)

    def until(self, condition, what):
        """Waits until a shell condition holds in the guest."""
        script = f'i=0; until {condition}; do i=$((i + 1)); [ $i -lt {PATIENCE * 3} ] || exit 1; sleep 0.3; done'
        result = self.sh(script, timeout=PATIENCE * 3, check=False)
        assert result.rc == 0, f'never happened: {what}'

    # the module

    @property
    def module_path(self):
        return MODULES[self.module]

    def load(self, params='', module=None):
        self.sh(f'insmod {MODULES[module or self.module]} {params}')
        self.params = params

    def unload(self):
        self.sh('rmmod virtio_blk')
        self.params = None

    def reload(self, params='', module=None):
        self.unload()
        self.load(params, module)

    def want(self, params):
        """The module loaded with these parameters; None: not loaded."""
        if params != self.params:
            self.drop()
            if params is not None:
                self.load(params)

    def drop(self):
        """Unloads the module, if it is there: a test may have loaded it in its own way."""
        self.sh('[ ! -d /sys/module/virtio_blk ] || rmmod virtio_blk')
        self.params = None

    def loaded(self):
        return self.sh('[ -d /sys/module/virtio_blk ]', check=False).rc == 0

    # disks

    def disk(self, serial):
        """The name (vda) of the disk with that serial."""
        names = self.disks().get(serial)
        assert names, f'no disk has the serial "{serial}"'
        assert len(names) == 1, f'disks with the serial "{serial}": {names}'
        return names[0]

    def dev(self, serial):
        return f'/dev/{self.disk(serial)}'

    def disks(self):
        """serial -> names of all virtio disks."""
        found = {}
        listing = self.out("""cd /sys/block
            for d in vd*; do [ ! -e $d ] || { IFS= read -r s < $d/serial; echo "$d $s"; }; done""")
        for line in listing.splitlines():
            name, _, serial = line.partition(' ')
            found.setdefault(serial, []).append(name)
        return found

    def attribute(self, name, path):
        return self.out(f'cat /sys/block/{name}/{path}')

    def image(self, disk_id):
        return self.boot.disk(disk_id).image(self.workdir)

    def allocated(self, disk_id):
        """Bytes that the host's file system has for the image, within EXTENT_BLOCKS."""
        return self.image(disk_id).stat().st_blocks * 512

    def stats(self, disk_id):
        """QEMU's counters for a disk, and those of the image under it (discard-nb-ok, discard-bytes-ok)."""
        for device in self.qmp('query-blockstats'):
            if self.boot.disk(disk_id).qdev in device.get('qdev', '').split('/'):
                return {**device['stats'], **device.get('driver-specific', {})}
        raise AssertionError(f'query-blockstats has no device {disk_id}')

    def plug(self, disk_id, **where):
        one = self.boot.disk(disk_id)
        for node in one.blockdevs(self.workdir):
            self.qmp('blockdev-add', **node)
        self.qmp('device_add', **one.device(self.boot.bus_driver), **where)

    def slot(self):
        """device_add's arguments for a free place: a root port of its own, or the root bus. The ports take turns: for a
        second after a disk has left one, Linux ignores what is plugged in there."""
        ports = ' '.join(self.boot.args).count('pcie-root-port')
        self._plugs += 1
        return {'bus': f'port{self._plugs % ports}'} if ports else {}

    def unplug(self, *disk_ids):
        """Asks the guest to give disks up, and waits until QEMU has them back."""
        gone = {self.boot.disk(disk_id).qdev for disk_id in disk_ids}
        for device in sorted(gone):
            self.qmp('device_del', id=device)
        while gone:
            gone.discard(self.wait_event('DEVICE_DELETED').get('data', {}).get('device'))
        for one in map(self.boot.disk, disk_ids):
            for depth in reversed(range(len(one.filters) + 1)):
                self.qmp('blockdev-del', **{'node-name': one.layer(depth)})

    # the kernel log

    @contextlib.contextmanager
    def messages(self):
        """The kernel's messages from here to the end of the block, without time stamps."""
        lines = []
        begin = self._mark()
        yield lines
        end = self._mark()
        console = self.guest.log.read_text(errors='replace')
        lines += [STAMP.sub('', line).strip() for line in console.partition(begin)[2].partition(end)[0].splitlines()[1:-1]]

    def _mark(self):
        """A line in the kernel log that is on the console, too: that saves the guest from showing its whole log."""
        self._marks += 1
        mark = f'tests: mark {self._marks}.'
        self.sh(f'echo {mark} > /dev/kmsg')
        waited = 0
        while mark not in self.guest.log.read_text(errors='replace'):
            assert waited < PATIENCE, f'not on the console: {mark}'
            time.sleep(0.1)
            waited += 0.1
        return mark

    # I/O

    def fio(self, dev, *more, **options):
        """Runs a fio job on each of the devices. Any fio error fails the test."""
        result = self._fio(dev, options, *more)
        assert result.rc == 0, f'fio on {", ".join((dev, *more))} failed ({result.rc}): {result.out[-2000:]}'

    def figures(self):
        """What the last fio job did."""
        text = self.out('cat /tmp/fio.json')
        return json.loads(text[text.index('{'):])['jobs'][0]    # fio puts remarks before it

    def fio_errors(self, dev, **options):
        """Runs a job over its errors; returns how many there were."""
        self._fio(dev, {**options, 'continue_on_error': 'all'})
        return self.figures()['total_err']

    def _fio(self, dev, options, *more):
        command = fio_command(dev, {'output-format': 'json', 'output': '/tmp/fio.json', **options}, *more)
        return self.sh(command, check=False)

    @contextlib.contextmanager
    def busy(self, *devs, errors=False, apart=False, **options):
        """Verified I/O on devices, over and over, while the block runs.

        It starts before the block does, and each device sees at least one whole round more after it ended.
        With `errors`, fio may fail (the disk goes away): what counts is that it ends. With `apart`, a device that
        stands still does not keep the others from their next round.
        """
        # One fio for all of them: to start it costs more than a round's I/O.
        groups = [[dev] for dev in devs] if errors or apart else [devs]
        self.sh('rm -f /tmp/busy.*')
        rounds = [self.spawn(_rounds(index, group, options, errors)) for index, group in enumerate(groups)]
        for index, group in enumerate(groups):
            self.until(f'[ -e /tmp/busy.{index}.running ]', f'I/O on {", ".join(group)} starts')
        yield
        self.sh('touch /tmp/busy.stop')
        for group, spawned in zip(groups, rounds):
            self.finish(spawned, f'I/O on {", ".join(group)}')


def fio_command(dev, options, *more):
    """One job, which `more` devices have at the same time. A fio that gives up may signal all of its process group."""
    return 'setsid fio ' + ' '.join(f'--{key}={shlex.quote(str(value))}' for one in (dev, *more)
                                    for key, value in _job(one, options).items() if value is not None)


def _job(dev, options):
    job = {'name': 'job', 'filename': dev, 'direct': 1, 'ioengine': 'libaio', 'iodepth': 16, 'thread': 1,
           'group_reporting': 1, 'disk_util': 0, **options}
    if dev.startswith('/dev/'):
        job['allow_file_create'] = 0    # a disk that is gone is not to become a file
    return job


def verified(**options):
    """fio options: writes blocks that say where they belong, then reads them back."""
    return {'rw': 'randwrite', 'bs': '4k', 'size': '2m', 'verify': 'crc32c', 'verify_fatal': 1, 'do_verify': 1,
            'randrepeat': 0, **options}


def _rounds(index, devs, options, errors):
    command = fio_command(devs[0], verified(**{'size': '512k', **options}), *devs[1:])
    last = 'exit 0' if errors else 'exit 1'
    return f'''
        {{ sleep 1; touch /tmp/busy.{index}.running; }} &
        while :; do
            if [ -e /tmp/busy.stop ]; then stop=1; else stop=; fi
            {command} > /tmp/busy.{index}.out 2>&1 || {{ cat /tmp/busy.{index}.out; {last}; }}
            [ -z "$stop" ] || exit 0
        done'''
