# SPDX-License-Identifier: GPL-2.0-only
"""Every machine that the tests run on. Few of them, because a boot costs more than a disk."""

from tests.boot import MEM, MIB, Boot, disk

QUEUES = 4
MODERN = {'disable-legacy': 'on', 'disable-modern': False}
TRANSITIONAL = {'disable-legacy': 'off', 'disable-modern': False}
LEGACY = {'disable-legacy': 'off', 'disable-modern': True}


def ring(name, packed=False, event_idx=True, indirect=True, queues=1, **fields):
    options = {'event_idx': event_idx, 'indirect_desc': indirect, 'num-queues': queues, **fields.pop('options', {})}
    if packed:
        options['packed'] = True
    return disk(name, options, **fields)


def layouts(transport, **fields):
    """Split and packed, with and without each ring feature."""
    for packed in (False, True):
        for event_idx in (True, False):
            for indirect in (True, False):
                words = ['packed' if packed else 'split'] + ['noev'] * (not event_idx) + ['direct'] * (not indirect)
                yield ring('-'.join(words), packed, event_idx, indirect, options=transport, **fields)


def root_ports(count):
    """Where disks can be plugged in."""
    return tuple(arg for port in range(count)
                 for arg in ('-device', f'pcie-root-port,id=port{port},chassis={port + 1},slot={port + 1}'))


# What a user can set on a device and see in the guest.
SYSFS = Boot('sysfs', (
    disk('defaults', backend='null'),
    disk('blocks-4096', {'logical_block_size': 4096, 'physical_block_size': 4096}, backend='null'),
    disk('topology', {'logical_block_size': 512, 'physical_block_size': 4096, 'min_io_size': 8192,
                      'opt_io_size': 65536}, backend='null'),
    disk('read-only', backend='null', readonly=True),
    disk('discard-limits', {'discard': True, 'write-zeroes': True, 'max-discard-sectors': 2048,
                            'max-write-zeroes-sectors': 4096, 'discard_granularity': 4096}),
    disk('discard-off', {'discard': False, 'write-zeroes': False}),
    disk('wce-on', {'config-wce': True, 'write-cache': 'on'}),
    disk('wce-through', {'config-wce': True, 'write-cache': 'off'}),
    disk('wce-fixed', {'config-wce': False, 'write-cache': 'on'}),
    disk('wce-fixed-through', {'config-wce': False, 'write-cache': 'off'}),
    disk('4-queues', {'num-queues': 4}, backend='null'),
    disk('2-queues', {'num-queues': 2}, backend='null'),
    disk('seg-max-fixed', {'seg-max-adjust': False, 'queue-size': 64}, backend='null'),
    disk('queue-16', {'queue-size': 16}, backend='null'),
    disk('queue-1024', {'queue-size': 1024}, backend='null'),
    disk('geometry', {'cyls': 100, 'heads': 7, 'secs': 17}, backend='null'),
    ring('packed', True, options=MODERN, backend='null'),
    ring('direct', indirect=False, options=MODERN, backend='null'),
    ring('noevent', event_idx=False, backend='null'),
    disk('modern', MODERN, backend='null'),
    disk('transitional', TRANSITIONAL, backend='null'),
    disk('legacy', LEGACY, backend='null'),
    disk('serial-of-20-bytes--', backend='null'),
    disk('no-serial', {'serial': ''}, backend='null', size=3 * MIB + 512),
), pace=1)

# Every ring layout, and the ways PCI delivers the interrupts.
RINGS = Boot('rings', (
    *layouts(MODERN),
    ring('split-4q', queues=QUEUES),
    ring('packed-4q', True, queues=QUEUES),
    ring('direct-4q', indirect=False, queues=QUEUES),
    ring('intx', options={'vectors': 0}),
    ring('intx-4q', queues=QUEUES, options={'vectors': 0}),
    ring('one-vector', options={'vectors': 1}),
    ring('two-vectors-4q', queues=QUEUES, options={'vectors': 2}),
    disk('transitional', TRANSITIONAL),
    disk('legacy', LEGACY),
    ring('legacy-direct', indirect=False, options=LEGACY),
    ring('legacy-4q', queues=QUEUES, options=LEGACY),
))

# The older machine: everything transitional, interrupts shared, hot plug by ACPI without bridges. With KASAN the kernel
# takes half a minute to ask ACPI for an interrupt, so it does not.
PC = Boot('pc', (
    disk('transitional'),
    ring('intx', options={'vectors': 0}),
    ring('intx-too', options={'vectors': 0}),
    ring('packed-4q', True, queues=QUEUES),
    ring('direct-2q', indirect=False, queues=2),
    ring('queue-16', options={'queue-size': 16}),
    disk('plugged', plugged=False),
), machine='pc', append='acpi=noirq', leaks=True, pace=9)

