# SPDX-License-Identifier: GPL-2.0-only
"""The lives of a machine. A method of a scenario is one step: a test."""

import base64
import inspect
import re

from tests.install import efi, image, package
from tests.install.machine import Machine
from tests.install.steps import (Data, fell_back, is_installed, is_intree, is_preferred_intree, is_removed,
                                 is_running_intree, root_is_ours, verify_root, version)


def steps(one):
    """The names of a scenario's steps, in their order."""
    return [name for name, value in vars(one).items() if inspect.isfunction(value) and not name.startswith('_')]


class Scenario:
    IMAGE = {'kernel': image.CLOUD}

    def __init__(self, folder):
        self.folder = folder
        self.version = version()
        self.machine = self._prepare()
        self.data = None

    def _prepare(self):
        machine = Machine(image.build(**self.IMAGE), self.folder)
        machine.put(package.deb(package.checkout(self.folder)), '/root/driver.deb')
        return machine

    def check(self):
        """After each step: the kernel has not complained, the data is what it was."""
        if self.machine.guest:
            self.machine.guest.check_log()
            if self.data:
                self.data.check()

    def drop(self):
        self.machine.drop()

    def _begin(self, **how):
        self.machine.boot(**how)
        self._small_initramfs()
        self.data = Data(self.machine)

    def _small_initramfs(self):
        """As Debian's installer offers it; with all modules it takes TCG minutes."""
        self.machine.sh('echo MODULES=dep >/etc/initramfs-tools/conf.d/driver-policy')

    def _keeps_in_tree(self):
        is_preferred_intree(self.machine)
        self.machine.reboot()
        is_intree(self.machine)

    def _new_kernel(self, name, release):
        """DKMS builds for it while its packages are installed; then it boots."""
        before = set(self.machine.out('ls /boot/vmlinuz-*').split())
        self.machine.sh(f'apt-get install --yes --no-install-recommends /root/{name}/*.deb && rm -r /root/{name}')
        new = set(self.machine.out('ls /boot/vmlinuz-*').split()) - before
        assert len(new) == 1, f'kernels in /root/{name}: {new}'
        self.kernel = new.pop().removeprefix('/boot/vmlinuz-')
        assert self.kernel.startswith(release), f'{name} is {self.kernel}'
        is_installed(self.machine, self.kernel, self.version)
        self.machine.reboot(kernel=self.kernel)
        root_is_ours(self.machine, self.version)
        verify_root(self.machine)


class dkms(Scenario):
    """Install the package, run on it, remove it."""

    def starts_in_tree(self):
        self._begin()
        is_intree(self.machine)

    def package_installs(self):
        self.machine.sh('dpkg -i /root/driver.deb')
        is_installed(self.machine, self.machine.kernel, self.version)

    def root_runs_on_it(self):
        self.machine.reboot()
        root_is_ours(self.machine, self.version)
        verify_root(self.machine)

    def package_is_removed(self):
        self.machine.sh('dpkg -r virtio-blk-dkms')
        is_preferred_intree(self.machine)
        is_removed(self.machine)

    def root_runs_in_tree(self):
        self.machine.reboot()
        is_intree(self.machine)
        self.data.check()
        self.machine.shut_down()
        self.machine.check_disk()


INSTALL = 'apt-get install --yes --no-install-recommends'
BACKPORTS = '-t bookworm-backports'


def download(name, options, packages):
    """A customize-hook that leaves a kernel's packages in /root/NAME."""
    return (f'chroot "$1" sh -ec "apt-get clean; {INSTALL} --download-only {options} {packages}; '
            f'mkdir /root/{name}; mv /var/cache/apt/archives/*.deb /root/{name}"')


