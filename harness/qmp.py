# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's machine protocol."""

import json

from harness.lines import Lines
from harness.util import Failure

# Properties that QEMU spells with an underscore; the others have hyphens.
UNDERSCORED = {"any_layout", "discard_granularity", "event_idx", "indirect_desc",
               "iommu_platform", "logical_block_size", "min_io_size", "notify_on_empty",
               "opt_io_size", "physical_block_size", "queue_reset"}


def hyphened(name):
    """A device's property, or a command's argument, whose hyphens are underscores here."""
    return name if name in UNDERSCORED else name.replace("_", "-")


class Qmp(Lines):
    def __init__(self):
        super().__init__()
        self._answers = {}
        self._events = []

    def start(self):
        super().start()
        self.run("qmp_capabilities")

    def run(self, command, timeout=30, **arguments):
        """Run a command and return its value; an underscore stands for a hyphen
        in the arguments' names."""
        number = self._number()
        self._send(json.dumps({
            "execute": command, "id": number,
            "arguments": {hyphened(key): value for key, value in arguments.items()},
        }).encode())
        answer = self._wait(lambda: self._answers.get(number), timeout)
        if answer is None:
            raise Failure(f"QEMU did not answer {command}")
        if "error" in answer:
            raise Failure(f"QEMU refused {command}: {answer['error']['desc']}")
        return answer["return"]

    def wait_event(self, event, timeout):
        """Take the oldest event of that name, waiting for it if need be."""
        found = self._wait(lambda: next(
            (item for item in self._events if item["event"] == event), None), timeout)
        if found is None:
            raise Failure(f"QEMU sent no {event} within {timeout} s")
        with self._changed:
            self._events.remove(found)
        return found

    def _take(self, line):
        if not line.strip():
            return
        message = json.loads(line)
        if "event" in message:
            self._events.append(message)
        elif "id" in message:
            self._answers[message["id"]] = message
