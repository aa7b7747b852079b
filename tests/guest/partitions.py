# SPDX-License-Identifier: GPL-2.0-only
"""Partitions of both table formats get their names and minors, and keep to their part of the disk."""

from tests import boots
from tests.machine import verified

CASES = {boots.OPS: ['dos', 'gpt'], boots.MICROVM: ['gpt']}
FIRST, SIZE = 2048, 4096


def test(g, label):
    disk = 'plain' if g.boot is boots.OPS else 'split'
    count = 4 if label == 'dos' else 15
    name = g.disk(disk)
    rows = '\n'.join(f'start={FIRST + SIZE * number}, size={SIZE}' for number in range(count))
    g.sh(f'dd if=/dev/zero of=/dev/{name} bs=1M count=2 oflag=direct 2>/dev/null')
    g.sh(f"printf 'label: {label}\n{rows}\n' | sfdisk -q /dev/{name}")
    names = [f'{name}{number}' for number in range(1, count + 1)]
    g.until(f'[ -b /dev/{names[-1]} ]', f'/dev/{names[-1]} appears')
    major, minor = map(int, g.attribute(name, 'dev').split(':'))
    seen = g.out(f'cd /sys/block/{name}; for p in {name}*; do echo $p $(cat $p/dev $p/start $p/size); done')
    wanted = [f'{part} {major}:{minor + number} {FIRST + SIZE * (number - 1)} {SIZE}'
              for number, part in enumerate(names, 1)]
    assert sorted(seen.splitlines()) == sorted(wanted), seen
    g.fio(f'/dev/{names[1]}', **verified(size='1m', verify_pattern='0x5a', verify='pattern'))
    image = g.image(disk).read_bytes()
    assert image[(FIRST + SIZE) * 512:][:4096].count(0x5a) > 4000, 'the second partition is not where it should be'
    with g.messages() as log:
        g.reload()
    name = g.disk(disk)
    assert ' '.join([f'{name}:'] + [f'{name}{number}' for number in range(1, count + 1)]) in log, f'{name}: {log}'
    g.sh(f'sfdisk -q --delete /dev/{name}')