class kernels(Scenario):
    """Another kernel is installed later, the package is upgraded, the old kernel removed."""

    IMAGE = {'kernel': image.CLOUD, 'hooks': (download('6.12', BACKPORTS, ' '.join(image.CLOUD)),)}

    def _prepare(self):
        machine = super()._prepare()
        machine.put(package.deb(package.checkout(self.folder, self._newer())), '/root/newer.deb')
        return machine

    def _newer(self):
        return f'{self.version}.1'

    def package_installs(self):
        self._begin()
        self.old = self.machine.kernel
        self.machine.sh('dpkg -i /root/driver.deb')
        is_installed(self.machine, self.old, self.version)

    def upgrade_to_6_12(self):
        self._new_kernel('6.12', '6.12')

    def package_is_upgraded(self):
        self.version = self._newer()
        self.machine.sh('dpkg -i /root/newer.deb')
        is_installed(self.machine, self.kernel, self.version)
        self.machine.reboot(kernel=self.kernel)
        root_is_ours(self.machine, self.version)
        verify_root(self.machine)

    def old_kernel_is_built_for_again(self):
        """DKMS upgrades only the running and the newest kernel's module; who wants the others says so."""
        is_preferred_intree(self.machine, self.old)
        self.machine.sh(f'dkms install -m virtio-blk -v {self.version} -k {self.old}')
        is_installed(self.machine, self.old, self.version)

    def kernel_is_removed(self):
        self.machine.sh(f'apt-get purge --yes linux-image-{self.old} linux-headers-{self.old}')
        self.machine.sh(f"""! dkms status | grep {self.old} &&
            ! find /boot -name 'initrd.img-{self.old}*' | grep . &&
            ! find /lib/modules -path '*/{self.old}/*' -name 'virtio_blk*' | grep .""")

    def package_is_removed(self):
        self.machine.sh('dpkg -r virtio-blk-dkms')
        is_removed(self.machine)
        is_preferred_intree(self.machine)

    def root_runs_in_tree(self):
        self.machine.reboot()
        is_intree(self.machine)
        self.data.check()
        self.machine.shut_down()
        self.machine.check_disk()


class flavours(Scenario):
    """The package is installed into an image, as who makes images does it, and its kernels boot: the full ones and the
    real-time ones. (The other scenarios have the cloud ones.)"""

    KERNELS = (('', 'linux-image-rt-amd64 linux-headers-rt-amd64'), (BACKPORTS, ' '.join(image.KERNEL)),
               (BACKPORTS, 'linux-image-rt-amd64 linux-headers-rt-amd64'))

    def _prepare(self):
        deb = package.deb(package.checkout(self.folder))
        base = image.build(keep=False, hooks=(
            *(f'chroot "$1" {INSTALL} {options} {packages}' for options, packages in self.KERNELS),
            f'cp {deb} "$1"/root/driver.deb', 'chroot "$1" dpkg -i /root/driver.deb'))
        machine = Machine(base, self.folder)
        base.unlink()
        return machine

    def image_has_it(self):
        self.machine.boot()
        self.data = Data(self.machine)
        self.found = self.machine.out('ls /lib/modules').split()
        kinds = sorted(re.sub(r'^(6\.\d+)\..*?(-rt)?-amd64$', r'\1\2', kernel) for kernel in self.found)
        assert kinds == ['6.1', '6.1-rt', '6.12', '6.12-rt'], self.found
        for kernel in self.found:
            is_installed(self.machine, kernel, self.version)

    def each_boots_on_it(self):
        for kernel in self.found:
            self.machine.reboot(kernel=kernel)
            root_is_ours(self.machine, self.version)
            verify_root(self.machine)
            self.check()
        self.machine.shut_down()
        self.machine.check_disk()


