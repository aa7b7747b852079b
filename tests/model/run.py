# SPDX-License-Identifier: GPL-2.0-only
"""Checks the model of the queue's protocol, and that it notices what is taken away from it.

    python3 -m tests.model.run [--full] [--out FOLDER]

spin goes through every state of every configuration; none may have an error. Each mutant of the model, a barrier, a
re-check or a rule less, must have one in the configuration that is made for it.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness.util import Failure, need_space, need_tool, run_main, say

MODEL = Path(__file__).parent / 'staging.pml'
MEMORY_MIB = 2048
FULL_MEMORY_MIB = 8192
DEPTH = 1_000_000

# What runs beside what, see staging.pml. Small ones: what they leave out, another has.
CONFIGURATIONS = {
    'interrupt': 'INFLIGHT=3',
    'interrupt-event': 'INFLIGHT=3 EVENT',
    'interrupt-late': 'INFLIGHT=2 LATE',
    'interrupt-late-event': 'INFLIGHT=2 LATE EVENT',
    'submit': 'SUBMITTERS=2 POLLERS=1 POLLS=0',
    'submit-event': 'SUBMITTERS=2 POLLERS=1 POLLS=0 EVENT',
    'submit-turns': 'SUBMITTERS=2 POLLERS=1 POLLS=0 MAX_TURNS=1',
    'submit-fail': 'SUBMITTERS=1 FAILS=1',
    'submit-interrupt': 'SUBMITTERS=1 INFLIGHT=1',
    'submit-interrupt-event': 'SUBMITTERS=1 INFLIGHT=1 EVENT',
    'submit-full': 'SUBMITTERS=1 INFLIGHT=1 SLOTS=1 BUSY',
    'end-io': 'SUBMITTERS=1 INFLIGHT=1 ENDING MAX_TURNS=1',
    'poll': 'SUBMITTERS=1 INFLIGHT=1 POLLERS=2 POLLS=1',
    'stalled': 'SUBMITTERS=1 INFLIGHT=1 STALLED',
    'stalled-poll': 'SUBMITTERS=1 INFLIGHT=1 POLLERS=1 STALLED',
    'stop': 'INFLIGHT=2 MAX_TURNS=1 STOP',
    'stop-poll': 'SUBMITTERS=1 INFLIGHT=1 POLLERS=1 STOP',
}
