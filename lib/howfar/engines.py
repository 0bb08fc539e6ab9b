"""Where the runs of a sweep are computed: in this process, in several local ones, or on a Ray cluster.

Each engine is a generator that yields a `Finished` as soon as a task has finished, in whatever order that happens. A
task that raises is reported and doesn't stop the others; a task whose worker process died is tried again.
"""

import os
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

ENGINES = ("in-process", "local", "ray")
RETRIES = 3


@dataclass(frozen=True)
class Finished:
    """One finished task: its index, and either its value or the text of the error that it raised."""

    index: int
    value: Any = None
    error: str | None = None


def run(function, tasks, engine="in-process", *, workers=None, address=None, gpus_per_task=0.0, retries=RETRIES):
    """Call ``function`` on every task and yield the results as they come.

    Parameters
    ----------
    function : callable
        Importable by the workers (a module's function, or a `functools.partial` of one).
    tasks : sequence
        Its arguments, one each.
    engine : str
        ``"in-process"``: one after the other, here. ``"local"``: local processes, through joblib's loky. ``"ray"``: a
        Ray cluster (``pip install 'howfar[cluster]'``).
    workers : int, optional
        How many tasks at once: for ``"local"`` the number of processes, for ``"ray"`` without an address the number of
        CPUs of the cluster that is started. Default: the CPUs that this process may use.
    address : str, optional
        Ray only: the address of a running cluster, or ``"auto"``. Default: start one on this machine, for this call.
    gpus_per_task : float
        Ray only: the share of a GPU that a task asks for; 0.25 puts four on each GPU.
    retries : int
        How often a task whose worker died is tried again.

    Yields
    ------
    Finished

    Raises
    ------
    ValueError
        If the engine is unknown, or an option is given that it doesn't have.
    RuntimeError
        If Ray is asked for but not installed, its cluster cannot be reached or has no GPU that a run asks for.

    Notes
    -----
    A Ray cluster that was started here and whose driver is killed with ``kill -9`` may leave its agents behind; ``ray
    stop`` ends them.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    if workers is not None and workers > 1 and engine == "in-process":
        raise ValueError(f"the in-process engine runs one task at a time, got workers={workers}; use engine='local'")
    if engine != "ray" and (address is not None or gpus_per_task):
        raise ValueError(f"an address and a share of a GPU for each run need the ray engine, got engine={engine!r}")
    if address is not None and workers is not None:
        raise ValueError("a running cluster decides by itself how many workers it has: give address or workers")
    if engine == "in-process":
        return _in_process(function, tasks)
    if engine == "local":
        return _local(function, tasks, workers, retries)
    return _ray(function, tasks, workers, address, gpus_per_task, retries)


def _in_process(function, tasks):
    for index, task in enumerate(tasks):
        yield _caught(function, index, task)


def _local(function, tasks, workers, retries):
    import joblib
    from joblib.externals.loky import ProcessPoolExecutor, as_completed
    from joblib.externals.loky.process_executor import BrokenProcessPool

    left, fruitless = dict(enumerate(tasks)), 0
    while left:
        before = len(left)
        executor = ProcessPoolExecutor(
            min(workers or joblib.cpu_count(), len(left)),
            env={"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            initializer=_end_with,
            initargs=(os.getpid(),),
        )
        try:
            futures = [executor.submit(_in_worker, function, index, task) for index, task in left.items()]
            for future in as_completed(futures):
                finished = future.result()
                del left[finished.index]
                yield finished
        except BrokenProcessPool:
            # One worker that dies takes the whole pool with it, so what was in flight with it runs again.
            fruitless = 0 if len(left) < before else fruitless + 1
            if fruitless > retries:
                yield from (Finished(index, error="its worker process died") for index in list(left))
                return
        finally:
            executor.shutdown(kill_workers=bool(left))  # at the end they are idle, and leave by themselves


def _end_with(parent):
    """Let a worker process end when its parent is gone: a killed sweep leaves nothing running behind."""

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _ray(function, tasks, workers, address, gpus_per_task, retries):
    ray = _import_ray()
    started = not ray.is_initialized()
    if started:
        _connect(ray, address, workers)
    try:
        gpus = ray.cluster_resources().get("GPU", 0)
        if gpus < gpus_per_task:  # Ray would wait for one without a word
            raise RuntimeError(f"each run asks for {gpus_per_task:g} of a GPU, and the Ray cluster has {gpus:g} GPUs")
        remote = ray.remote(num_cpus=1, num_gpus=gpus_per_task, max_retries=retries)(_in_worker)
        waiting = {remote.remote(function, index, task): index for index, task in enumerate(tasks)}
        while waiting:
            ready, _ = ray.wait(list(waiting), num_returns=1)
            index = waiting.pop(ready[0])
            try:
                yield ray.get(ready[0])
            except ray.exceptions.RayError as error:
                yield Finished(index, error=f"{type(error).__name__}: {error}")
    finally:
        if started:
            ray.shutdown()


def _import_ray():
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before the import: no run should report to anybody
    try:
        import ray
    except ImportError:
        raise RuntimeError("the ray engine needs Ray: pip install 'howfar[cluster]'") from None
    return ray


def _connect(ray, address, workers):
    quiet = {"include_dashboard": False, "num_cpus": workers} if address is None else {}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise RuntimeError(f"no Ray cluster at {address!r}: {error}") from error


def _in_worker(function, index, task):
    """The same in a worker process, which keeps to one thread: there are as many workers as cores."""
    import torch

    torch.set_num_threads(1)
    return _caught(function, index, task)


def _caught(function: Callable, index, task):
    try:
        return Finished(index, value=function(task))
    except Exception:
        return Finished(index, error=traceback.format_exc())
