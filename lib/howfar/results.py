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
from howfar import engines, experiments
from howfar.environment import data_path
from howfar.progress import progress

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
        If the experiment, scale or engine is unknown, the device is none, or ``out`` holds something else.
    OSError
        If ``out`` cannot be written.
    RunsFailed
        After all the others have finished and are recorded, if a run raised an error.
    """
    configs = {config_key(experiment, config): config for config in experiments.grid(experiment, scale)}
    if not configs:
        raise ValueError(f"the {scale} grid of {experiment} is empty: there is nothing to run")
    on_gpu = check_device(device, here=engine != "ray").type == "cuda"
    if gpus_per_run is None:
        gpus_per_run = 1.0 if on_gpu and engine == "ray" else 0.0
    if out is not None:
        check_writable(out)
    done = _first_of_each_key(read_runs(out)) if out is not None and Path(out).exists() else {}
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
        changes) and ``source``, a hash of the library's source.
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
            **provenance(device),
            "source": source_hash(experiment),
            "records": records if isinstance(records, dict) else list(records),
        }
    )
    check_run(run)
    return run


def check_run(run):
    """ValueError if a run has no records, or a field of theirs would hide another."""
    records = run["records"]
    if not isinstance(records, list) or not records or not all(isinstance(record, dict) for record in records):
        raise ValueError("run(config) must return a list of records, at least one, each a dict")
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
    text = json.dumps([experiment, plain(dataclasses.asdict(config))], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_device(device, here=True):
    """ValueError if ``device`` is none of torch's, or, where ``here`` is true, not on this machine."""
    try:
        device = torch.device(device)
    except RuntimeError:
        raise ValueError(f"device must be cpu, cuda or cuda:N, got {device!r}") from None
    if device.type not in ("cpu", "cuda") or (device.type == "cpu" and device.index is not None):
        raise ValueError(f"device must be cpu, cuda or cuda:N, got {str(device)!r}")
    if here and device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        held = f"{torch.cuda.device_count()} GPUs" if torch.cuda.is_available() else "no GPU that torch can use"
        raise ValueError(f"device {str(device)!r} is not here: this machine has {held}; use device 'cpu'")
    return device


# --- provenance -----------------------------------------------------------------------------------------------------


def provenance(device="cpu"):
    """What a result depends on besides its config: date, device, versions, commit, a hash of the library's source."""
    return {
        "device": device_name(device),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **_versions(),
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
        "source": source_hash(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
    }


@functools.cache
def source_hash(experiment=None):
    """A hash of the library's Python source and, if it lies elsewhere, of an experiment's: equal hashes, equal code.

    Parameters
    ----------
    experiment : str, optional

    Returns
    -------
    str
        12 hexadecimal digits.
    """
    package = Path(howfar.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    own = Path(experiments.find(experiment).__file__) if experiment else package / "__init__.py"
    if package not in own.parents:
        digest.update(own.read_bytes())
    return digest.hexdigest()[:12]


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
    other = sum(run["source"] != source_hash(experiment) for run in runs)
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
        If ``path`` holds something other than results, or the run has no records or fields that hide others.
    OSError
        If it cannot be written.

    Notes
    -----
    Where the operating system has no ``flock`` (Windows, some network file systems) two writers at once are not safe;
    that is said in a warning.
    """
    check_run(run)
    line = MAGIC + json.dumps(plain(run), allow_nan=False).encode()[1:] + b"\n"
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        _lock(descriptor, shared=False)
        size = _check_ours(descriptor, path)
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

    A torn line, which a killed writer leaves, is dropped with a warning that names it. ValueError if the file holds
    something other than results.
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
        except ValueError:
            warnings.warn(
                f"{path}: line {number} is torn (its writer was killed) and is left out; nothing else is lost",
                stacklevel=2,
            )
            continue
        if not isinstance(run, dict) or not {"key", "config", "records", *PROVENANCE} <= run.keys():
            raise ValueError(f"{path}: line {number} is no record of a run")
        runs.append(run)
    return runs


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