# DMA addresses that are not physical ones, and data that is copied.
PLATFORM = {**MODERN, 'iommu_platform': True}
PLATFORM_DISKS = (ring('split', options=PLATFORM), ring('packed', True, options=PLATFORM),
                  ring('direct', indirect=False, options=PLATFORM), ring('split-4q', queues=QUEUES, options=PLATFORM))
IOMMU = Boot('iommu', tuple(disk(one.id, {**dict(one.options), 'ats': True}) for one in PLATFORM_DISKS),
             args=('-device', 'intel-iommu,device-iotlb=on'), append='intel_iommu=on iommu.strict=1')
# 2 MiB for all of them, and for disks of tests/sim.py.
SWIOTLB = Boot('swiotlb', PLATFORM_DISKS, append='swiotlb=1024,force')

# virtio-mmio, of both generations.
MICROVM = Boot('microvm', (ring('split'), ring('packed', True), ring('direct', indirect=False),
                           ring('split-4q', queues=QUEUES), ring('noevent', event_idx=False),
                           disk('no-serial', {'serial': ''}, backend='null')),
               machine='microvm', args=('-global', 'virtio-mmio.force-legacy=false'))
MICROVM_LEGACY = Boot('microvm-legacy', (ring('split'), ring('direct', indirect=False),
                                         ring('split-4q', queues=QUEUES)),
                      machine='microvm', args=('-global', 'virtio-mmio.force-legacy=true'))

# One operation at a time.
OPS = Boot('ops', (
    disk('plain'),
    disk('4q', {'num-queues': QUEUES}),
    disk('blocks-4096', {'logical_block_size': 4096, 'physical_block_size': 4096}),
    disk('read-only', readonly=True),
    disk('through', {'config-wce': False, 'write-cache': 'off'}),
    disk('wce', {'config-wce': True, 'write-cache': 'on'}),
    disk('zeroes-off', {'discard': False, 'write-zeroes': False}),
    disk('small-discard', {'max-discard-sectors': 256, 'max-write-zeroes-sectors': 512}),
    disk('file-system', size=256 * MIB),
))

# Devices that fail, stall or are slow.
FAULT = {'driver': 'blkdebug'}
ERRORS = Boot('errors', (
    disk('fail-read', filters=({**FAULT, 'inject-error': [
        {'event': 'none', 'iotype': 'read', 'errno': 5, 'sector': 2048}]},)),
    disk('fail-write', {'num-queues': QUEUES}, filters=({**FAULT, 'inject-error': [
        {'event': 'none', 'iotype': 'write', 'errno': 5, 'sector': 2048}]},)),
    disk('fail-flush', filters=({**FAULT, 'inject-error': [
        {'event': 'none', 'iotype': 'flush', 'errno': 5, 'once': True}]},)),
    disk('fail-zeroes', filters=({**FAULT, 'inject-error': [
        {'event': 'none', 'iotype': 'write-zeroes', 'errno': 5, 'once': True},
        {'event': 'none', 'iotype': 'discard', 'errno': 5, 'once': True}]},)),
    disk('stop', {'werror': 'stop', 'rerror': 'stop'}, filters=({**FAULT, 'inject-error': [
        {'event': 'none', 'iotype': 'write', 'errno': 28, 'sector': 2048, 'once': True},
        {'event': 'none', 'iotype': 'read', 'errno': 5, 'sector': 4096, 'once': True}]},)),
    disk('throttled', filters=({'driver': 'throttle', 'throttle-group': 'slow'},)),
    disk('throttled-4q', {'num-queues': QUEUES}, filters=({'driver': 'throttle', 'throttle-group': 'slow'},)),
), args=('-object', 'throttle-group,id=slow,x-iops-total=400'), leaks=True)

# Much I/O: poll queues, schedulers, processors that come and go.
LOAD = Boot('load', (
    disk('1q'),
    disk('4q', {'num-queues': QUEUES}),
    ring('ring8-direct', indirect=False, options={'queue-size': 8}),
), pace=10)

# Interrupt handlers are threads, which have interrupts off all the same.
THREADIRQS = Boot('threadirqs', (disk('1q'), disk('4q', {'num-queues': QUEUES}), ring('intx', options={'vectors': 0})),
                  append='threadirqs')

