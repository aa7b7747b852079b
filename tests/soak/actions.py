# SPDX-License-Identifier: GPL-2.0-only
"""What may happen to a guest. An action draws all that it needs from its `chance` and says what it is about to do
before it does anything: the same seed gives the same actions, however long each takes."""

import contextlib

from tests import sim, usage
from tests.boot import MIB
from tests.guest.failslab import KNOBS
from tests.guest.reset_under_io import NO_MASTER
from tests.machine import fio_command, verified
from tests.soak.work import FILE_SYSTEM

TIMEOUT = 5         # seconds: the module's io_timeout
BASE = f'io_timeout={TIMEOUT}'
PARAMS = ('indirect=0', 'indirect=1', 'queue_depth=16', 'num_request_queues=2', 'poll_queues=1', '')
RESIZED = ('1q', '4q', 'packed', 'ring16')
DISKS = (*RESIZED, 'bad-sector')
# QEMU 7.2's main loop spins for ever when a packed ring may not be reached any more.
SPLIT = ('1q', '4q', 'ring16', 'bad-sector')
BAD_SECTOR = 2048
PLUGGED = ('plug-1q', 'plug-4q', 'plug-packed', 'plug-ring16')
BUSY_SIM, FAULTY_SIM, ZONED_SIM = 'sim-4q', 'sim-faulty', 'sim-zoned'
SIMS = (f'{BUSY_SIM} queues=4 size=256M', f'{FAULTY_SIM} queues=2', f'{ZONED_SIM} zoned=host-managed conventional=2')
WORKING = (*DISKS, FILE_SYSTEM, BUSY_SIM)
SURVIVED = ('lose', 'late', 'needs_reset', 'wrong_len', 'spurious_irq', 'torn_config')
FAILING = ('no_status', 'bad_status', 'io_error')


def hot_plug(soak, chance):
    g, disks = soak.g, chance.sample(PLUGGED, chance.randint(1, 3))
    how = chance.choice(('idle', 'io', 'open'))
    soak.say(f'{", ".join(disks)}, pulled out: {how}')
    for disk in disks:
        g.plug(disk)
    names = {}
    for disk in disks:
        g.until(f'grep -qsx {disk} /sys/block/vd*/serial', f'{disk} appears')
        names[disk] = g.disk(disk)
        g.fio(f'/dev/{names[disk]}', **verified(size='512k'))
    for disk in disks:
        with usage.USES[how](g, names[disk]):
            g.unplug(disk)
            g.until(f'[ ! -e /sys/block/{names[disk]} ]', f'{names[disk]} is gone')


def resize(soak, chance):
    g, disk = soak.g, chance.choice(RESIZED)
    sizes = [chance.randrange(64 * MIB, 160 * MIB, 512) for _ in range(3)]
    soak.say(f'{disk} to {", ".join(map(str, sizes))} bytes')
    for size in sizes:
        g.qmp('block_resize', **{'node-name': g.boot.disk(disk).node, 'size': size})
        g.until(f'[ "$(cat /sys/block/{g.disk(disk)}/size)" = {size // 512} ]', f'{disk} has {size} bytes')
    soak.work.goes_on(disk)


def rebind(soak, chance):
    g, disk, how = soak.g, chance.choice((*DISKS, BUSY_SIM)), chance.choice(('idle', 'io', 'open'))
    soak.say(f'{disk}, let go: {how}')
    driver = '/sys/bus/virtio/drivers/virtio_blk'
    with soak.work.paused(disk):
        name = g.disk(disk)
        device = g.out(f'basename $(readlink -f /sys/block/{name}/device)')
        with usage.USES[how](g, name):
            g.sh(f'echo {device} > {driver}/unbind; echo {device} > {driver}/bind')
            g.fio(g.dev(disk), **verified(size='256k', offset='2m'))


def reload(soak, chance):
    params = chance.choice(PARAMS)
    soak.say(params or 'defaults')
    with soak.work.paused(*WORKING):
        soak.g.reload(f'{BASE} {params}')


def sleep(soak, chance):
    soak.say('to RAM')
    g = soak.g
    going = g.spawn('echo deep > /sys/power/mem_sleep && echo mem > /sys/power/state')
    g.wait_event('SUSPEND')
    g.qmp('system_wakeup')
    g.finish(going, 'suspend')


def freeze(soak, chance):
    level = chance.choice(('devices', 'platform', 'core'))
    soak.say(f'pm_test {level}')
    soak.g.sh(f'''set -e; echo {level} > /sys/power/pm_test
        echo disk > /sys/power/state; echo none > /sys/power/pm_test''')


