"""An experiment's grid, computed where it is not recorded yet."""

import dataclasses
import functools
import time
import warnings

from howfar import checks, experiments
from howfar.progress import progress
from howfar.runs import engines
from howfar.runs.frame import first_of_each_key, to_frame
from howfar.runs.provenance import provenance
from howfar.runs.schema import check_run, config_key, plain
from howfar.runs.source import differ, source_hash
from howfar.runs.store import append, check_experiment, check_writable, read_runs


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
        As in `howfar.runs.engines.run`.
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
    that is said in a warning. Nothing is said of runs whose ``source`` has no number in front (``2:``): that older hash
    was of the whole library and can't be compared; their ``commit`` names the code.
    """
    configs = {config_key(experiment, config): config for config in experiments.grid(experiment, scale)}
    if not configs:
        raise ValueError(f"the {scale} grid of {experiment} is empty: there is nothing to run")
    on_gpu = checks.device(device, here=engine != "ray").type == "cuda"
    if gpus_per_run is None:
        gpus_per_run = 1.0 if on_gpu and engine == "ray" else 0.0
    done = {} if out is None else _recorded_in(out, experiment)
    _warn_of_other_code(experiment, [done[key] for key in configs if key in done], out)

    todo = [key for key in configs if key not in done]
    finished = engines.run(
        functools.partial(execute, experiment, device=device),
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


def _recorded_in(out, experiment):
    """The runs that a results file holds already, by key; an error, before any work, if it can't be appended to."""
    check_writable(out)
    done = first_of_each_key(read_runs(out))
    check_experiment(experiment, done.values(), out)
    return done


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


def _warn_of_other_code(experiment, runs, out):
    other = sum(differ(run["source"], source_hash(experiment)) for run in runs)
    if other:
        warnings.warn(
            f"{other} of the runs in {out} were recorded by another version of the code and are kept as they are; "
            "record into a new file to compute them again",
            stacklevel=3,
        )
