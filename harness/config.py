# SPDX-License-Identifier: GPL-2.0-only
"""Kernel configurations: fragments from harness/config/, merged by flavour,
completed by Kconfig, and checked: what a fragment asks for must be there."""

import re
import subprocess
from pathlib import Path

from harness import arch
from harness.util import Failure, last_line

FOLDER = Path(__file__).parent / "config"
FLAVOURS = {
    "plain": ("base", "plain"),
    "lockstat": ("base", "trace", "lockstat"),
    "debug": ("base", "debug"),
    "kasan": ("base", "debug", "kasan"),
    "kcsan": ("base", "debug", "kcsan"),
    "rt": ("base", "debug", "rt"),
    "builtin": ("base", "plain", "builtin"),
    "i386": ("base", "plain"),
    "arm64": ("base", "plain", "arm64"),
    "riscv64": ("base", "plain", "riscv64"),
    "s390x": ("base", "plain", "s390x"),
}
# More words for make. KCSAN's own code needs %gs, which x86's cpu.c is to restore after a sleep.
MAKE = {"kcsan": ("KCSAN_SANITIZE_cpu.o=n",)}
# Whose kernel warns of itself, so that a guest has to survive a warning.
NOISY = ("kcsan",)
SETTING = re.compile(r'(CONFIG_\w+)=(\S+)(?:\s+#\s*(.*))?$')
CONDITION = re.compile(r"(>=|<)\s*(\d+)\.(\d+)")
WORDS = frozenset(word for one in arch.ARCHES.values() for word in one.words)


def fragments(flavour):
    if flavour not in FLAVOURS:
        raise Failure(f"unknown flavour '{flavour}': {', '.join(FLAVOURS)}")
    return [FOLDER / f"{name}.config" for name in FLAVOURS[flavour]]


def architecture(flavour):
    """A flavour that bears an architecture's name is for that."""
    return arch.ARCHES.get(flavour, arch.NATIVE)


def wanted(flavour, series):
    """The settings a flavour asks of a kernel series: {option: value}."""
    settings = {}
    words = architecture(flavour).words
    for path in fragments(flavour):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            match = SETTING.match(line)
            if not match:
                raise Failure(f"{path}:{number}: not a setting: {line}")
            if _applies(match[3], series, words, f"{path}:{number}"):
                settings[match[1]] = match[2]
    return settings


def _applies(conditions, series, words, where):
    if not conditions:
        return True
    for word in CONDITION.sub("", conditions).split():
        if word.lstrip("!") not in WORDS:
            raise Failure(f"{where}: not a condition: {conditions}")
        if (word.lstrip("!") in words) == word.startswith("!"):
            return False
    for operator, major, minor in CONDITION.findall(conditions):
        limit = (int(major), int(minor))
        if (series < limit) if operator == ">=" else (series >= limit):
            return False
    return True


def configure(make, builddir, flavour, series, log):
    """Write builddir/.config; make is the command line up to the target."""
    settings = wanted(flavour, series)
    settings["CONFIG_LOCALVERSION"] = f'"-vblk-{flavour}"'
    request = builddir / "requested.config"
    request.write_text("".join(
        f"# {option} is not set\n" if value == "n" else f"{option}={value}\n"
        for option, value in settings.items()))
    with open(log, "w") as out:
        for target in (["allnoconfig", f"KCONFIG_ALLCONFIG={request}"], ["olddefconfig"]):
            if subprocess.run([*make, *target], stdin=subprocess.DEVNULL, stdout=out,
                              stderr=subprocess.STDOUT).returncode:
                raise Failure(f"configuring the kernel failed: {last_line(log)} (log: {log})")
    _check(settings, builddir / ".config")


def _check(settings, path):
    got = dict(re.findall(r"^(CONFIG_\w+)=(.*)$", path.read_text(), re.MULTILINE))
    wrong = [f"{option}={value} (is {got.get(option, 'n')})"
             for option, value in settings.items() if got.get(option, "n") != value]
    if wrong:
        raise Failure(f"this kernel does not take {', '.join(wrong)} (config: {path})")
