# SPDX-License-Identifier: GPL-2.0-only
"""The host's end of the guest's command channel (guest/agent has the other):
requests "id script" as printf's %b takes it, answers "id exit-code output" in base64."""

import base64
import string
from dataclasses import dataclass

from harness.lines import Lines
from harness.util import Failure, say

# More would not fit into the buffers between here and the guest's shell.
SCRIPT_LIMIT = 64 << 10
DAMAGED = 255
# What neither the terminal, nor the guest's read, nor printf has a use of its own for.
PLAIN = frozenset((string.ascii_letters + string.digits + string.punctuation.replace('\\', '')).encode())


@dataclass(frozen=True)
class Result:
    rc: int
    out: str


class Channel(Lines):
    def __init__(self):
        super().__init__()
        self._answers = {}

    def request(self, script):
        """Send a script; returns the id to wait for."""
        text = escape(script)
        if len(text) > SCRIPT_LIMIT:
            raise Failure("a guest script is too long for the command channel: "
                          "put it into the initramfs")
        name = str(self._number())
        self._send(f"{name} ".encode() + text)
        return name

    def answer(self, name, timeout):
        """The Result of a request, or None if there was none in time."""
        return self._wait(lambda: self._answers.get(name), timeout)

    def ask_again(self, name, script, timeout):
        """The virtio console has lost an answer now and then. The guest keeps each, and each
        script that it was given: what never reached it is sent once more."""
        kept = self.answer(self.request(f"[ -e /tmp/.{name} ] || echo none; cat /tmp/.{name}"), timeout)
        if not kept:
            return
        if kept.out.startswith("none"):
            say(f"a request was lost on its way into the guest, and is sent again: {script.strip()[:60]}")
            self._send(f"{name} ".encode() + escape(script))
        elif kept.out.split(" ")[0] == name:
            with self._changed:
                self._take(kept.out.encode())

    def forget(self, name):
        """Have answer() wait for another answer of that name."""
        with self._changed:
            self._answers.pop(name, None)

    def _take(self, line):
        words = line.decode(errors="replace").split()
        if len(words) not in (2, 3) or not words[1].isdigit():
            return
        try:
            text = base64.b64decode("".join(words[2:]), validate=True).decode(errors="replace")
        except ValueError:
            self._answers[words[0]] = Result(DAMAGED, "the guest's answer came damaged")
        else:
            self._answers[words[0]] = Result(int(words[1]), text)


def escape(script):
    return b"".join(bytes((byte,)) if byte in PLAIN else b"\\0%03o" % byte for byte in script.encode())
