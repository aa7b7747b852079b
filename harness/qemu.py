# SPDX-License-Identifier: GPL-2.0-only
"""QEMU guests: boot a kernel with an initramfs, run scripts in it, talk to
QEMU, and insist on a clean kernel log.

    with Guest(kernel, initrd, args=drive("disk0", queues=4)) as guest:
        print(guest.sh("insmod /modules/virtio_blk.ko && lsblk").out)
"""

import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from harness import accel, kmsg, tsc
from harness.channel import Channel, Result
from harness.qmp import Qmp, hyphened
from harness.util import Failure, need_tool, say

__all__ = ["Guest", "GuestError", "Result", "drive"]

BOOT_SECONDS = 300
BOOTS = 4
# A kernel that boots says something every second; with KASAN on a busy host, every ten.
SILENT_SECONDS = 90
# While vCPUs take turns and the guest boots.
NUDGE_SECONDS = 0.2
# Of the guests' kernels: config/base.config.
HZ = 250
# After which an answer may have been lost.
LONG_SECONDS = 60
POWEROFF_SECONDS = 60
DUMP_SECONDS = 3
# An NMI makes a guest that answers nobody say where its processors and tasks are.
APPEND = ("console=ttyS0,115200 panic=-1 oops=panic reboot=t tsc=reliable no_timer_check "
          "random.trust_cpu=on printk.time=1 unknown_nmi_panic panic_print=0x41")
MACHINES = {
    "q35": "q35",
    "pc": "pc",
    "microvm": "microvm,isa-serial=off,rtc=on,pit=on,pic=on",
}
# The command channel: what carries it, and what the guest calls it. A serial
# port is there on every machine, but loses interrupts when the guest sleeps.
CHANNELS = {
    "serial": (["-device", "isa-serial,chardev=channel,iobase=0x2f8,irq=3"], "ttyS1"),
    "virtio": (["-device", "virtio-serial,max_ports=1", "-device", "virtconsole,chardev=channel"],
               "hvc0"),
}


class GuestError(Failure):
    """A guest that died, hung, failed a script or complained in its log."""


def drive(node, backend="null-co", iothread=None, queues=1, device="virtio-blk-pci",
          size="16G", **options):
    """QEMU's arguments for a virtio disk.

    node names the device, its block node and, with "io-" before it, its
    iothread. backend: "null-co" (of that size), the path of a raw image, or a
    dict of blockdev options. iothread: yes by default on PCI; QEMU has none for
    MMIO under TCG. device: virtio-blk-pci, virtio-blk-device (MMIO),
    virtio-blk-pci-transitional, ... Further options are device properties,
    e.g. queue_size=128, packed=True, event_idx=False, serial="abc"
    (iommu_platform=True needs disable_legacy=True on q35's root bus).
    """
    if iothread is None:
        iothread = device != "virtio-blk-device"
    args = ["-blockdev", json.dumps(blockdev(node, backend, size))]
    properties = {"driver": device, "id": node, "drive": node, "num-queues": queues}
    if iothread:
        args += ["-object", f"iothread,id=io-{node}"]
        properties["iothread"] = f"io-{node}"
    for key, value in options.items():
        properties[hyphened(key)] = _property(value)
    return [*args, "-device", ",".join(f"{key}={value}" for key, value in properties.items())]


def blockdev(node, backend, size="16G"):
    """The options of a block node, as QMP's blockdev-add takes them."""
    if isinstance(backend, dict):
        return {"node-name": node, **backend}
    if backend == "null-co":
        return {"node-name": node, "driver": "null-co", "size": _bytes(size),
                "read-zeroes": False}
    return {"node-name": node, "driver": "raw", "discard": "unmap",
            "cache": {"direct": True},
            "file": {"driver": "file", "filename": str(Path(backend).absolute()),
                     "discard": "unmap", "cache": {"direct": True}}}


def _property(value):
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value).replace(",", ",,")


def _bytes(size):
    units = {"K": 10, "M": 20, "G": 30, "T": 40}
    size = str(size)
    return int(size[:-1]) << units[size[-1]] if size[-1] in units else int(size)


