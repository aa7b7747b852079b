# SPDX-License-Identifier: GPL-2.0-only
"""Installs the driver on a Debian 12 machine whose root disk it then drives, and takes it back.

    python3 -m tests.install.run [--full] [--test NAME] [--driver DIR]

Each scenario is a machine of its own; each of its steps is a test, and needs the ones before it.
"""

import argparse
import shutil
import time
from pathlib import Path

from harness.util import Failure, run_main
from tests import checks
from tests.install import scenarios
from tests.report import FAIL, PASS, Report
from tests.run_boot import explain


def chosen(full=False, test=None):
    found = [one for one in scenarios.ALL if (full or test or one in scenarios.QUICK) and test in (None, one.__name__)]
    if not found:
        raise Failure(f'no scenario is called "{test}": {", ".join(one.__name__ for one in scenarios.ALL)}')
    return found


def names(found):
    return [f'{one.__name__}/{step}' for one in found for step in scenarios.steps(one)]


def run(report, out, found):
    """Adds a result for each of the names() to the report."""
    for one in found:
        folder = out / one.__name__
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        run_scenario(report, one, folder)


def run_scenario(report, one, folder):
    scenario, failed = None, None
    try:
        for step in scenarios.steps(one):
            name, started = f'{one.__name__}/{step}', time.monotonic()
            try:
                assert not failed, f'not tried: {failed} has failed'
                scenario = scenario or one(folder)
                getattr(scenario, step)()
                scenario.check()
                report.add(name, PASS, seconds=time.monotonic() - started)
            except Exception as error:
                failed = failed or step
                report.add(name, FAIL, explain(error), log=folder)
    finally:
        if scenario:
            scenario.drop()


def main():
    parser = argparse.ArgumentParser(prog='python3 -m tests.install.run', description=__doc__.splitlines()[0])
    parser.add_argument('--full', action='store_true', help='all scenarios: an hour or more')
    parser.add_argument('--test', help=', '.join(one.__name__ for one in scenarios.ALL))
    parser.add_argument('--driver', type=Path, default=checks.DRIVER, help='another folder than virtio_blk/')
    parser.add_argument('--out', type=Path, default=checks.TOP / 'build' / 'install', help='for the logs')
    options = parser.parse_args()
    checks.DRIVER = options.driver.absolute()
    found = chosen(options.full, options.test)
    report = Report()
    report.expect(*names(found))
    run(report, options.out.absolute(), found)
    return report.finish()


if __name__ == '__main__':
    run_main(main)
