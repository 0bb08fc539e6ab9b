"""Where the runs of a sweep are computed: in this process, in several local ones, or on a Ray cluster.

Each engine is a generator that yields a `Finished` as soon as a task has finished, in whatever order that happens. A
task that raises is reported and doesn't stop the others; a task whose worker process died is tried again.
"""

import contextlib
import multiprocessing
import os
import signal
import socket
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from howfar import checks

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
        ``"in-process"``: one after the other, here. ``"local"``: local processes; in a script the call stands below
        ``if __name__ == "__main__":``, as always with processes. ``"ray"``: a Ray cluster
        (``pip install 'howfar[cluster]'``).
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
    checks.choice("engine", engine, ENGINES)
    if workers is not None:
        workers = checks.count("workers", workers)
    gpus_per_task = checks.number("gpus_per_task", gpus_per_task, least=0)
    retries = checks.count("retries", retries, least=0)
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


def _local(function, tasks, count, retries):
    context = multiprocessing.get_context("spawn")  # a fork would inherit torch's threads in an unknown state
    left, fruitless = dict(enumerate(tasks)), 0
    while left:
        before, workers = len(left), set()
        watched, held = context.Pipe(duplex=False)
        executor = ProcessPoolExecutor(
            min(count or _cpus(), len(left)), context, initializer=_start_worker, initargs=(watched,)
        )
        others = set(multiprocessing.active_children())
        try:
            with _quiet_start():
                futures = [executor.submit(_in_worker, function, index, task) for index, task in left.items()]
                workers = set(multiprocessing.active_children()) - others
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
            if left:  # stopped, or broken: what is still running would keep us waiting
                held.close()
                for worker in workers:
                    worker.kill()
            executor.shutdown(cancel_futures=True)
            held.close()
            watched.close()


@contextlib.contextmanager
def _quiet_start():
    """Let the processes that are started within keep to one thread, and leave Ctrl-C to their parent.

    What they inherit holds from their first instruction on; an initializer would come seconds later, after the imports.
    """
    threads = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    os.environ.update(dict.fromkeys(threads, "1"))
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if hasattr(signal, "pthread_sigmask") else None
    try:
        yield
    finally:
        if masked is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        for name, value in threads.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _start_worker(watched):
    """Leave Ctrl-C to the parent, and end when it is gone: then the pipe's other end closes, even after kill -9."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch():
        watched.poll(None)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _cpus():
    """How many CPUs this process may use: by its affinity, and by the quota of a container (Linux)."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):  # no such file: no quota; "max": no quota
        quota, period = map(int, Path("/sys/fs/cgroup/cpu.max").read_text().split())
        here = min(here, max(1, quota // period))
    return here


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
    if address is not None:
        _check_reachable(address)
    quiet = {"include_dashboard": False, "num_cpus": workers} if address is None else {}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise RuntimeError(f"no Ray cluster at {address!r}: {error}") from error


def _check_reachable(address):
    """RuntimeError if nobody listens at HOST:PORT; Ray would write lines of its own first, and wait longer."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return  # "auto", "local": Ray knows what is meant
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise RuntimeError(f"no Ray cluster at {address!r}: {error}") from None


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