class Script:
    """A script that runs in the guest."""

    def __init__(self, guest, script):
        self._guest = guest
        self._script = script
        self._name = guest.channel.request(script)

    def done(self):
        return self._guest.channel.answer(self._name, 0) is not None

    def wait(self, timeout=60, check=True):
        result = self._answer(time.monotonic() + timeout)
        if result is None:
            self._guest.give_up(f"gave no answer to '{self._title()}' within {timeout} s")
        if check and result.rc:
            tail = result.out.strip().splitlines()
            raise GuestError(f"in the guest, '{self._title()}' failed with {result.rc}: "
                             f"{tail[-1] if tail else 'no output'} (log: {self._guest.log})")
        return result

    def _answer(self, end):
        channel = self._guest.channel
        while True:
            left = max(end - time.monotonic(), 0)
            result = channel.answer(self._name, min(left, LONG_SECONDS))
            if result or left <= LONG_SECONDS or channel.closed:
                return result
            channel.ask_again(self._name, self._script, LONG_SECONDS)

    def _title(self):
        lines = [line.strip() for line in self._script.strip().splitlines() if line.strip()]
        title = lines[0] if lines else ""
        return title[:77] + "..." if len(title) > 80 or len(lines) > 1 else title


class Guest:
    """A running guest. Entering boots it, leaving powers it off and fails if its
    kernel complained.

    icount: False, True (one instruction is one nanosecond) or -icount's value.
    cpu: QEMU's -cpu. cx16: with cmpxchg16b, see _cpu(). panic_on_warn=False lets
    the guest survive a warning, which the final look at the log still finds.
    allow: patterns that look may pass.
    channel: "serial", or "virtio" for a guest that sleeps.
    """

    CONSOLE = ("-device", "isa-serial,chardev=console,iobase=0x3f8,irq=4")

    def __init__(self, kernel, initrd, cpus=4, mem="1G", machine="q35", icount=False, args=(),
                 append="", workdir=None, cpu=None, cx16=False, panic_on_warn=True, allow=(),
                 boot_timeout=BOOT_SECONDS, channel="serial"):
        self.kernel, self.initrd = kernel, Path(initrd)
        self.allow = tuple(allow)
        self.workdir = Path(workdir or tempfile.mkdtemp(prefix="vblk-guest-"))
        self.workdir.mkdir(parents=True, exist_ok=True)
        self._temporary = workdir is None
        self.log = self.workdir / "console.log"
        self.qemu_log = self.workdir / "qemu.log"
        self.boot_timeout = boot_timeout
        self._take_turns = bool(icount) and cpus > 1
        self.boot_seconds = None
        self.accel, self.accel_reason = accel.choose()
        if icount:
            self.accel, self.accel_reason = "tcg", "instruction counting needs TCG"
        self.channel = self._qmp = self._process = None
        self._failed = self._given_up = False
        if machine.split(",")[0] not in MACHINES:
            raise Failure(f"unknown machine '{machine}': {', '.join(MACHINES)}")
        if channel not in CHANNELS:
            raise Failure(f"unknown channel '{channel}': {', '.join(CHANNELS)}")
        self._carrier, terminal = CHANNELS[channel]
        name, _, rest = machine.partition(",")
        self._command = [
            need_tool("qemu-system-x86_64", "qemu-system-x86"),
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-machine", ",".join(filter(None, (MACHINES[name], rest))),
            *self._accel_args(icount), "-cpu", cpu or self._cpu(cx16),
            "-smp", str(cpus), "-m", mem,
            "-kernel", str(kernel.image), "-initrd", str(initrd),
            "-append", " ".join(filter(None, (
                APPEND, f"channel=/dev/{terminal}", self._tsc(icount),
                "panic_on_warn=1" if panic_on_warn else "", append))),
            *args]

    def _accel_args(self, icount):
        if not icount:
            return ["-accel", "kvm" if self.accel == "kvm" else "tcg,thread=multi"]
        return ["-accel", "tcg,thread=single",
                "-icount", "shift=0" if icount is True else icount]

    def _tsc(self, icount):
        if self.accel == "kvm":
            return ""
        # A vCPU that has to wait for its turn cannot measure how fast it is.
        return f"tsc_early_khz=1000000 lpj={10**9 // HZ}" if icount else f"tsc_early_khz={tsc.khz()}"

    def _cpu(self, cx16):
        """QEMU 7.2's TCG leaves garbage in the flags after cmpxchg16b, which kills the guest if an interrupt
        comes then. The kernel's allocator does without it, but is slower so: not for comparisons."""
        return "host" if self.accel == "kvm" else "max,la57=off" + ("" if cx16 else ",cx16=off")

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.close()
        else:
            self.kill()

    def start(self):
        """Boot, until the guest takes commands.

        A kernel that hangs long before there is anything of ours in it, or a QEMU that
        crashes, says nothing of the driver: such a boot is repeated, and says so.
        """
        for boot in range(1, BOOTS + 1):
            if self._boot():
                return self
            self.kill()
            self._failed = self._given_up = False
            kept = self.log.rename(self.log.with_suffix(f".silent{boot}"))
            say(f"the guest's kernel went silent, or QEMU crashed, boot {boot} of {BOOTS} "
                f"(log: {kept})")
        raise GuestError(f"the guest did not boot in {BOOTS} attempts (log: {kept})")

    def _boot(self):
        """Whether the guest came up; if not, it hangs without a word."""
        self.log.write_bytes(b"")
        self.channel, self._qmp = Channel(), Qmp()
        remotes = [end.remote.fileno() for end in (self.channel, self._qmp)]
        log = str(self.log).replace(",", ",,")
        command = [*self._command,
                   "-chardev", f"file,id=console,path={log}",
                   *self.CONSOLE,
                   "-chardev", f"socket,id=channel,fd={remotes[0]}", *self._carrier,
                   "-chardev", f"socket,id=qmp,fd={remotes[1]}",
                   "-mon", "chardev=qmp,mode=control"]
        begun = time.monotonic()
        with open(self.qemu_log, "w") as out:
            # A guest must not outlive the program that runs it.
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command], stdin=subprocess.DEVNULL,
                stdout=out, stderr=subprocess.STDOUT, pass_fds=remotes)
        try:
            self.channel.start()
            try:
                self._qmp.start()
            except Failure:
                self.give_up("did not start")
            ready = self._wait_until_ready(begun)
        except BaseException:
            self.kill()
            raise
        self.boot_seconds = time.monotonic() - begun
        return ready

    def _wait_until_ready(self, begun):
        said, last = -1, begun
        while self.channel.answer("ready", NUDGE_SECONDS if self._take_turns else 1) is None:
            if self._take_turns:
                self._nudge()
            now = time.monotonic()
            gone = self._gone()
            if gone and self._crashed():
                return False
            if gone or now - begun > self.boot_timeout:
                self.give_up(f"did not boot within {self.boot_timeout} s")
            if self._said() != said:
                said, last = self._said(), now
            elif now - last > SILENT_SECONDS:
                return False
        return True

    def _nudge(self):
        """Let another vCPU be the first to get its turn.

        With -icount, before QEMU 8.0, a vCPU that spins uses up what all of them may
        execute until the next timer: Linux 6.1 does while it waits for the second one.
        """
        try:
            self.qmp("stop")
            self.qmp("cont")
        except Failure:
            pass    # _gone() knows

    def sh(self, script, timeout=60, check=True):
        """Run a shell script in the guest: Result(rc, out)."""
        return self.spawn(script).wait(timeout, check)

    def spawn(self, script):
        """Start a shell script in the guest; wait() for it on what this returns."""
        return Script(self, script)

    def qmp(self, command, **arguments):
        return self._qmp.run(command, **arguments)

    def wait_event(self, name, timeout=30):
        return self._qmp.wait_event(name, timeout)

    def restarts(self):
        """Wait for the kernel that the guest starts anew; False if it hangs without a word, see start()."""
        return self._wait_until_ready(time.monotonic())

    def cpu_seconds(self):
        """The processor time that QEMU has taken so far; 0 when it is gone."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except (AttributeError, OSError):
            return 0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def alive(self):
        return self._process is not None and self._process.poll() is None

    def check_log(self, allow=()):
        """Fail with the first line of the kernel log that tells of trouble."""
        if self._given_up:
            return  # with that line; what came after it was asked for
        line = kmsg.first_trouble(self.log.read_text(errors="replace"), (*self.allow, *allow))
        if line:
            self._failed = True
            raise GuestError(f"the guest's kernel says: {line} (log: {self.log})")

    def give_up(self, what):
        """Raise GuestError, telling a dead guest from a silent one."""
        self._failed = self._given_up = True
        if self._gone():
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            said = self.qemu_log.read_text(errors="replace").strip().splitlines()
            line = kmsg.first_trouble(self.log.read_text(errors="replace"), self.allow)
            if line:
                raise GuestError(f"the guest died: {line} (log: {self.log})")
            if said:
                raise GuestError(f"QEMU stopped: {said[-1]} (log: {self.qemu_log})")
            raise GuestError(f"the guest {what}: it went down (log: {self.log})")
        line = kmsg.first_trouble(self.log.read_text(errors="replace"), self.allow)
        reason = f"; its kernel says: {line}" if line else ""
        stacks = "".join(f"\n{line}" for line in self._stacks())
        raise GuestError(f"the guest {what}{reason} (log: {self.log}){stacks}")

    def _stacks(self):
        """Has the guest say where everybody is, and which disks owe an answer."""
        before = self._said()
        self.channel.request("grep -s '[1-9]' /sys/block/*/inflight >/dev/kmsg; "
                             "echo l >/proc/sysrq-trigger; echo t >/proc/sysrq-trigger")
        self._wait_until_quiet()
        if self._said() == before:
            try:
                self.qmp("inject-nmi")
                self._process.wait(5 * DUMP_SECONDS)
            except (Failure, subprocess.TimeoutExpired):
                pass
        with open(self.log, errors="replace") as log:
            log.seek(before)
            return kmsg.stacks(log.read()) or ["it does not even answer an NMI"]

    def _wait_until_quiet(self):
        """For a minute at most: a guest may have gone mad."""
        end, said = time.monotonic() + LONG_SECONDS, -1
        while said != self._said() and time.monotonic() < end:
            said = self._said()
            time.sleep(DUMP_SECONDS)

    def _said(self):
        return self.log.stat().st_size

    def _crashed(self):
        """Whether QEMU itself did: that is no guest's doing."""
        try:
            return self._process.wait(5) == -signal.SIGSEGV
        except subprocess.TimeoutExpired:
            return False

    def _gone(self):
        # A QEMU that refuses its arguments may still be on its way out.
        if not self.channel.closed:
            try:
                self._process.wait(1)
            except subprocess.TimeoutExpired:
                pass
        return self.channel.closed or not self.alive()

    def close(self, check=True):
        """Power off and look at the kernel log once more."""
        if self._process is None:
            return
        try:
            if not self._failed and self.alive():
                # -no-reboot makes it an exit, and no machine type lacks a reset.
                self.channel.request("sync; reboot -f")
                try:
                    self._process.wait(POWEROFF_SECONDS)
                except subprocess.TimeoutExpired:
                    self.give_up(f"did not go down within {POWEROFF_SECONDS} s")
            if check:
                self.check_log()
        finally:
            self.kill()

    def kill(self):
        """End QEMU at once; the log stays if anything went wrong."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._failed = True
            self._process.kill()
            self._process.wait()
        self._process = None
        self.channel.close()
        self._qmp.close()
        if self._temporary and not self._failed:
            for path in (self.log, self.qemu_log):
                path.unlink(missing_ok=True)
            try:
                os.rmdir(self.workdir)
            except OSError:
                pass
