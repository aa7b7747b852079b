# SPDX-License-Identifier: GPL-2.0-only
"""A Debian machine: its disk, and the guests that run on it one after the other. Each boots the kernel and the
initramfs that the one before has left in /boot, as a boot loader would."""

import os
import re
import subprocess
import time
from types import SimpleNamespace

from harness import initramfs
from harness.qemu import Guest, drive
from harness.util import Failure, need_tool
from tests.install import image
from tests.run_boot import APPEND

# Seconds; only a hang takes that long, also on a slow host.
PATIENCE = 60 * int(os.environ.get('VBLK_PATIENCE', 60))
# On a slow host udev kills who waits for a self-test of the crypto modules, and the kernel warns of that.
SLOW = 'cryptomgr.notests udev.event_timeout=3600 rootwait'


class Machine:
    def __init__(self, base, folder, args=()):
        self.folder, self.args = folder, args
        folder.mkdir(parents=True, exist_ok=True)
        self.disk = image.copy(base, folder / 'root.img')
        self.guest, self.kernel, self.boots = None, None, 0
        self.put(initramfs.GUEST / 'agent', '/usr/local/lib/agent')

    # the disk, while no guest runs

    def debugfs(self, request, write=False, check=True):
        # As a boot loader reads: after a power cut the bitmaps are wrong until somebody replays the journal.
        done = subprocess.run([need_tool('debugfs', 'e2fsprogs'), '-w' if write else '-c', '-R', request, self.disk],
                              capture_output=True, text=True)
        lines = [line for line in done.stderr.splitlines() if not line.startswith('debugfs ')]
        if check and (done.returncode or lines):
            raise Failure(f'debugfs "{request}": {lines or done.returncode}')
        return done.stdout + done.stderr

    def put(self, path, target):
        """Copies a file into the disk, in place of one that is there."""
        if 'File not found' not in self.debugfs(f'stat {target}', check=False):
            self.debugfs(f'rm {target}', write=True)
        self.debugfs(f'write {path} {target}', write=True)

    def kernels(self):
        """The releases that could be booted, oldest first."""
        names = {row.split('/')[5] for row in self.debugfs('ls -p /boot').splitlines() if row.count('/') > 5}
        found = [name.removeprefix('vmlinuz-') for name in names
                 if name.startswith('vmlinuz-') and name.replace('vmlinuz', 'initrd.img', 1) in names]
        return sorted(found, key=lambda name: [int(part) for part in re.findall(r'\d+', name)])

    def check_disk(self):
        """The file system is without fault, after a clean end."""
        done = subprocess.run([need_tool('e2fsck', 'e2fsprogs'), '-fn', self.disk], capture_output=True, text=True)
        assert done.returncode == 0, f'e2fsck on the root file system: {done.stdout[-1500:]}'

    # the guest

    def boot(self, kernel=None, append='', allow=()):
        """Boots the newest kernel in /boot, or another one."""
        kernel = kernel or self.kernels()[-1]
        self.boots += 1
        folder = self.folder / f'boot-{self.boots}'
        folder.mkdir()
        files = SimpleNamespace(image=folder / 'vmlinuz', initrd=folder / 'initrd.img')
        self.debugfs(f'dump /boot/vmlinuz-{kernel} {files.image}')
        self.debugfs(f'dump /boot/initrd.img-{kernel} {files.initrd}')
        guest = Guest(files, files.initrd, cpus=2, mem='1536M', workdir=folder, boot_timeout=PATIENCE, allow=allow,
                      args=[*drive('root', self._backend(), queues=2, serial='root'), *self.args],
                      append=f'{APPEND} {SLOW} root=/dev/vda rw {append}'.strip())
        self.guest = guest.start()
        files.image.unlink()
        files.initrd.unlink()
        running = self.out('uname -r')
        assert running == kernel, f'{running} runs instead of {kernel}'
        self.kernel = kernel

    def _backend(self):
        """With the host's cache and no flushes: what QEMU has written outlives it, whenever it is killed."""
        cache = {'direct': False, 'no-flush': True}
        return {'driver': 'raw', 'discard': 'unmap', 'cache': cache,
                'file': {'driver': 'file', 'filename': str(self.disk), 'discard': 'unmap', 'cache': cache}}

    def reboot(self, **how):
        self.shut_down()
        self.boot(**how)

    def shut_down(self):
        """As an administrator does: everything is stopped and unmounted."""
        self.guest.spawn('systemctl reboot')
        end = time.monotonic() + PATIENCE
        while self.guest.alive():
            if time.monotonic() > end:
                self.guest.give_up('did not go down')
            time.sleep(0.5)
        self.guest.close()
        self.guest = None

    def cut_power(self):
        self.guest.kill()
        self.guest = None

    def drop(self):
        if self.guest:
            self.guest.kill()
        self.disk.unlink(missing_ok=True)

    # commands

    def sh(self, script, check=True):
        result = self.guest.sh(script, timeout=PATIENCE, check=False)
        assert result.rc == 0 or not check, f'exit code {result.rc} of: {script.strip()}\nsaid: {result.out[-3000:]}'
        return result

    def out(self, script):
        return self.sh(script).out.strip()
