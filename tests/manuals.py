# SPDX-License-Identifier: GPL-2.0-only
"""The manual pages are well formed, and name all that the driver and the status tool have."""

import re
import subprocess
from pathlib import Path

from harness.util import Failure, need_tool

TOP = Path(__file__).resolve().parent.parent
DRIVER_PAGE, TOOL_PAGE = TOP / 'man' / 'virtio_blk.4', TOP / 'man' / 'virtio-blk-status.8'


def check(driver):
    """driver: the folder of its source."""
    for page in sorted((TOP / 'man').iterdir()):
        done = subprocess.run([need_tool('mandoc', 'mandoc'), '-T', 'lint', page], capture_output=True, text=True)
        if done.returncode or done.stdout or done.stderr:
            raise Failure(f'mandoc about {page.name}:\n{done.stdout}{done.stderr}')
    source = '\n'.join(path.read_text() for path in sorted(driver.glob('*.c')))
    tool = (TOP / 'tools' / 'virtio-blk-status').read_text()
    same('parameters', parameters(source), titles(DRIVER_PAGE, 'PARAMETERS'))
    same('counters', counters(source), titles(DRIVER_PAGE, 'COUNTERS'))
    same('options', set(re.findall(r'^(--\w+)\b.*\)$', tool, re.MULTILINE)), titles(TOOL_PAGE, 'OPTIONS'))


def parameters(source):
    """{(name, default)}: a static variable without a value is 0."""
    names = re.findall(r'^module_param(?:_cb)?\((\w+)', source, re.MULTILINE)
    values = dict(re.findall(r'^static (?:unsigned )?int (\w+)(?: = (-?\w+))?;', source, re.MULTILINE))
    return {(name, values[name] or '0') for name in names}


def counters(source):
    text = re.search(r'static int counters_show\(.*?\n}', source, re.DOTALL)[0]
    return set(' '.join(re.findall(r'seq_puts\(m, "(.*?)(?:\\n)?"', text)).split()) - {'queue'}


def titles(page, section):
    """What a section's paragraphs describe: names, or those of parameters with their defaults."""
    text = re.search(rf'^\.SH {section}\n(.*?)^\.SH ', page.read_text(), re.DOTALL | re.MULTILINE)[1]
    text = re.sub(r'^\.RS\n.*?^\.RE\n', '', text, flags=re.DOTALL | re.MULTILINE)     # those within a paragraph
    lines = [line.replace('\\', '') for line in re.findall(r'^\.TP\n\.BR? (.*)', text, re.MULTILINE)]
    if section == 'PARAMETERS':
        return {(line.split()[0], re.search(r'default (-?\w+)', line)[1]) for line in lines}
    return {line.split()[0] for line in lines}


def same(what, has, documented):
    if not has or has != documented:
        raise Failure(f'{what} without a manual: {sorted(has - documented)}; '
                      f'in the manual only: {sorted(documented - has)}')