class make(Scenario):
    """The same with the checkout's make, and the package built on the machine."""

    IMAGE = {'kernel': image.CLOUD, 'extra': ('debhelper', 'dh-dkms', 'openssl')}

    def _prepare(self):
        machine = Machine(image.build(**self.IMAGE), self.folder)
        machine.put(package.tar(package.checkout(self.folder)), '/root/checkout.tar')
        return machine

    def dkms_install(self):
        # With all modules in the initramfs, as Debian has it when nobody chose.
        self.machine.boot()
        self.data = Data(self.machine)
        self.machine.sh('echo options virtio_blk indirect=1 io_timeout=600 >/etc/modprobe.d/virtio_blk.conf')
        self.machine.sh('mkdir /root/checkout && tar -C /root/checkout -xf /root/checkout.tar')
        said = self.machine.out('make -C /root/checkout dkms-install')
        assert f'installed virtio-blk {self.version} for {self.machine.kernel}' in said, said[-1000:]
        is_installed(self.machine, self.machine.kernel, self.version)

    def root_runs_on_it(self):
        self.machine.reboot()
        root_is_ours(self.machine, self.version)
        given = self.machine.out('cd /sys/module/virtio_blk/parameters; cat indirect io_timeout').split()
        assert given == ['1', '600'], f'indirect and io_timeout are {given}'
        queues = self.machine.out('cat /sys/kernel/debug/virtio_blk/vda/queues')
        assert re.findall(r' (direct|indirect) ', queues) == ['indirect'] * 2, queues

    def dkms_install_again(self):
        self._small_initramfs()
        self.machine.sh('make -C /root/checkout dkms-install')
        is_installed(self.machine, self.machine.kernel, self.version)

    def dkms_remove(self):
        self.machine.sh('make -C /root/checkout dkms-remove')
        is_removed(self.machine)
        said = self.machine.sh('make -C /root/checkout dkms-remove 2>&1', check=False)
        assert said.rc and 'is not installed with DKMS here' in said.out, said.out

    def root_runs_in_tree(self):
        self.machine.reboot()
        is_intree(self.machine)

    def package_is_built_and_installed(self):
        self.machine.sh('cd /root/checkout && make deb && dpkg -i build/virtio-blk-dkms_*.deb')
        self.machine.sh('dpkg -L virtio-blk-dkms | grep -x /usr/share/man/man4/virtio_blk.4.gz')
        self.machine.sh('dpkg -L virtio-blk-dkms | grep -x /usr/share/man/man8/virtio-blk-status.8.gz')
        is_installed(self.machine, self.machine.kernel, self.version)
        said = self.machine.sh('make -C /root/checkout dkms-install 2>&1', check=False)
        assert said.rc and 'the package virtio-blk-dkms is installed here' in said.out, said.out

    def beside_a_built_in_driver(self):
        """A kernel with virtio_blk built in: another name, and nothing that loads it."""
        kernel, headers = '6.1.0-0-builtin', '/usr/src/linux-headers-6.1.0-0-builtin'
        self.machine.sh(f"""
            cp -a /usr/src/linux-headers-$(uname -r) {headers}
            sed -i 's/^CONFIG_VIRTIO_BLK=m/CONFIG_VIRTIO_BLK=y/' {headers}/.config {headers}/include/config/auto.conf
            sed -i 's/CONFIG_VIRTIO_BLK_MODULE 1/CONFIG_VIRTIO_BLK 1/' {headers}/include/generated/autoconf.h
            cp -al /lib/modules/$(uname -r) /lib/modules/{kernel}
            cd /lib/modules/{kernel}
            rm -r updates kernel/drivers/block/virtio_blk.ko build
            ln -s {headers} build
            echo kernel/drivers/block/virtio_blk.ko >>modules.builtin
            depmod {kernel}""")
        self.machine.sh(f'dkms install -m virtio-blk -v {self.version} -k {kernel}')
        assert self.machine.out(f'modinfo -k {kernel} -n virtio_blk_oot').endswith('/updates/dkms/virtio_blk_oot.ko')
        assert self.machine.out(f'modinfo -k {kernel} -F alias virtio_blk_oot') == ''
        assert self.machine.out(f'modinfo -k {kernel} -n virtio_blk') == '(builtin)'
        self.machine.sh(f'dkms remove -m virtio-blk -v {self.version} -k {kernel}')
        self.machine.sh(f'! find /lib/modules/{kernel} -name "virtio_blk*" | grep .')


