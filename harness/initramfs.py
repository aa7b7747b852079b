# SPDX-License-Identifier: GPL-2.0-only
"""The guest's root: an initramfs of this machine's own busybox, util-linux,
e2fsprogs, with the libraries they need, fio, and the modules to try."""

import functools
import hashlib
import os
import re
import stat
import subprocess
import time
from pathlib import Path

from harness import fio
from harness.util import Failure, cache_dir, need_space, need_tool

KEEP_SECONDS = 24 * 60 * 60
GUEST = Path(__file__).parent / "guest"
PROGRAMS = {
    "mke2fs": "e2fsprogs", "e2fsck": "e2fsprogs", "resize2fs": "e2fsprogs",
    "tune2fs": "e2fsprogs", "dumpe2fs": "e2fsprogs",
    "dash": "dash",
    # busybox's own would run its applets instead of the programs below
    "env": "coreutils", "nice": "coreutils", "nohup": "coreutils", "timeout": "coreutils",
    "chrt": "util-linux", "setsid": "util-linux", "xargs": "findutils",
    "blkdiscard": "util-linux", "blkzone": "util-linux", "blockdev": "util-linux",
    "fallocate": "util-linux", "flock": "util-linux", "ionice": "util-linux", "lsblk": "util-linux",
    "rtcwake": "util-linux", "taskset": "util-linux",
    "sfdisk": "fdisk",
}
# What only some guests need; the larger an initramfs is, the longer a guest takes to boot.
MORE_PROGRAMS = {
    "dmsetup": "dmsetup", "losetup": "mount", "mdadm": "mdadm", "mkfs.f2fs": "f2fs-tools",
    "qemu-storage-daemon": "qemu-system-common", "vdpa": "iproute2",
}
FOLDERS = ("proc", "sys", "dev", "tmp", "run", "mnt", "bin", "sbin", "usr/bin", "usr/sbin",
           "usr/local/bin", "modules", "etc", "root")


class Archive:
    """A cpio archive of the newc kind, which is all that the kernel reads."""

    def __init__(self, stream):
        self.stream = stream
        self.names = set()
        self.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))

    def add(self, name, mode, data=b"", device=(0, 0)):
        name = name.strip("/")
        parent = os.path.dirname(name)
        if parent and parent not in self.names:
            self.add(parent, stat.S_IFDIR | 0o755)
        if name in self.names:
            return
        self.names.add(name)
        self._entry(name, mode, data, device)

    def _entry(self, name, mode, data, device):
        path = name.encode() + b"\0"
        fields = (len(self.names), mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields)
        for part in (header + path, data):
            self.stream.write(part + b"\0" * (-len(part) % 4))

    def add_file(self, name, path):
        path = Path(path)
        mode = 0o755 if os.access(path, os.X_OK) else 0o644
        self.add(name, stat.S_IFREG | mode, path.read_bytes())

    def close(self):
        self._entry("TRAILER!!!", 0, b"", (0, 0))


@functools.cache
def _libraries(program):
    result = subprocess.run(["ldd", program], capture_output=True, text=True)
    if "not found" in result.stdout:
        raise Failure(f"{program} lacks a library: {result.stdout.split('=> not found')[0].split()[-1]}")
    return re.findall(r"(/\S+) \(0x", result.stdout)


def _is_elf(path):
    with open(path, "rb") as start:
        return start.read(4) == b"\x7fELF"


def build(kernel, modules=None, files=None, programs=()):
    """Write the initramfs for a kernel and return its path.

    modules: names under /modules/ (the in-tree one is there unless it is built in, as
    in-tree/virtio_blk.ko); files: guest path to host path, libraries of
    programs come along; programs: of MORE_PROGRAMS. The same content gives the
    same, cached, file.
    """
    content = {name: GUEST / name for name in ("init", "agent")}
    content["bin/busybox"] = Path(need_tool("busybox", "busybox-static"))
    content["usr/local/bin/fio"] = fio.build()
    for name, package in {**PROGRAMS, **{name: MORE_PROGRAMS[name] for name in programs}}.items():
        content[f"usr/local/bin/{name}"] = Path(need_tool(name, package))
    if kernel.intree.exists():
        content["modules/in-tree/virtio_blk.ko"] = kernel.intree
    for name, path in (modules or {}).items():
        content[f"modules/{name}"] = Path(path)
    for name, path in (files or {}).items():
        content[name.strip("/")] = Path(path)
    for name, path in list(content.items()):
        if not path.is_file():
            raise Failure(f"there is no {path}, which the guest needs as /{name}")
        if name != "bin/busybox" and path.suffix != ".ko" and _is_elf(path):
            content.update((library.strip("/"), Path(library)) for library in _libraries(path))
    return _written(content)


def _written(content):
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for name, path in sorted(content.items()):
        state = path.stat()
        digest.update(f"{name} {path} {state.st_size} {state.st_mtime_ns}\n".encode())
    folder = cache_dir() / "initramfs"
    folder.mkdir(exist_ok=True)
    target = folder / f"{digest.hexdigest()[:16]}.cpio"
    if target.exists():
        os.utime(target)
        return target
    size = sum(path.stat().st_size for path in content.values()) >> 20
    need_space(folder, size + 64, "the initramfs")
    part = target.with_suffix(f".{os.getpid()}")
    with open(part, "wb") as stream:
        archive = Archive(stream)
        for name in FOLDERS:
            archive.add(name, stat.S_IFDIR | 0o755)
        archive.add("bin/sh", stat.S_IFLNK | 0o777, b"/usr/local/bin/dash")
        archive.add("etc/mtab", stat.S_IFLNK | 0o777, b"/proc/mounts")
        for name, path in content.items():
            archive.add_file(name, path)
        archive.close()
    part.rename(target)
    _drop_old(folder)
    return target


def _drop_old(folder):
    """Another run may still boot from what it was given today."""
    for path in folder.glob("*.cpio"):
        if time.time() - path.stat().st_mtime > KEEP_SECONDS:
            path.unlink(missing_ok=True)
