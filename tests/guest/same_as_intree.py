# SPDX-License-Identifier: GPL-2.0-only
"""The device looks exactly as with the in-tree driver: sysfs, limits, geometry, features, log lines, parameters."""

from tests import boots, snapshot

CASES = {boot: [disk.id for disk in boot.disks] for boot in (boots.SYSFS, boots.MICROVM, boots.MICROVM_LEGACY)}
SPEC = ('2.2.1', '2.8.17', '2.8.19', '5.2.5.1')
PARAMS = None


def test(g, disk):
    snapshot.compare(g, disk)
