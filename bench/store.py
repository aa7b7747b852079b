# SPDX-License-Identifier: GPL-2.0-only
"""results.json: rewritten as a whole after every run, so that it is there and
readable whenever the comparison ends. functions.csv: the instructions of each
function, run by run."""

import csv
import json
import os

from harness.util import Failure

RUN_KEYS = ("queues", "workload", "variant", "run")
LEAST_INSTRUCTIONS = 0.1


class Store:
    def __init__(self, folder, environment):
        self.folder = folder
        self.path = folder / "results.json"
        self.environment = environment
        self.memory = []
        self.runs = []
        self.save()
        self._functions = folder / "functions.csv"
        self._functions.unlink(missing_ok=True)

    def add(self, record):
        functions = record.pop("functions")
        self.runs.append(record)
        self.save()
        if functions:
            self._add_functions(record, functions)

    def _add_functions(self, record, functions):
        new = not self._functions.exists()
        with open(self._functions, "a", newline="") as out:
            rows = csv.writer(out)
            if new:
                rows.writerow((*RUN_KEYS, "area", "function", "instructions_per_io"))
            for (area, function), number in sorted(functions.items(), key=lambda item: -item[1]):
                if number >= LEAST_INSTRUCTIONS:
                    rows.writerow((*(record[key] for key in RUN_KEYS), area, function,
                                   f"{number:.1f}"))

    def save(self):
        part = self.path.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps({"environment": self.environment, "memory": self.memory,
                                        "runs": self.runs}, indent=1) + "\n")
            os.replace(part, self.path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise Failure(f"cannot write {self.path}: {error.strerror}; "
                          f"{len(self.runs)} runs are done, what was saved before is kept"
                          ) from error


def record(source_name, release, accel, vcpus, step, figures):
    """One entry of "runs": the keys that the report's readers rely on, first."""
    keys = ("ios", "seconds", "iops", "mb_per_s", "lat_us", "vcpu_busy_pct", "lock", "kicks",
            "interrupts")
    entry = {
        "kernel": source_name, "release": release, "variant": step.variant.name,
        "mode": step.boot.mode, "accel": accel, "workload": step.workload.name,
        "queues": step.queues, "vcpus": vcpus, "run": step.run,
    }
    entry.update((key, figures[key]) for key in keys)
    entry["flavour"] = step.boot.flavour
    entry.update((key, value) for key, value in figures.items() if key not in entry)
    return entry
