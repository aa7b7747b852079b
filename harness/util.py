# SPDX-License-Identifier: GPL-2.0-only
"""What the harness, the comparison and the tests share: failing with one
clear line, the cache folder, and running a long command with a log."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

PROGRESS_SECONDS = 30
TELLING = ("No space left on device", "source tree is not clean", "error:", "Error:", "ERROR",
           "E: ")


class Failure(Exception):
    """Something the user can act on; its text is the one line to print."""


def die(message):
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)


def run_main(main):
    """Run a program's main(); a Failure becomes one line and exit code 1."""
    try:
        sys.exit(main())
    except Failure as failure:
        die(failure)
    except KeyboardInterrupt:
        die("interrupted")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        die(f"{error.filename or 'input/output'}: {error.strerror or error}")


def say(message):
    print(message, flush=True)


def cache_dir():
    chosen = os.environ.get("VBLK_CACHE")
    if chosen:
        path = Path(chosen).absolute()
    else:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        path = Path(home) / "virtio_blk"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"cannot create the cache folder {path}: {error.strerror}; "
                      f"set VBLK_CACHE to a folder you can write") from error
    return path


def need_space(path, mib, purpose):
    free = shutil.disk_usage(path).free >> 20
    if free < mib:
        raise Failure(f"{purpose} needs {mib} MiB in {path}, only {free} MiB are free; "
                      f"free some or choose another disk (VBLK_CACHE=, OUT=)")


def need_tool(name, package):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise Failure(f"{name} is not installed; run harness/deps.sh "
                      f"(Debian package {package})")
    return path


@contextmanager
def locked(path, waiting_for):
    """Hold an exclusive lock file, saying so when another process has it."""
    with open(path, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for {waiting_for}, which another process is at")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def duration(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def last_line(log):
    """The line of a log that says best what went wrong."""
    lines = [line.strip() for line in
             Path(log).read_text(errors="replace").splitlines() if line.strip()]
    for sign in TELLING:
        for line in lines:
            if sign in line:
                return line.strip("* ")
    return lines[-1] if lines else "(no output)"


def run_logged(command, log, progress, steps=0, env=None):
    """Run a command with its output in a log.

    progress names the work: a line tells of it every PROGRESS_SECONDS, with a
    share done and the time left if the output's number of lines is known.
    """
    command = [str(word) for word in command]
    start = time.monotonic()
    said = start
    with open(log, "w") as out:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=subprocess.STDOUT, env=env)
        except FileNotFoundError as error:
            raise Failure(f"{command[0]} is not installed; run harness/deps.sh") from error
        try:
            while True:
                try:
                    process.wait(timeout=1)
                    break
                except subprocess.TimeoutExpired:
                    pass
                now = time.monotonic()
                if now - said >= PROGRESS_SECONDS:
                    said = now
                    say(f"{progress}: {_share(log, steps, now - start)}")
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if process.returncode:
        raise Failure(f"{progress} failed: {last_line(log)} (log: {log})")
    return time.monotonic() - start


def _share(log, steps, elapsed):
    with open(log, "rb") as lines:
        done = sum(1 for _ in lines)
    if not steps or not done or done >= steps:
        return f"{done} steps, {duration(elapsed)} so far"
    left = elapsed * (steps - done) / done
    return f"{done * 100 // steps} %, {duration(elapsed)} so far, about {duration(left)} left"
