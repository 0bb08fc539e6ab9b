"""The engines: the same records wherever the runs are computed, and what happens when a worker dies."""

import json
import os
import signal
import sys
from functools import partial

import pytest

from howfar import engines, results

TOY = """
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

@dataclass(frozen=True)
class Config:
    number: int

def grid(scale):
    return [Config(n) for n in range(12)]

def run(config, device="cpu"):
    marker = os.environ.get("TOY_KILL_MARKER")
    if config.number == 5 and marker and not Path(marker).exists():
        Path(marker).write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return [{"seed": s, "cube": (config.number + s) ** 3} for s in range(3)]
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    package = f"engine_toys_{abs(hash(tmp_path))}"
    (tmp_path / package).mkdir()
    (tmp_path / package / "killed.py").write_text(TOY)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    yield f"{package}.killed"
    for name in [n for n in sys.modules if n.startswith(package)]:
        del sys.modules[name]


def contents(path):
    return sorted(json.dumps([r["key"], r["config"], r["records"]]) for r in results.read_runs(path))


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


def test_local_processes_with_one_killed_give_the_same_records(toy, tmp_path, monkeypatch):
    results.sweep(toy, out=tmp_path / "here.jsonl")
    marker = tmp_path / "killed"
    monkeypatch.setenv("TOY_KILL_MARKER", str(marker))
    results.sweep(toy, out=tmp_path / "local.jsonl", engine="local", workers=2)
    assert marker.exists()
    assert contents(tmp_path / "local.jsonl") == contents(tmp_path / "here.jsonl")


def test_a_task_that_always_kills_its_worker_is_given_up():
    finished = {f.index: f for f in engines.run(partial(_dies, deadly=1), range(2), "local", workers=1, retries=1)}
    assert finished[1].error == "its worker process died"


def test_ray_on_two_nodes_with_a_worker_killed_gives_the_same_records(toy, tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    results.sweep(toy, out=tmp_path / "here.jsonl")
    marker = tmp_path / "killed"
    monkeypatch.setenv("TOY_KILL_MARKER", str(marker))
    node = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    try:
        cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
        cluster.wait_for_nodes()
        results.sweep(toy, out=tmp_path / "ray.jsonl", engine="ray", address=cluster.address)
        with pytest.raises(RuntimeError, match=r"asks for 0\.5 of a GPU, and the Ray cluster has 0 GPUs"):
            results.sweep(toy, engine="ray", address=cluster.address, gpus_per_run=0.5)  # and doesn't wait for ever
    finally:
        cluster.shutdown()
    assert marker.exists()
    assert contents(tmp_path / "ray.jsonl") == contents(tmp_path / "here.jsonl")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "abacus"}, "one of in-process, local, ray, got 'abacus'"),
        ({"workers": 3}, "one task at a time, got workers=3"),
        ({"engine": "local", "workers": 0}, "at least 1, got 0"),
        ({"engine": "local", "address": "auto"}, "need the ray engine"),
        ({"engine": "local", "gpus_per_task": 0.5}, "need the ray engine"),
        ({"engine": "ray", "address": "auto", "workers": 2}, "address or workers"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        engines.run(_fails_on_two, range(3), **options)


def test_without_ray_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RuntimeError, match=r"pip install 'howfar\[cluster\]'"):
        list(engines.run(_fails_on_two, range(2), "ray"))
