"""The engines: the same records wherever the runs are computed, and what happens when a worker dies."""

import multiprocessing
import os
import signal
import socket
import sys
import time
from functools import partial

import pytest
import torch

from howfar import runs
from howfar.runs import engines


def _fails_on_two(task):
    if task == 2:
        raise KeyError("two")
    return task * 10


def _dies(task, deadly):
    if task == deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


@pytest.mark.parametrize("engine", ["in-process", "local"])
def test_values_errors_and_order(engine):
    finished = {f.index: f for f in engines.run(_fails_on_two, range(4), engine)}
    assert {i: f.value for i, f in finished.items()} == {0: 0, 1: 10, 2: None, 3: 30}
    assert "KeyError: 'two'" in finished[2].error and all(finished[i].error is None for i in (0, 1, 3))


def test_results_stream_back_as_they_finish():
    seen = []
    for finished in engines.run(seen.append, range(3)):
        assert len(seen) == finished.index + 1  # the next one has not been started yet


def test_local_processes_with_one_killed_give_the_same_records(toy, contents, tmp_path, monkeypatch):
    runs.sweep(toy, out=tmp_path / "here.jsonl")
    marker = tmp_path / "killed"
    monkeypatch.setenv("TOY_KILL_MARKER", str(marker))
    runs.sweep(toy, out=tmp_path / "local.jsonl", engine="local", workers=2)
    assert marker.exists()
    assert contents(tmp_path / "local.jsonl") == contents(tmp_path / "here.jsonl")


def test_a_task_that_always_kills_its_worker_is_given_up():
    finished = {f.index: f for f in engines.run(partial(_dies, deadly=1), range(2), "local", workers=1, retries=1)}
    assert finished[1].error == "its worker process died"


def test_ray_on_two_nodes_with_a_worker_killed_gives_the_same_records(toy, contents, tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    runs.sweep(toy, out=tmp_path / "here.jsonl")
    marker = tmp_path / "killed"
    monkeypatch.setenv("TOY_KILL_MARKER", str(marker))
    node = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    try:
        cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
        cluster.wait_for_nodes()
        runs.sweep(toy, out=tmp_path / "ray.jsonl", engine="ray", address=cluster.address)
        with pytest.raises(RuntimeError, match=r"asks for 0\.5 of a GPU, and the Ray cluster has 0 GPUs"):
            runs.sweep(toy, engine="ray", address=cluster.address, gpus_per_run=0.5)  # and doesn't wait for ever
    finally:
        cluster.shutdown()
    assert marker.exists()
    assert contents(tmp_path / "ray.jsonl") == contents(tmp_path / "here.jsonl")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "abacus"}, "engine must be one of 'in-process', 'local', 'ray'; got 'abacus'"),
        ({"workers": 3}, "one task at a time, got workers=3"),
        ({"engine": "local", "workers": 0}, "workers must be a positive integer, got 0"),
        ({"engine": "local", "address": "auto"}, "need the ray engine"),
        ({"engine": "local", "gpus_per_task": 0.5}, "need the ray engine"),
        ({"engine": "ray", "address": "auto", "workers": 2}, "address or workers"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        engines.run(_fails_on_two, range(3), **options)


def test_an_address_where_nobody_listens_is_one_line(capfd):
    pytest.importorskip("ray")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # ours, and not listening
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(RuntimeError, match=rf"no Ray cluster at '{address}': .*refused"):
            list(engines.run(_fails_on_two, range(2), "ray", address=address))
    assert capfd.readouterr().err == ""


def _threads(task):
    return os.environ["OMP_NUM_THREADS"], torch.get_num_threads()


def test_local_workers_keep_to_one_thread_and_the_caller_keeps_its_own(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    assert [f.value for f in engines.run(_threads, range(1), "local", workers=1)] == [("1", 1)]
    assert os.environ["OMP_NUM_THREADS"] == "2" and "MKL_NUM_THREADS" not in os.environ


def test_workers_end_when_the_caller_stops_listening():
    running = engines.run(time.sleep, [0, 600, 600], "local", workers=2)
    next(running)
    began = time.monotonic()
    running.close()
    assert time.monotonic() - began < 60 and not multiprocessing.active_children()


def test_without_ray_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RuntimeError, match=r"pip install 'howfar\[cluster\]'"):
        list(engines.run(_fails_on_two, range(2), "ray"))
