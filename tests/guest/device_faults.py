# SPDX-License-Identifier: GPL-2.0-only
"""A device that lies about a request fails that one and no other; what is odd but legal does no harm."""

from tests import boots, sim
from tests.machine import verified

ZONED = ('bad_report', 'bad_append')
# Only of legacy devices may a driver ignore the length (VIRTIO 1.3, 5.2.6.3).
OPTIONS = {'zero_len': '-version_1', 'torn_config-legacy': '-version_1', **dict.fromkeys(ZONED, 'zoned=host-managed')}
FAILING = ('no_status', 'bad_status', 'io_error')
CASES = {boots.SIM_FAULTS: [*FAILING, 'wrong_len', 'zero_len', 'late', 'spurious_irq', 'early_irq', 'torn_config',
                            'torn_config-legacy', 'bad_report', 'bad_append']}
NEWEST = {boots.SIM_FAULTS: ['bad_status', 'io_error', 'wrong_len', 'late', 'early_irq', 'torn_config-legacy',
                             'bad_append']}
SPEC = ('2.5.1', '2.5.4', '2.7.7.1', '5.2.6.3')
HELPERS = ('virtio_blk_sim', 'zone_append')


def test(g, fault):
    with sim.device(g, f'{fault} queues=2 {OPTIONS.get(fault, "")}') as disk:
        if fault in FAILING:
            fails_once(g, disk, fault)
        else:
            CHECKS[fault](g, disk)
        if fault not in ZONED:
            g.fio(disk.dev, **verified(size='1m'))


def fails_once(g, disk, fault):
    for command in (f'dd if={disk.dev} of=/dev/null bs=4k count=1 iflag=direct',
                    f'dd if=/dev/zero of={disk.dev} bs=4k count=1 oflag=direct',
                    f'blkdiscard -f -l 1048576 {disk.dev}', f'blkdiscard -f --secure -l 1048576 {disk.dev}'):
        disk.fault(fault)
        said = g.fails(command)
        assert 'Input/output error' in said, f'{command}: {said}'
        g.sh(f'{command} 2>/dev/null')
    disk.fault(fault)
    assert g.attribute(disk.disk, 'serial') == ''       # no error, as with the in-tree driver
    assert g.attribute(disk.disk, 'serial') == fault


def wrong_len(g, disk, fault='wrong_len'):
    g.sh(f'dd if={disk.dev} of=/dev/null bs=4k count=1 iflag=direct')     # tells a length
    disk.fault(fault, -1)
    g.fio(disk.dev, **verified(size='4m', bsrange='512-64k'))


def zero_len(g, disk):
    wrong_len(g, disk, 'zero_len')


def late(g, disk):
    disk.set('late_ms', 1500)
    disk.set('order', 'random')
    disk.fault('late', 20)
    g.fio(disk.dev, **verified(size='1m', numjobs=2, offset_increment='8m'))


def spurious_irq(g, disk):
    disk.fault('spurious_irq', -1)
    with disk.counting() as done:
        g.fio(disk.dev, **verified(size='2m'))
    assert done['interrupts'] >= done['kicks'], done


def early_irq(g, disk):
    g.sh(f'echo {disk.virtio} > /sys/bus/virtio/drivers/virtio_blk/unbind')
    disk.fault('early_irq', 2)
    with disk.counting() as done:
        g.sh(f'echo {disk.virtio} > /sys/bus/virtio/drivers/virtio_blk/bind')
    assert done['interrupts'] >= 2, done


def torn_config(g, disk):
    disk.fault('torn_config', 3)
    disk.set('config', 'capacity 65536')
    g.until(f'[ $(cat /sys/block/{disk.disk}/size) = 65536 ]', 'the new size')
    assert 'torn_config 0' in g.out(f'cat {disk.folder}/faults').splitlines()


def bad_report(g, disk):
    disk.fault('bad_report')
    assert 'rror' in g.fails(f'blkzone report {disk.dev}')
    assert len(disk.zones()) == 16


def bad_append(g, disk):
    parameters = '/sys/module/zone_append/parameters'
    disk.fault('bad_append')
    g.sh(f"""set -e; insmod /modules/zone_append.ko
        echo "{disk.dev} 8192 8 3" > {parameters}/run; cat {parameters}/landed > /tmp/landed
        rmmod zone_append""")
    landed = sorted(map(int, g.out('cat /tmp/landed').split(',')))
    assert landed == [-5, 8200, 8208], landed


CHECKS = {'wrong_len': wrong_len, 'zero_len': zero_len, 'late': late, 'spurious_irq': spurious_irq,
          'early_irq': early_irq, 'torn_config': torn_config, 'torn_config-legacy': torn_config,
          'bad_report': bad_report, 'bad_append': bad_append}