def cpus(soak, chance):
    leaving = chance.sample((1, 2, 3), chance.randint(1, 3))
    coming = chance.sample(leaving, len(leaving))
    pause = chance.choice((0, 0.5, 2))
    soak.say(f'{leaving} go, {coming} come back')
    soak.g.sh('set -e\n' + '\n'.join(f'echo {online} > /sys/devices/system/cpu/cpu{cpu}/online; sleep {pause}'
                                     for online, some in ((0, leaving), (1, coming)) for cpu in some))


def bus_master(soak, chance):
    g, disk = soak.g, chance.choice(SPLIT)
    soak.say(f'{disk} may not reach memory')
    name = g.disk(disk)
    g.sh(f'echo 2000 > /sys/block/{name}/queue/io_timeout\n'
         + NO_MASTER.format(pci=f'$(readlink -f /sys/block/{name}/device/..)'))
    soak.work.goes_on(disk)


def fault(soak, chance):
    name, times = chance.choice(SURVIVED), chance.randint(1, 3)
    device = soak.sims[BUSY_SIM]
    soak.say(f'{name}, {1 if name == "needs_reset" else times} times')
    if name == 'needs_reset':
        device.set(name, 1)
    else:
        device.set('late_ms', 1500)
        if name == 'spurious_irq':
            # Which one is only if nothing was done; without latency, each look of the device finds something.
            device.set('latency_us', 1000)
        device.fault(name, times)
    if name == 'torn_config':
        device.set('config', f'capacity {chance.randrange(128 * MIB, 256 * MIB, 4096) // 512}')
    else:
        soak.work.goes_on(BUSY_SIM)
    soak.g.until(f"! grep -qv ' 0$' {device.folder}/faults", f'{name} has happened')
    device.set('latency_us', 0)


def failure(soak, chance):
    g, name = soak.g, chance.choice(FAILING)
    soak.say(f'{name}, a bad sector')
    dev, bad = g.dev(FAULTY_SIM), g.dev('bad-sector')
    for command in (f'dd if={dev} of=/dev/null bs=4k count=1 iflag=direct',
                    f'dd if=/dev/zero of={dev} bs=4k count=1 oflag=direct', f'blkdiscard -f -l 1048576 {dev}'):
        soak.sims[FAULTY_SIM].fault(name)
        assert 'Input/output error' in g.fails(command), command
        g.sh(f'{command} 2>/dev/null')
    said = g.fails(f'dd if={bad} of=/dev/null bs=4k count=1 skip={BAD_SECTOR // 8} iflag=direct')
    assert 'Input/output error' in said, said


def no_memory(soak, chance):
    disk, probability = chance.choice(('1q', 'ring16')), chance.randint(5, 60)
    soak.say(f'{disk}, {probability} %')
    g = soak.g
    job = fio_command(g.dev(disk), {'rw': 'randwrite', 'offset': '32m', 'size': '4m', 'continue_on_error': 'all',
                                    'bsrange': '4k-512k', 'iodepth': 32})
    g.sh(f'''cd {KNOBS}
        echo 0 > verbose; echo Y > task-filter; echo Y > ignore-gfp-wait; echo 1 > interval; echo -1 > times
        echo {probability} > probability
        sh -c 'echo 1 > /proc/self/make-it-fail; exec {job}' > /dev/null
        echo 0 > probability''')
    soak.work.goes_on(disk)


def zeroes(soak, chance):
    disk, blocks = chance.choice(('1q', '4q', 'packed')), chance.randint(1, 64)
    soak.say(f'{4 * blocks} KiB of {disk}')
    dev, where = soak.g.dev(disk), f'-o {40 * MIB} -l {4096 * blocks}'
    at = f'bs=4k count={blocks}'
    soak.g.sh(f'''set -e
        dd if=/dev/urandom of={dev} {at} seek=10240 oflag=direct 2>/dev/null
        blkdiscard -f -z {where} {dev}
        [ $(dd if={dev} {at} skip=10240 iflag=direct 2>/dev/null | tr -d '\\0' | wc -c) = 0 ]
        blkdiscard -f {where} {dev}''')


def zones(soak, chance):
    jobs = chance.randint(1, 3)
    soak.say(f'{jobs} writers')
    dev = soak.g.dev(ZONED_SIM)
    soak.g.sh(f'blkzone reset {dev}')
    soak.g.fio(dev, zonemode='zbd', rw='randwrite', bsrange='4k-64k', offset='16m', size='12m', io_size='2m',
               numjobs=jobs, offset_increment='12m', max_open_zones=8, iodepth=8, verify='crc32c', do_verify=1,
               verify_fatal=1)


ACTIONS = (hot_plug, resize, rebind, reload, sleep, freeze, cpus, bus_master, fault, failure, no_memory, zeroes, zones)


@contextlib.contextmanager
def simulated(g):
    """serial -> device of those that virtio_blk_sim makes"""
    with sim.devices(g, *SIMS) as made:
        yield {device.serial: device for device in made}
