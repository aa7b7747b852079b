# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's machine protocol over a socket pair."""

import json
import socket
import threading

from harness.util import Failure


class Qmp:
    def __init__(self):
        self._socket, self.remote = socket.socketpair()
        self._answers = {}
        self._events = []
        self._closed = False
        self._count = 0
        self._changed = threading.Condition()

    def start(self):
        """Call when QEMU has its end."""
        self.remote.close()
        threading.Thread(target=self._listen, daemon=True).start()
        self.run("qmp_capabilities")

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()

    def run(self, command, timeout=30, **arguments):
        """Run a command and return its value; an underscore stands for a hyphen
        in the arguments' names."""
        with self._changed:
            self._count += 1
            name = self._count
        message = {"execute": command, "id": name,
                   "arguments": {key.replace("_", "-"): value for key, value in arguments.items()}}
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            self._closed = True
        with self._changed:
            self._changed.wait_for(lambda: name in self._answers or self._closed, timeout)
            answer = self._answers.pop(name, None)
        if answer is None:
            raise Failure(f"QEMU did not answer {command}")
        if "error" in answer:
            raise Failure(f"QEMU refused {command}: {answer['error']['desc']}")
        return answer["return"]

    def wait_event(self, event, timeout):
        """Take the oldest event of that name, waiting for it if need be."""
        with self._changed:
            self._changed.wait_for(lambda: self._find(event) or self._closed, timeout)
            found = self._find(event)
            if not found:
                raise Failure(f"QEMU sent no {event} in {timeout} s")
            self._events.remove(found)
            return found

    def _find(self, event):
        return next((item for item in self._events if item["event"] == event), None)

    def _listen(self):
        with self._socket.makefile("rb") as lines:
            try:
                for line in lines:
                    self._take(json.loads(line))
            except OSError:
                pass
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _take(self, message):
        with self._changed:
            if "event" in message:
                self._events.append(message)
            elif "id" in message:
                self._answers[message["id"]] = message
            self._changed.notify_all()
