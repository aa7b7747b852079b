# SPDX-License-Identifier: GPL-2.0-only
"""A file system lives on the disk: files, fsync, discard, remount, a clean fsck."""

from tests import boots

CASES = {boots.OPS: ['file-system'], boots.MICROVM: ['split-4q'], boots.PC: ['transitional'], boots.IOMMU: ['packed']}


def test(g, disk):
    dev = g.dev(disk)
    g.sh(f'''set -e
        mke2fs -q -F -t ext4 {dev}
        mkdir -p /mnt; mount -o discard {dev} /mnt
        mkdir /mnt/d; cd /mnt/d
        i=0; while [ $i -lt 24 ]; do
            dd if=/dev/urandom of=f$i bs=$((512 + i * 700)) count=3 conv=fsync 2>/dev/null; i=$((i + 1))
        done
        md5sum f* > sums
        rm f1* && sed -i '/ f1/d' sums
        cd /; umount /mnt''')
    g.reload()
    dev = g.dev(disk)
    g.sh(f'''set -e
        e2fsck -fn {dev}
        mount {dev} /mnt
        cd /mnt/d; md5sum -c sums > /dev/null; [ $(wc -l < sums) = 13 ]''')
    g.fio('/mnt/verify', rw='randwrite', bs='4k', size='512k', verify='crc32c', verify_fatal=1, do_verify=1, fsync=64)
    g.sh(f'set -e; umount /mnt; e2fsck -fn {dev}')
