"""The results file: append-only, with one line of JSON for each finished run, and hard to lose.

A line is written whole, under a lock, and forced to disk, so that two writers don't mix and a kill leaves at most one
torn line. A torn line is skipped and said; nothing that stands in a file is ever changed.
"""

import json
import os
import sys
import warnings
from pathlib import Path

from howfar.runs.schema import fault_of, plain

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

MAGIC = b'{"howfar": 1, '  # every line begins so: the format's name and version


def append(path, run):
    """Append a run to a results file: one write, under a lock, forced to disk.

    Parameters
    ----------
    path : path
        Made if it isn't there, its folders too.
    run : dict
        What `execute` returns.

    Raises
    ------
    ValueError
        If ``path`` holds something other than results, or another experiment's, or ``run`` is none: without records,
        with fields that hide others, with the key of another config.
    OSError
        If it cannot be written.

    Notes
    -----
    Where the operating system has no ``flock`` (Windows, some network file systems) two writers at once are not safe;
    that is said in a warning.
    """
    run = plain(run)
    fault = fault_of(run)
    if fault:
        raise ValueError(f"run is no record of a run: {fault}")
    line = MAGIC + json.dumps(run, allow_nan=False).encode()[1:] + b"\n"
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        _lock(descriptor, shared=False)
        size = _check_ours(descriptor, path)
        check_experiment(run["experiment"], _first_run(path), path)
        if size < len(MAGIC):
            line = line[size:]  # a writer was killed within the magic itself: this completes it
        elif _bytes(descriptor, size - 1, 1) != b"\n":
            line = b"\n" + line  # closes the torn line that a killed writer left; `read_runs` will skip it
        written = os.write(descriptor, line)
        if written < len(line):
            raise OSError(f"{path}: only {written} of {len(line)} bytes written; is the disk full?")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)  # gives the lock back


def read_runs(path):
    """The runs in a results file, in the order in which they were written: a list of dicts (see `execute`).

    A torn line, which a writer leaves that was killed or found the disk full, is dropped with a warning that names it.

    Raises
    ------
    ValueError
        If the file holds something other than results, or a whole line is no run: it lacks a field, has no records,
        or its key is not that of its config. The message names the line.
    """
    path = Path(path)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _lock(descriptor, shared=True)
        _check_ours(descriptor, path)
        lines = path.read_bytes().split(b"\n")
    finally:
        os.close(descriptor)
    runs = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            run = json.loads(line)
            fault = fault_of(run)
        except RecursionError:
            fault = "it is nested too deeply"
        except ValueError:
            warnings.warn(
                f"{path}: line {number} is torn (its writer was killed, or the disk was full) and is left out; "
                "nothing else is lost",
                stacklevel=2,
            )
            continue
        if fault:
            raise ValueError(
                f"{path}: line {number} is no record of a run: {fault}; delete the line, and the run is computed again"
            )
        runs.append(run)
    return runs


def _first_run(path):
    """A file's first run, in a list; an empty one if there is none, or its line is no run."""
    with open(path, "rb") as file:
        try:
            run = json.loads(file.readline())
        except (ValueError, RecursionError):
            return []
    return [] if fault_of(run) else [run]


def check_experiment(experiment, runs, path):
    """ValueError if one of a file's runs is of another experiment."""
    others = sorted({run["experiment"] for run in runs} - {experiment})
    if others:
        raise ValueError(
            f"{path} holds runs of {', '.join(others)}, not of {experiment}, and is left as it is; name another file"
        )


def check_writable(path):
    """OSError or ValueError, before any work is done, if results cannot be appended to ``path``."""
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"cannot write results to {path}: it is a folder; name a file in it")
    if path.exists() and not path.is_file():
        raise OSError(f"cannot write results to {path}: it is no regular file")
    new = not path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError as error:
        raise OSError(f"cannot write results to {path}: {error.strerror}") from error
    try:
        _check_ours(descriptor, path)
    finally:
        os.close(descriptor)
    if new:
        _sync_folder(path.parent)


def _check_ours(descriptor, path):
    """The size of an open results file; ValueError if it is something else."""
    size = os.fstat(descriptor).st_size
    if _bytes(descriptor, 0, len(MAGIC)) != MAGIC[: min(size, len(MAGIC))]:
        raise ValueError(f"{path} holds something other than results of howfar, and is left as it is")
    return size


def _bytes(descriptor, start, count):
    os.lseek(descriptor, start, os.SEEK_SET)
    return os.read(descriptor, count)


def _lock(descriptor, shared):
    if fcntl is not None:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        except OSError:  # a file system without locks
            pass
    if not shared:
        warnings.warn("no file locks here: don't let two sweeps write to one file at a time", stacklevel=3)
    return None


def _sync_folder(folder):
    """Force a new file's name to disk, where the system can."""
    if sys.platform != "win32":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
