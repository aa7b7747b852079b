# SPDX-License-Identifier: GPL-2.0-only
"""Verified I/O that goes on while other things happen, and data that has to be there all the time."""

import contextlib

from tests import usage
from tests.machine import fio_command, verified

# Where nothing else writes: a megabyte that has to stay as it was at the beginning, and its copy.
KEPT_AT = 48
KEPT = '/tmp/kept.{}'
ROUND = {'rw': 'randrw', 'rwmixread': 30, 'offset': '2m', 'verify_dump': 1}
FILE_SYSTEM = 'file-system'
FILE = '/mnt/verify'
# fio leaves a wrong block, or what should be one, in its folder.
DUMP = 'for file in *.hdr_fail *.received *.expected; do [ ! -e $file ] || { echo "$file:"; hexdump -C $file | head -n 4; }; done'


class Work:
    """`rounds`: how many times each disk's data was written, read back and found right."""

    def __init__(self, g, chance):
        self.g, self.chance = g, chance
        self.running, self.rounds = {}, {}

    def begin(self, serials):
        for serial in serials:
            if serial == FILE_SYSTEM:
                self.g.sh(f'mke2fs -q -F -t ext4 {self.g.dev(serial)}')
            else:
                kept = KEPT.format(serial)
                self.g.sh(f'''set -e; dd if=/dev/urandom of={kept} bs=1M count=1
                    dd if={kept} of={self.g.dev(serial)} bs=1M seek={KEPT_AT} oflag=direct''')
        self.start(*serials)

    def start(self, *serials):
        for serial in serials:
            path = self.g.dev(serial)
            if serial == FILE_SYSTEM:
                self.g.sh(f'mount {path} /mnt')
                path = FILE
            self.g.sh(f': > /tmp/soak.{serial}.rounds')
            self.running[serial] = self.g.spawn(script(serial, path, self.options(serial)))

    def options(self, serial):
        """Of fio, as chance will have it."""
        smallest = '4k' if serial == FILE_SYSTEM else self.chance.choice(('512', '4k', '16k'))
        return {'bs': None, 'bsrange': f'{smallest}-{self.chance.choice(("16k", "64k", "256k"))}',
                'size': self.chance.choice(('256k', '512k', '1m')), **usage.sleeps_well(self.chance.choice((1, 4, 8)))}

    def stop(self, *serials):
        """The round that runs is finished, and has to be right."""
        self.g.sh(f'touch {" ".join(f"/tmp/soak.{serial}.stop" for serial in serials)}')
        for serial in serials:
            self.g.finish(self.running[serial], f'I/O on {serial}')
            del self.running[serial]
            self.rounds[serial] = self.rounds.get(serial, 0) + self.done(serial)
            self.g.sh(f'rm -rf /tmp/soak.{serial}.*')
            if serial == FILE_SYSTEM:
                self.g.sh(f'umount /mnt && e2fsck -fn {self.g.dev(serial)} 2>&1')
            else:
                self.check_kept(serial)

    def done(self, serial):
        return int(self.g.out(f'wc -l < /tmp/soak.{serial}.rounds'))

    def check_kept(self, serial):
        self.g.sh(f'dd if={self.g.dev(serial)} bs=1M skip={KEPT_AT} count=1 iflag=direct | '
                  f'cmp - {KEPT.format(serial)} 2>&1')

    @contextlib.contextmanager
    def paused(self, *serials):
        self.stop(*serials)
        yield
        self.start(*serials)

    def goes_on(self, serial):
        """Waits for a whole round."""
        wanted = self.done(serial) + 2
        self.g.until(f'[ $(wc -l < /tmp/soak.{serial}.rounds) -ge {wanted} ] || [ -e /tmp/soak.{serial}.failed ]',
                     f'I/O on {serial} goes on')

    def check(self):
        """None may have ended by itself."""
        for serial, running in self.running.items():
            if running.done():
                result = running.wait(1, check=False)
                raise AssertionError(f'I/O on {serial} ended ({result.rc}): {result.out[-1500:]}')


def script(serial, path, options):
    name = f'/tmp/soak.{serial}'
    return f'''mkdir -p {name}.dump && cd {name}.dump || exit 1
        until [ -e {name}.stop ]; do
            {fio_command(path, verified(**{**ROUND, **options}))} > {name}.out 2>&1 || {{
                touch {name}.failed; head -n 12 {name}.out; {DUMP}; exit 1; }}
            echo done >> {name}.rounds
        done'''
