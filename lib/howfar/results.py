"""Recorded results: append-only, with provenance, and hard to lose.

A results file holds one line of JSON for each finished run: its key, config, records and provenance. A line is
written whole, under a lock, and forced to disk, so that two writers don't mix and a kill leaves at most one torn line.
A torn line is skipped and said; nothing that stands in a file is ever changed.
"""

import contextlib
import dataclasses
import datetime
import functools
import hashlib
import json
import math
import os
import platform
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import howfar
from howfar import checks, engines, experiments
from howfar.environment import data_path
from howfar.progress import progress
from howfar.runs.source import differ, source_hash

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

MAGIC = b'{"howfar": 1, '  # every line begins so: the format's name and version
PROVENANCE = (
    "key",
    "experiment",
    "seconds",
    "device",
    "date",
    "howfar",
    "commit",
    "source",
    "python",
    "numpy",
    "torch",
)


class RunsFailed(RuntimeError):
    """Some runs of a sweep raised an error; the others are recorded.

    Attributes
    ----------
    failures : list of (config, str)
        Each with the text of its error.
    """

    def __init__(self, failures, total):
        self.failures = failures
        config, error = failures[0]
        super().__init__(
            f"{len(failures)} of {total} runs failed and are not recorded; the same call tries them again. "
            f"The first was {config}:\n{error}"
        )


# --- running --------------------------------------------------------------------------------------------------------


def sweep(
    experiment,
    scale="quick",
    *,
    out=None,
    device="cpu",
    engine="in-process",
    workers=None,
    address=None,
    gpus_per_run=None,
):
    """Compute what is missing of an experiment's grid, record it, and return the records.

    Parameters
    ----------
    experiment : str
        A name of `howfar.experiments`, or of a module, as one would import it.
    scale : str
        ``"quick"`` or ``"full"``.
    out : path, optional
        The results file. Runs that it holds already are not computed again, and each new one is appended when it
        finishes: a sweep that was killed goes on where it stopped. Default: nothing is written.
    device : str
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``.
    engine, workers, address
        As in `howfar.engines.run`.
    gpus_per_run : float, optional
        Ray only: the share of a GPU that a run asks for. Default: 1 if the device is one, else 0.

    Returns
    -------
    pandas.DataFrame
        The records of this grid, in the grid's order; see `read`.

    Raises
    ------
    ValueError
        If the experiment, scale or engine is unknown, the device is none, or ``out`` holds something else: another
        experiment's runs, a line that is none.
    OSError
        If ``out`` cannot be written.
    RunsFailed
        After all the others have finished and are recorded, if a run raised an error.

    Notes
    -----
    Runs that are there already are kept even if the code that they depend on has changed since (see `source_hash`);
    that is said in a warning. Nothing is said of runs that were recorded before 0.2, whose hash was of the whole
    library and can't be compared: their ``commit`` names the code.
    """
    configs = {config_key(experiment, config): config for config in experiments.grid(experiment, scale)}
    if not configs:
        raise ValueError(f"the {scale} grid of {experiment} is empty: there is nothing to run")
    on_gpu = checks.device(device, here=engine != "ray").type == "cuda"
    if gpus_per_run is None:
        gpus_per_run = 1.0 if on_gpu and engine == "ray" else 0.0
    done = {}
    if out is not None:
        check_writable(out)
        done = _first_of_each_key(read_runs(out))
        _check_experiment(experiment, done.values(), out)
    _warn_of_other_code(experiment, [done[key] for key in configs if key in done], out)

    todo = [key for key in configs if key not in done]
    compute = functools.partial(execute, experiment, device=device)
    finished = engines.run(
        compute,
        [configs[key] for key in todo],
        engine,
        workers=workers,
        address=address,
        gpus_per_task=gpus_per_run,
    )
    failures = []
    with progress(len(configs), f"{experiment} ({scale})") as bar:
        bar.update(len(configs) - len(todo))
        for result in finished:
            key = todo[result.index]
            if result.error is not None:
                failures.append((configs[key], result.error))
            else:
                done[key] = result.value
                if out is not None:
                    append(out, result.value)
            bar.update(1)
    if failures:
        raise RunsFailed(failures, len(configs))
    return to_frame([done[key] for key in configs])