def cut(machine, moment, action, synced=False):
    """Cuts the power in the middle of something; the machine boots, on whichever driver.

    synced: the disk has all that was written. Otherwise the last seconds of it are lost."""
    machine.guest.spawn(f'{action}; touch /tmp/over')
    machine.sh(f'until {moment}; do [ ! -e /tmp/over ] || exit 9; sleep 0.1; done; {"sync" if synced else ":"}')
    machine.cut_power()
    machine.boot()


class failures(Scenario):
    """Nothing that goes wrong leaves a machine that does not boot."""

    def headers_missing(self):
        self._begin()
        build = f'/lib/modules/{self.machine.kernel}/build'
        self.machine.sh(f'mv {build} /root/build.away')
        said = self.machine.out('dpkg -i /root/driver.deb 2>&1')
        assert 'headers for this kernel do not seem to be installed' in said, said[-1000:]
        self._keeps_in_tree()
        # What the package of the headers does when it comes.
        self.machine.sh(f'mv /root/build.away {build}; /etc/kernel/header_postinst.d/dkms {self.machine.kernel}')
        is_installed(self.machine, self.machine.kernel, self.version)
        self.machine.sh('dpkg -r virtio-blk-dkms')

    def kernel_that_does_not_build(self):
        header = self.machine.out('ls -d /usr/src/linux-headers-*-common') + '/include/linux/blk-mq.h'
        self.machine.sh(f'cp {header} /root; sed -i s/queue_rqs/queue_many/ {header}')
        said = self.machine.sh('dpkg -i /root/driver.deb 2>&1', check=False)
        assert said.rc, f'the package was installed: {said.out[-1000:]}'
        log = self.machine.out('cat /var/lib/dkms/virtio-blk/*/build/make.log')
        lines = [line for line in log.splitlines() if 'virtio_blk:' in line]
        assert len(lines) == 1 and 'RQ_LIST that compat.mk' in lines[0], f'make.log: {log[-1500:]}'
        self._keeps_in_tree()
        self.machine.sh(f'cp /root/blk-mq.h {header}; dpkg --configure -a')
        is_installed(self.machine, self.machine.kernel, self.version)

    def kernel_that_nobody_knows(self):
        """It is installed without an error, for which DKMS 3.0 takes it, and boots with its own driver."""
        unknown, modules = '8.0.0-1-amd64', '/lib/modules/8.0.0-1-amd64'
        self.machine.sh(f'cp -r /lib/modules/{self.machine.kernel} {modules}; rm -r {modules}/updates; '
                        f'depmod {unknown}; cp /boot/config-{self.machine.kernel} /boot/config-{unknown}')
        self.machine.sh(f'/etc/kernel/postinst.d/dkms {unknown}')
        said = self.machine.out(f'update-initramfs -c -k {unknown} 2>&1')
        assert said.count(f'virtio-blk: DKMS has no module for {unknown}, which boots with its own driver') == 1, said
        said = self.machine.sh(f'dkms install -m virtio-blk -v {self.version} -k {unknown} 2>&1', check=False)
        assert said.rc and 'BUILD_EXCLUSIVE directive which does not match this kernel' in said.out, said.out
        self.machine.sh(f'[ ! -e {modules}/updates ] && rm -r {modules} /boot/*-{unknown}')

    def removed_again(self):
        self.machine.sh('dpkg -r virtio-blk-dkms')
        self._keeps_in_tree()


class disk_full(Scenario):
    """An installation that runs out of space, and is finished when there is some."""

    def while_building(self):
        self._begin()
        self._fill(2)
        said = self.machine.sh('dpkg -i /root/driver.deb 2>&1', check=False)
        assert said.rc, f'the package was installed: {said.out[-1000:]}'
        self._keeps_in_tree()

    def in_the_initramfs(self):
        self._fill(24)
        said = self.machine.sh('dpkg --configure -a 2>&1', check=False).out
        assert 'could not be regenerated and boots with the driver it had' in said, said[-2000:]
        self.machine.reboot()
        is_running_intree(self.machine)
        self.machine.sh('rm -r /root/filler; dpkg --configure -a')
        self.machine.sh(f'update-initramfs -u -k {self.machine.kernel}')
        self.machine.reboot()
        root_is_ours(self.machine, self.version)
        self.machine.shut_down()
        self.machine.check_disk()

    def _fill(self, mib):
        """Leaves so much free space, of what ext4 does not keep for itself."""
        self.machine.sh(f"""rm -rf /root/filler; mkdir /root/filler; fallocate -l {mib}M /root/spare
            for size in 1024 128 16 1; do
                while fallocate -l ${{size}}M /root/filler/$((n += 1)) 2>/dev/null; do :; done
                rm -f /root/filler/$n
            done
            rm /root/spare; sync""")


