# SPDX-License-Identifier: GPL-2.0-only
"""The host's end of the guest's command channel (guest/init has the other):
requests "id script" and answers "id exit-code output", texts in base64."""

import base64
import socket
import threading
from dataclasses import dataclass

from harness.util import Failure

# More would not fit into the buffers between here and the guest's shell.
SCRIPT_LIMIT = 64 << 10


@dataclass(frozen=True)
class Result:
    rc: int
    out: str


class Channel:
    def __init__(self):
        self._socket, self.remote = socket.socketpair()
        self._answers = {}
        self._closed = False
        self._count = 0
        self._changed = threading.Condition()

    def start(self):
        """Call when QEMU has its end."""
        self.remote.close()
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()

    def request(self, script):
        """Send a script; returns the id to wait for."""
        text = base64.b64encode(script.encode())
        if len(text) > SCRIPT_LIMIT:
            raise Failure("a guest script is too long for the command channel: "
                          "put it into the initramfs")
        with self._changed:
            self._count += 1
            name = str(self._count)
            try:
                self._socket.sendall(f"{name} ".encode() + text + b"\n")
            except OSError:
                self._closed = True
        return name

    def answer(self, name, timeout):
        """The Result of a request, or None if there was none in time."""
        with self._changed:
            self._changed.wait_for(lambda: name in self._answers or self._closed, timeout)
            return self._answers.get(name)

    @property
    def closed(self):
        return self._closed

    def _listen(self):
        pending = b""
        while True:
            try:
                data = self._socket.recv(65536)
            except OSError:
                data = b""
            if not data:
                break
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                self._take(line)
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _take(self, line):
        words = line.decode(errors="replace").split()
        if len(words) not in (2, 3) or not words[1].isdigit():
            return
        text = base64.b64decode(words[2]).decode(errors="replace") if len(words) == 3 else ""
        with self._changed:
            self._answers[words[0]] = Result(int(words[1]), text)
            self._changed.notify_all()