def execute(experiment, config, device="cpu"):
    """Compute one run and return it with its provenance: a dict, one line of a results file.

    Parameters
    ----------
    experiment : str
    config : dataclass
        One of the experiment's grid.
    device : str

    Returns
    -------
    dict
        ``key, experiment, config, records`` and the provenance: ``seconds``, ``device``, ``date`` (UTC), the versions
        of howfar, Python, NumPy and torch, ``commit`` (None outside a repository; with "+" if there are uncommitted
        changes) and ``source``, see `source_hash`.
    """
    module = experiments.find(experiment)
    start = time.perf_counter()
    records = module.run(config, device=device)
    seconds = time.perf_counter() - start
    run = plain(
        {
            "key": config_key(experiment, config),
            "experiment": experiment,
            "config": dataclasses.asdict(config),
            "seconds": round(seconds, 3),
            **provenance(experiment, device),
            "records": records if isinstance(records, dict) else list(records),
        }
    )
    check_run(run)
    return run


def check_run(run):
    """ValueError if a run has no records, or a field of theirs would hide another."""
    records = run["records"]
    if not isinstance(records, list) or not records or not all(isinstance(record, dict) for record in records):
        raise ValueError("records must be a list of dicts, at least one")
    fields = {field for record in records for field in record}
    clash = ({*run["config"], *fields} & set(PROVENANCE)) | (fields & set(run["config"]))
    if clash:
        raise ValueError(
            f"fields must not be named {', '.join(sorted(clash))}: those of the config, of the records and of the "
            "provenance become columns of one table"
        )


def config_key(experiment, config):
    """The key of a run: 16 hexadecimal digits that depend on the experiment's name and the config's fields only.

    Parameters
    ----------
    experiment : str
    config : dataclass
        Of numbers, strings, None, and tuples or dicts of them.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the config is no frozen dataclass.
    """
    if not dataclasses.is_dataclass(config) or isinstance(config, type) or not config.__dataclass_params__.frozen:
        raise ValueError(f"config must be a frozen dataclass, got {type(config).__name__}")
    return _key(experiment, plain(dataclasses.asdict(config)))


def _key(experiment, config):
    return hashlib.sha256(json.dumps([experiment, config], sort_keys=True).encode()).hexdigest()[:16]


# --- provenance -----------------------------------------------------------------------------------------------------


def provenance(experiment, device="cpu"):
    """What a result depends on besides its config: date, device, versions, commit, a hash of the code it runs."""
    return {
        "device": device_name(device),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **_versions(),
        "source": source_hash(experiment),
    }


def device_name(device):
    """The device in words: the GPU's or the processor's name, the latter with torch's number of threads."""
    device = torch.device(device)
    if device.type == "cuda":
        return f"cuda: {torch.cuda.get_device_name(device)}"
    threads = torch.get_num_threads()
    return f"cpu: {_processor()}, {threads} thread{'s' if threads > 1 else ''}"


@functools.cache
def _processor():
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


@functools.cache
def _versions():
    return {
        "howfar": howfar.__version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
    }


def _commit():
    package = Path(howfar.__file__).parent

    def git(*arguments):
        done = subprocess.run(["git", "-C", str(package), *arguments], capture_output=True, text=True, timeout=20)
        return done.stdout.strip() if done.returncode == 0 else None

    with contextlib.suppress(OSError, subprocess.SubprocessError):
        # Only the library's own repository counts, not one that a virtual environment happens to lie in.
        if git("ls-files", "--error-unmatch", "__init__.py"):
            changed = git("status", "--porcelain", "--", ".")
            return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    return None


def _warn_of_other_code(experiment, runs, out):
    other = sum(differ(run["source"], source_hash(experiment)) for run in runs)
    if other:
        warnings.warn(
            f"{other} of the runs in {out} were recorded by another version of the code and are kept as they are; "
            "record into a new file to compute them again",
            stacklevel=3,
        )