# What is stacked on a disk does its work where the disk ends its requests: in a softirq if there is one queue. CPUs
# share each of two queues.
STACKED = Boot('stacked', (disk('1q'), *(disk(name, {'num-queues': 2}) for name in ('2q', 'mirror')),
                           disk('file-system', {'num-queues': 2}, size=256 * MIB)),
               programs=('dmsetup', 'losetup', 'mdadm', 'mkfs.f2fs'), pace=10)

# A device in the guest's user space: its kernel's part holds locks while it calls the driver.
VDUSE = Boot('vduse', (), programs=('qemu-storage-daemon', 'vdpa'), pace=10)

# Rings that are full most of the time; "wide": the device takes more segments than the ring has room for. What keeps
# them full is buffers of half a GiB.
TINY = Boot('tiny', (
    *(ring(f'ring{size}{"" if indirect else "-direct"}', indirect=indirect, options={'queue-size': size})
      for size in (4, 8, 16) for indirect in (True, False)),
    ring('ring16-packed', True, options={'queue-size': 16}),
    ring('ring16-packed-direct', True, indirect=False, options={'queue-size': 16}),
    ring('ring16-4q', queues=QUEUES, options={'queue-size': 16}),
    ring('ring64-wide-direct', indirect=False, options={'queue-size': 64, 'seg-max-adjust': False}),
    ring('wide-packed-direct', True, indirect=False, options={'queue-size': 64, 'seg-max-adjust': False}),
    ring('ring16-wide', options={'queue-size': 16, 'seg-max-adjust': False}),
), mem='1G', pace=6)

# Disks that come and go.
HOTPLUG = Boot('hotplug', (
    disk('stays', {'num-queues': QUEUES}),
    disk('one', plugged=False),
    disk('two', {'num-queues': QUEUES}, plugged=False),
    disk('three', {'packed': True}, plugged=False),
), leaks=True, args=root_ports(6), pace=12)

# A guest that hangs on its way to sleep shall be able to say where.
TALKS = 'no_console_suspend'

# There has to be room for an image of the memory.
FREEZE = Boot('freeze', (disk('1q'), disk('4q', {'num-queues': QUEUES}), ring('packed-4q', True, queues=QUEUES),
                         ring('intx', options={'vectors': 0})),
              mem='768M', append=TALKS, channel='virtio', pace=14)

# So slow that the kernel is never done with writing to it.
SLOW = ({'driver': 'throttle', 'throttle-group': 'slowly'},)
SLOWLY = ('-object', f'throttle-group,id=slowly,x-bps-write={4 * MIB}')

# Not q35: its firmware forgets the power management registers, and the second suspend would only pretend to sleep.
# Nothing routes INTx again without ACPI (see PC), for the in-tree driver neither.
SUSPEND = Boot('suspend', (disk('1q'), disk('4q', {'num-queues': QUEUES}), ring('packed-4q', True, queues=QUEUES),
                           disk('file-system'), disk('slow', {'num-queues': QUEUES}, SLOW)),
               args=SLOWLY, machine='pc', append=f'{TALKS} acpi=noirq', channel='virtio', pace=9)

# Machines that start another kernel, which is on the last disk.
HELD = ({'driver': 'throttle', 'throttle-group': 'held'},)
KEXEC = Boot('kexec', (disk('1q', filters=HELD), disk('4q', {'num-queues': QUEUES}, HELD),
                       ring('packed', True, filters=HELD), disk('file-system'), disk('next', size=256 * MIB)),
             args=('-object', 'throttle-group,id=held'), pace=35)

MANY = Boot('many', tuple(disk(f'many{number}', {'num-queues': QUEUES}, backend='null') for number in range(16)),
            pace=16)

# More disks than letters: eight functions a slot. The slab allocator keeps account of who holds what.
NAMES = Boot('names', tuple(
    disk(f'name{number}', {'addr': f'{0x10 + number // 8:x}.{number % 8}', 'multifunction': True,
                           'num-queues': QUEUES}, backend='null')
    for number in range(28)), append='slub_debug=U', pace=16)

# No disks of QEMU's: tests/kunit/sim makes its own in the guest's kernel. What fails there might leak.
SIM = Boot('sim', (), pace=5)
SIM_FAULTS = Boot('sim-faults', (), leaks=True, pace=7, append='kunit.enable=1 kunit.autorun=1')

# Disks of tests/vhost.py, whose backends QEMU lets at the guest's memory.
VHOST = Boot('vhost', (), leaks=True, pace=14, args=(
    '-object', f'memory-backend-memfd,id=ram,size={MEM},share=on', '-machine', 'memory-backend=ram',
    *root_ports(4)))