class power_cuts(Scenario):
    """In the middle of whatever: the machine boots, and the installation can be finished or taken back."""

    # What was interrupted is finished first, and that may be all.
    FINISH = 'dpkg --configure -a; dpkg -s virtio-blk-dkms | grep " ok installed$" || dpkg -i /root/driver.deb'

    def starts_in_tree(self):
        self._begin()
        is_intree(self.machine)

    def while_compiling(self):
        self._cut('ls /var/lib/dkms/virtio-blk/*/build/virtio_blk/*.o >/dev/null 2>&1')

    def while_installing(self):
        """The module is there, and DKMS has not noted yet that it is."""
        module = f'/lib/modules/{self.machine.kernel}/updates/dkms/virtio_blk.ko'
        # The link is how it notes that.
        self.machine.sh('''cat >/usr/local/bin/ln <<"END"
#!/bin/sh
case "$*" in
*/virtio-blk/kernel-*) touch /root/reached; exec sleep infinity ;;
esac
exec /usr/bin/ln "$@"
END
            chmod +x /usr/local/bin/ln; [ "$(command -v ln)" = /usr/local/bin/ln ]''')
        self._cut('[ -e /root/reached ]', synced=True)
        self.machine.sh('rm /usr/local/bin/ln /root/reached')
        assert self.machine.out('dkms status -m virtio-blk').endswith(': built'), 'not in the midst of it'
        self.machine.sh(f'[ -e {module} ]')
        self.machine.sh('dpkg -r virtio-blk-dkms')
        is_preferred_intree(self.machine)
        is_removed(self.machine)

    def in_the_initramfs(self):
        self._cut(f'[ -s /boot/initrd.img-{self.machine.kernel}.new ]')

    def while_removing(self):
        self.machine.sh(self.FINISH)
        self._cut(f'[ -s /boot/initrd.img-{self.machine.kernel}.new ]', 'dpkg -r virtio-blk-dkms')

    def install_can_be_finished(self):
        self.machine.sh(self.FINISH)
        is_installed(self.machine, self.machine.kernel, self.version)
        self.machine.reboot()
        root_is_ours(self.machine, self.version)
        self.machine.shut_down()
        self.machine.check_disk()

    def _cut(self, moment, action=FINISH, synced=False):
        cut(self.machine, moment, action, synced)
        self.data.check()


class secure_boot(Scenario):
    """The kernel enforces signatures, and the firmware knows DKMS's key."""

    IMAGE = {'extra': ('openssl',)}     # without, DKMS signs nothing

    def _prepare(self):
        machine = Machine(image.build(**self.IMAGE), self.folder, args=efi.args(self.folder))
        machine.put(package.deb(package.checkout(self.folder)), '/root/driver.deb')
        return machine

    def package_installs(self):
        self._begin(append='module.sig_enforce=1')
        self.machine.sh('dpkg -i /root/driver.deb')
        is_installed(self.machine, self.machine.kernel, self.version)
        signer = self.machine.out('modinfo -F signer virtio_blk')
        assert 'DKMS' in signer, f'signed by "{signer}"'

    def unknown_key_falls_back(self):
        self.machine.reboot(append='module.sig_enforce=1')
        fell_back(self.machine)

    def enrolled_key_is_taken(self):
        key = base64.b64decode(self.machine.out('base64 -w 0 /var/lib/dkms/mok.pub'))
        written = base64.b64encode(efi.database(key)).decode()
        self.machine.sh(f"""mountpoint -q /sys/firmware/efi/efivars ||
                mount -t efivarfs efivarfs /sys/firmware/efi/efivars
            echo {written} | base64 -d >/root/db && dd if=/root/db of={efi.DB} bs=64k""")
        self.machine.reboot(append='module.sig_enforce=1')
        assert self.machine.out('cat /sys/module/module/parameters/sig_enforce') == 'Y'
        root_is_ours(self.machine, self.version)
        verify_root(self.machine)


