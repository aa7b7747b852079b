# SPDX-License-Identifier: GPL-2.0-only
"""What a raw image with ext4 holds, seen from the host: nothing is mounted, and only a copy is repaired."""

import shutil
import subprocess

from harness.util import need_tool


def files(image):
    """name -> content of the files in the root directory, after the journal was replayed."""
    copy = image.with_suffix('.copy')
    shutil.copyfile(image, copy)
    try:
        # 1: errors were corrected, which is what a replay is.
        run([need_tool('e2fsck', 'e2fsprogs'), '-p', '-E', 'journal_only', str(copy)], (0, 1))
        checked = run([need_tool('e2fsck', 'e2fsprogs'), '-fn', str(copy)])
        assert 'WARNING' not in checked, checked
        debugfs = need_tool('debugfs', 'e2fsprogs')
        folder = image.with_suffix('.files')
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        run([debugfs, '-R', f'rdump / {folder}', str(copy)])
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    finally:
        copy.unlink()


def run(command, good=(0,)):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode in good, f'{" ".join(command)}: {done.returncode}\n{(done.stdout + done.stderr)[-1500:]}'
    return done.stdout + done.stderr
