# SPDX-License-Identifier: GPL-2.0-only
"""Lines to and from QEMU over a socket pair, read by a thread."""

import socket
import threading


class Lines:
    def __init__(self):
        self._socket, self.remote = socket.socketpair()
        self._count = 0
        self.closed = False
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

    def _take(self, line):
        raise NotImplementedError

    def _number(self):
        with self._changed:
            self._count += 1
            return self._count

    def _send(self, line):
        try:
            with self._changed:
                self._socket.sendall(line + b"\n")
        except OSError:
            self.closed = True

    def _wait(self, found, timeout):
        """The value of found() as soon as there is one, None after the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: found() is not None or self.closed, timeout)
            return found()

    def _listen(self):
        pending = b""
        while data := self._receive():
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                with self._changed:
                    self._take(line)
                    self._changed.notify_all()
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def _receive(self):
        try:
            return self._socket.recv(65536)
        except OSError:
            return b""