class dracut(Scenario):
    """The initramfs is dracut's."""

    IMAGE = {'kernel': image.CLOUD, 'initramfs': 'dracut'}

    def package_installs(self):
        self.machine.boot()
        self.machine.sh("""
            echo hostonly=yes >/etc/dracut.conf.d/hostonly.conf
            echo options virtio_blk io_timeout=600 >/etc/modprobe.d/virtio_blk.conf""")
        self.data = Data(self.machine)
        self.machine.sh('dpkg -i /root/driver.deb')
        is_installed(self.machine, self.machine.kernel, self.version)

    def root_runs_on_it(self):
        self.machine.reboot()
        root_is_ours(self.machine, self.version)
        assert self.machine.out('cat /sys/module/virtio_blk/parameters/io_timeout') == '600'

    def refused_by_the_kernel(self):
        self.machine.reboot(append='module.sig_enforce=1')
        fell_back(self.machine)

    def power_cut_while_removing(self):
        image = f'/boot/initrd.img-{self.machine.kernel}'
        self.machine.sh(f'cp {image} /root/before')
        cut(self.machine, f'[ -e {image}.new ] || ! cmp -s {image} /root/before', 'dpkg -r virtio-blk-dkms')
        self.data.check()

    def package_is_removed(self):
        self.machine.sh('dpkg -r virtio-blk-dkms')
        is_removed(self.machine)

    def root_runs_in_tree(self):
        self.machine.reboot()
        is_intree(self.machine)
        self.machine.shut_down()
        self.machine.check_disk()


class debian13(Scenario):
    """The next release: another DKMS, another compiler, and a 7.x kernel from its backports."""

    IMAGE = {'release': 'trixie', 'kernel': image.CLOUD,
             'hooks': (download('7.x-cloud', '-t trixie-backports', ' '.join(image.CLOUD)),)}

    def package_installs(self):
        # With all modules in the initramfs, as Debian has it when nobody chose: it searches the kernel's own folders.
        self.machine.boot()
        self.data = Data(self.machine)
        assert self.machine.kernel.startswith('6.12'), self.machine.kernel
        self.machine.sh('dpkg -i /root/driver.deb')
        is_installed(self.machine, self.machine.kernel, self.version)

    def root_runs_on_it(self):
        self.machine.reboot()
        root_is_ours(self.machine, self.version)

    def refused_by_the_kernel(self):
        """This DKMS has put the kernel's own module aside, where the initramfs has to find it."""
        self.machine.reboot(append='module.sig_enforce=1')
        fell_back(self.machine)

    def upgrade_to_7(self):
        self._new_kernel('7.x-cloud', '7.')

    def package_is_removed(self):
        self.machine.sh('dpkg -r virtio-blk-dkms')
        is_removed(self.machine)
        is_preferred_intree(self.machine)

    def power_cut_while_installing(self):
        cut(self.machine, f'ls /lib/modules/{self.machine.kernel}/updates/dkms/virtio_blk.ko* >/dev/null 2>&1',
            'dpkg -i /root/driver.deb')
        self.data.check()
        self.machine.sh('dpkg -r virtio-blk-dkms')
        is_removed(self.machine)
        is_preferred_intree(self.machine)

    def root_runs_in_tree(self):
        for kernel in self.machine.out('ls /lib/modules').split():
            self.machine.reboot(kernel=kernel)
            is_intree(self.machine)
        self.machine.shut_down()
        self.machine.check_disk()


QUICK = (dkms,)
ALL = (dkms, kernels, flavours, make, failures, disk_full, power_cuts, secure_boot, dracut, debian13)