# --- the file -------------------------------------------------------------------------------------------------------


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
    fault = _fault(run)
    if fault:
        raise ValueError(f"run is no record of a run: {fault}")
    line = MAGIC + json.dumps(run, allow_nan=False).encode()[1:] + b"\n"
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        _lock(descriptor, shared=False)
        size = _check_ours(descriptor, path)
        _check_experiment(run["experiment"], _first_run(path), path)
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
            fault = _fault(run)
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


def _fault(run):
    """What keeps a line's content from being a run, in words; None if it is one."""
    if not isinstance(run, dict):
        return f"it is a {type(run).__name__}"
    missing = [field for field in ("config", "records", *PROVENANCE) if field not in run]
    if missing:
        return f"it has no {missing[0]}"
    if not isinstance(run["config"], dict):
        return f"its config is {json.dumps(run['config'])}"
    if not isinstance(run["seconds"], (int, float)):
        return f"its seconds are {json.dumps(run['seconds'])}"
    texts = set(PROVENANCE) - {"seconds", "commit"}
    wrong = sorted(field for field in texts if not isinstance(run[field], str))
    if wrong:
        return f"its {wrong[0]} is {json.dumps(run[wrong[0]])}"
    try:
        check_run(run)
    except ValueError as error:
        return str(error)
    if run["key"] != _key(run["experiment"], run["config"]):
        return "its key is not that of its experiment and config, so one of them was changed"
    return None


def _first_run(path):
    """A file's first run, in a list; an empty one if there is none, or its line is no run."""
    with open(path, "rb") as file:
        try:
            run = json.loads(file.readline())
        except (ValueError, RecursionError):
            return []
    return [] if _fault(run) else [run]


def _check_experiment(experiment, runs, path):
    others = sorted({run["experiment"] for run in runs} - {experiment})
    if others:
        raise ValueError(
            f"{path} holds runs of {', '.join(others)}, not of {experiment}, and is left as it is; name another file"
        )


def read(path):
    """A results file as a table.

    Parameters
    ----------
    path : path

    Returns
    -------
    pandas.DataFrame
        One row for each record, with the config's fields, the record's own, and the provenance. If two writers
        recorded the same run, the first counts. Numbers that were not finite are NaN.

    Raises
    ------
    ValueError
        If the file holds something else.
    FileNotFoundError
        If there is none.
    """
    return to_frame(_first_of_each_key(read_runs(path)).values())


def recorded(experiment, scale="full"):
    """The results that travel with the library, ``data/results/EXPERIMENT-SCALE.jsonl``, as `read` gives them."""
    return read(data_path("results", f"{experiment}-{scale}.jsonl"))


def describe(records):
    """Where records come from, in one line: runs, device, seconds, date, versions.

    Parameters
    ----------
    records : pandas.DataFrame
        Of `read`, `recorded` or `sweep`.

    Returns
    -------
    str
    """
    runs = records.drop_duplicates("key")

    def all_of(field):
        return " and ".join(sorted({str(value) for value in runs[field] if value is not None}))

    dates = sorted({date[:10] for date in runs["date"]})
    commits = all_of("commit") or "unknown"
    return (
        f"{len(runs)} runs on {all_of('device')}; {runs['seconds'].sum():,.0f} s of computing in all; "
        f"{' to '.join(dict.fromkeys([dates[0], dates[-1]]))}; howfar {all_of('howfar')} (commit {commits}), "
        f"torch {all_of('torch')}, Python {all_of('python')}"
    )


def to_frame(runs):
    """Runs as a table with one row for each record; see `read`."""
    rows = []
    for run in runs:
        config = {field: tuple(v) if isinstance(v, list) else v for field, v in run["config"].items()}
        origin = {field: run[field] for field in PROVENANCE}
        rows += [{**config, **record, **origin} for record in run["records"]]
    return pd.DataFrame(rows)


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


def plain(value):
    """``value`` in JSON's types: NumPy and torch scalars as Python's, tuples as lists, NaN and infinities as None."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (np.generic, torch.Tensor)):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    raise ValueError(f"records hold numbers, strings, None, lists and dicts, got {type(value).__name__}")


def _first_of_each_key(runs):
    first = {}
    for run in runs:
        first.setdefault(run["key"], run)
    return first


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
