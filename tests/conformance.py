# SPDX-License-Identifier: GPL-2.0-only
"""Checks conformance.md against the tests: python3 -m tests.conformance [--write]

A test file's SPEC = ('5.2.6.1', ...) names the sections of VIRTIO 1.3 of which it shows a requirement. Each row of
the table names tests that do so for its section, or says why there is none.
"""

import argparse
import importlib
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from harness.util import Failure, run_main
from tests import checks, plan

TABLE = Path(__file__).with_suffix('.md')
HEAD = ['Section', 'Requirement', 'Tests', 'Otherwise']
WHY = {'core': "another part of the kernel's duty", 'never': 'the driver never does it',
       'not kept': 'the driver does otherwise', 'TODO': 'could be tested, is not'}
WORD = re.compile(r'\b(MUST|SHOULD)( NOT)?\b')
NUMBER = re.compile(r'\d+(\.\d+)+$')
GENERATED = re.compile(r'(<!-- generated -->\n).*(<!-- end -->\n)', re.DOTALL)


@dataclass(frozen=True)
class Row:
    line: int
    section: str
    title: str
    text: str
    tests: tuple
    why: str

    @property
    def kind(self):
        return 'tests' if self.tests else self.why.partition(': ')[0]

    @property
    def order(self):
        return [int(part) for part in self.section.split('.')]

    def __str__(self):
        return f'line {self.line}: {self.section}'


@dataclass(frozen=True)
class Annotations:
    files: dict         # of each test, by its full name
    pairs: list         # (file, section)


def main():
    options = arguments()
    text = options.table.read_text()
    if not GENERATED.search(text):
        raise Failure(f'{options.table} has no <!-- generated --> ... <!-- end -->')
    rows, specs = parse(text), annotations()
    subjects = [*rows, *specs.pairs, 'summary']
    wrong = [*check_form(rows), *check_tests(rows, specs)]
    if not wrong:
        made = GENERATED.sub(lambda found: found[1] + summarise(rows) + found[2], text)
        if options.write:
            options.table.write_text(made)
        elif made != text:
            wrong.append(('summary', f'{options.table.name}: the generated part is old, --write makes it anew'))
    failed = {subject for subject, _ in wrong}
    for _, line in wrong:
        print(f'FAIL {line}')
    print(f'{len(subjects) - len(failed)} passed, {len(failed)} failed')
    return bool(wrong)


def arguments():
    parser = argparse.ArgumentParser(prog='python3 -m tests.conformance', description=__doc__.partition(':')[0])
    parser.add_argument('--write', action='store_true', help='make the generated part anew')
    parser.add_argument('--table', type=Path, default=TABLE, help='another table than tests/conformance.md')
    return parser.parse_args()


def parse(text):
    """The rows of the table with the columns of HEAD."""
    rows, inside = [], False
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip('|').split('|')]
        if not line.startswith('|'):
            inside = False
        elif cells == HEAD:
            inside = True
        elif inside and not set(line) <= set('|-: '):
            if len(cells) != len(HEAD):
                raise Failure(f'line {number}: {len(cells)} columns instead of {len(HEAD)}')
            section, _, title = cells[0].partition(' ')
            rows.append(Row(number, section, title, cells[1], tuple(filter(None, cells[2].split(', '))), cells[3]))
    if not rows:
        raise Failure(f'there is no table with the columns {", ".join(HEAD)}')
    return rows


def annotations():
    specs = {name: checks.SPEC.get(name, ()) for name in checks.names()}
    files = {name: name for name in specs}
    for test in plan.discover():
        file = files[test.name] = plan.parts(test.name)[2]
        if file not in specs:
            specs[file] = getattr(importlib.import_module(f'tests.guest.{file}'), 'SPEC', ())
    return Annotations(files, [(file, section) for file, sections in specs.items() for section in sections])


def check_form(rows):
    """(row, what is wrong with it) for each mistake."""
    seen, before = set(), None
    for row in rows:
        if not NUMBER.match(row.section):
            yield row, f'line {row.line}: "{row.section}" is no section'
            continue
        if before and row.order < before.order:
            yield row, f'{row} comes after {before.section}'
        if bool(row.title) == bool(before and before.section == row.section):
            yield row, f'{row}: the first row of a section has its title, and no other'
        if not WORD.search(row.text):
            yield row, f'{row}: neither MUST nor SHOULD in "{row.text}"'
        if (row.section, row.text) in seen:
            yield row, f'{row}: "{row.text}" once more'
        if not row.tests and (row.kind not in WHY or not row.why.partition(': ')[2]):
            yield row, f'{row}: no test, and no reason that begins with {", ".join(f"{word}:" for word in WHY)}'
        seen.add((row.section, row.text))
        before = row


def check_tests(rows, specs):
    """Both ways: a test that a row names shows something of its section, and what a test shows is in a row."""
    named = set()
    for row in rows:
        for name in row.tests:
            # All cases of a file, or one.
            files = {file for full, file in specs.files.items() if name in (full, full.partition('.')[0])}
            if not files:
                yield row, f'{row}: there is no test {name}'
            for file in files:
                named.add((file, row.section))
                if (file, row.section) not in specs.pairs:
                    yield row, f"{row}: {name} is named, but '{row.section}' is not in the SPEC of {file}"
    for file, section in specs.pairs:
        if (file, section) not in named:
            yield (file, section), f"{file}: '{section}' is in its SPEC, but no row of that section names a test of it"


def summarise(rows):
    """How many requirements there are of each kind, and which of them are open."""
    count = Counter((row.kind, WORD.search(row.text)[1]) for row in rows)
    lines = ['| | MUST, MUST NOT | SHOULD, SHOULD NOT |', '|---|---:|---:|']
    for kind, text in {'tests': 'shown by tests', **WHY}.items():
        what = text if kind == 'tests' else f'{kind}: {text}'
        lines.append(f'| {what} | {count[kind, "MUST"]} | {count[kind, "SHOULD"]} |')
    open_rows = [row for row in rows if row.kind in ('not kept', 'TODO')]
    lines += ['', 'Open:' if open_rows else 'None is open.', '']
    lines += [f'- {row.section}: {row.text} *{row.why}*' for row in open_rows]
    return '\n'.join(lines) + '\n'


if __name__ == '__main__':
    run_main(main)
