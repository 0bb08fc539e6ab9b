"""The results file: kills, torn lines, two writers, foreign files, resuming; and the sweep that fills it."""

import dataclasses
import json
import multiprocessing
import os
import random
import signal
import time

import numpy as np
import pytest

from howfar import experiments, runs
from howfar.runs import schema, source, store, sweeps


def test_a_sweep_killed_at_ten_random_moments_and_resumed(toy, contents, tmp_path, monkeypatch):
    whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
    runs.sweep(toy, out=whole)
    monkeypatch.setenv("TOY_SECONDS", "0.02")
    rng = random.Random(0)
    sizes = []
    for _ in range(10):
        child = multiprocessing.get_context("fork").Process(target=runs.sweep, args=(toy,), kwargs={"out": killed})
        child.start()
        time.sleep(rng.uniform(0.0, 0.09))
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        assert child.exitcode == -signal.SIGKILL
        sizes.append(killed.stat().st_size if killed.exists() else 0)
    assert sizes == sorted(sizes) and 0 < sizes[-1] < whole.stat().st_size  # it was killed in the middle, for real
    runs.sweep(toy, out=killed)
    assert contents(killed) == contents(whole)


def test_a_line_torn_anywhere_loses_that_line_only_and_nothing_is_overwritten(toy, contents, tmp_path):
    whole = tmp_path / "whole.jsonl"
    expected = runs.sweep(toy, out=whole)
    data = whole.read_bytes()
    last = data.rindex(b"\n", 0, -1) + 1
    path = tmp_path / "torn.jsonl"
    for cut in [*range(1, len(store.MAGIC) + 2), last + 1, (last + len(data)) // 2, len(data) - 2]:
        path.write_bytes(data[:cut])
        with pytest.warns(UserWarning, match=r"line \d+ is torn \(its writer was killed, or the disk was full\)"):
            again = runs.sweep(toy, out=path)
        assert path.read_bytes().startswith(data[:cut])
        assert again[["number", "seed", "square"]].equals(expected[["number", "seed", "square"]])
    path.write_bytes(data[:-1])  # only the newline is missing: nothing is lost
    assert contents(path) == contents(whole)
    runs.append(path, runs.read_runs(whole)[0])
    assert len(runs.read_runs(path)) == 25


def _write(path, toy, numbers, barrier):
    config = experiments.find(toy).Config
    barrier.wait()  # so that both write at the same time
    for n in numbers:
        runs.append(path, runs.execute(toy, config(n)))


def test_two_writers_at_once_do_not_mix(toy, tmp_path):
    path = tmp_path / "shared.jsonl"
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(2)
    children = [fork.Process(target=_write, args=(path, toy, range(i, 160, 2), barrier)) for i in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    written = runs.read_runs(path)
    assert sorted(r["config"]["number"] for r in written) == list(range(160))
    assert [child.exitcode for child in children] == [0, 0]


def test_the_same_run_written_twice_counts_once(toy, tmp_path):
    path = tmp_path / "twice.jsonl"
    first = runs.sweep(toy, out=path)
    for run in runs.read_runs(path):
        runs.append(path, run)
    assert len(runs.read(path)) == len(first)


def test_a_sweep_computes_only_what_is_missing(toy, tmp_path, monkeypatch):
    path = tmp_path / "r.jsonl"
    runs.sweep(toy, "quick", out=path)
    computed = []
    execute = runs.execute
    monkeypatch.setattr(sweeps, "execute", lambda *a, **k: computed.append(a[1].number) or execute(*a, **k))
    frame = runs.sweep(toy, "full", out=path)
    assert computed == list(range(24, 48))
    assert list(frame["number"].unique()) == list(range(48))


def test_a_failing_run_is_reported_and_the_others_are_recorded(toy, tmp_path, monkeypatch):
    path = tmp_path / "r.jsonl"
    monkeypatch.setenv("TOY_FAILS", "3")
    with pytest.raises(runs.RunsFailed, match=r"(?s)1 of 24 runs failed.*number=3.*ArithmeticError") as info:
        runs.sweep(toy, out=path)
    assert [config.number for config, _ in info.value.failures] == [3]
    assert set(runs.read(path)["number"]) == set(range(24)) - {3}
    monkeypatch.delenv("TOY_FAILS")
    assert list(runs.sweep(toy, out=path)["number"].unique()) == list(range(24))


def test_provenance(toy, tmp_path):
    frame = runs.sweep(toy, out=tmp_path / "r.jsonl")
    assert not frame[[c for c in runs.PROVENANCE if c != "commit"]].isna().any().any()
    row = frame.iloc[0]
    assert row["seeds"] == (0, 1) and row["device"].startswith("cpu: ") and row["source"] == runs.source_hash(toy)
    assert frame["date"].str.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$").all()


def test_results_of_other_code_are_kept_and_said(toy, tmp_path):
    path = tmp_path / "r.jsonl"
    runs.sweep(toy, out=path)
    path.write_text(path.read_text().replace(runs.source_hash(toy), source.RULE + ":" + "0" * 12))
    with pytest.warns(UserWarning, match="24 of the runs .* another version"):
        runs.sweep(toy, out=path)
    assert len(runs.read_runs(path)) == 24


def test_of_results_with_a_hash_by_another_rule_nothing_is_said(toy, tmp_path, recwarn):
    path = tmp_path / "r.jsonl"
    runs.sweep(toy, out=path)
    path.write_text(path.read_text().replace(runs.source_hash(toy), "0cf5aec07b45"))
    assert len(runs.sweep(toy, out=path)) == 48 and not recwarn.list


def test_a_file_of_another_experiment_is_refused(toy, tmp_path):
    path = tmp_path / "codes.jsonl"
    runs.sweep("position_codes", out=path)
    before = path.read_bytes()
    run = runs.execute(toy, experiments.grid(toy)[0])
    for call in (lambda: runs.sweep(toy, out=path), lambda: runs.append(path, run)):
        with pytest.raises(ValueError, match=f"holds runs of position_codes, not of {toy}"):
            call()
    assert path.read_bytes() == before


@pytest.mark.parametrize("held", ["a,b\n1,2\n", "{\n}\n", "\n", '{"howfar": 2, "x": 1}\n', "[]"])
def test_a_file_that_holds_something_else_is_left_alone(toy, tmp_path, held):
    path = tmp_path / "other.csv"
    path.write_text(held)
    for call in (
        lambda: runs.sweep(toy, out=path),
        lambda: runs.read(path),
        lambda: runs.append(path, runs.execute(toy, experiments.grid(toy)[0])),
    ):
        with pytest.raises(ValueError, match="something other than results"):
            call()
    assert path.read_text() == held


def a_run(config=None, records=({"x": 1},)):
    """A whole line's content."""
    config = {} if config is None else config
    run = dict.fromkeys(runs.PROVENANCE, "x") | {"seconds": 1.0, "config": config, "records": list(records)}
    return run | {"key": schema.run_key("x", config)}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"cheese": 2}, "it has no config"),
        ({**a_run(), "records": None}, "records must be a list of dicts"),
        ({**a_run(), "records": "abc"}, "records must be a list of dicts"),
        ({**a_run(), "records": [1]}, "records must be a list of dicts"),
        ({**a_run(), "records": []}, "records must be a list of dicts, at least one"),
        ({**a_run(), "config": None}, "its config is null"),
        ({**a_run(), "config": [1]}, r"its config is \[1\]"),
        ({**a_run(), "key": [5]}, r"its key is \[5\]"),
        ({**a_run(), "seconds": "long"}, 'its seconds are "long"'),
        ({**a_run(), "date": None}, "its date is null"),
        ({**a_run(), "config": {"n": 2}}, "its key is not that of its experiment and config"),
        ({**a_run(), "experiment": "yours"}, "its key is not that of its experiment and config"),
    ],
)
def test_a_line_that_is_no_run_is_refused_by_file_and_line(tmp_path, line, said):
    path = tmp_path / "r.jsonl"
    runs.append(path, a_run())
    with path.open("ab") as file:
        file.write(store.MAGIC + json.dumps(line).encode()[1:] + b"\n")
    with pytest.raises(ValueError, match=rf"r\.jsonl: line 2 is no record of a run: {said}"):
        runs.read(path)


def test_a_line_that_is_nested_too_deeply_is_refused_by_file_and_line(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_bytes(store.MAGIC + b'"records": ' + b"[" * 200_000 + b"]" * 200_000 + b"}\n")
    with pytest.raises(ValueError, match=r"r\.jsonl: line 1 is no record of a run: it is nested too deeply"):
        runs.read(path)


def test_unwritable_paths(toy, tmp_path):
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        runs.sweep(toy, out=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"cannot write results to .*file/r.jsonl"):
        runs.sweep(toy, out=tmp_path / "file" / "r.jsonl")
    with pytest.raises(FileNotFoundError):
        runs.read(tmp_path / "none.jsonl")


def test_config_keys():
    @dataclasses.dataclass(frozen=True)
    class Config:
        a: float
        b: tuple = (1, 2)

    @dataclasses.dataclass
    class Loose:
        a: float

    key = runs.config_key("x", Config(0.1))
    assert key == runs.config_key("x", Config(a=0.1, b=(1, 2))) and len(key) == 16
    assert key == "6c944c1d8335f4e7"  # must never change, or nobody's results resume
    assert len({key, runs.config_key("y", Config(0.1)), runs.config_key("x", Config(0.2))}) == 3
    with pytest.raises(ValueError, match="frozen dataclass, got Loose"):
        runs.config_key("x", Loose(1.0))


def test_plain_values():
    assert schema.plain({"a": (np.float32(0.5), np.int64(3), float("nan"), float("inf"), None, True)}) == {
        "a": [0.5, 3, None, None, None, True]
    }
    with pytest.raises(ValueError, match="got set"):
        schema.plain({"a": {1}})


@pytest.mark.parametrize(
    ("config", "records", "said"),
    [
        ({}, [{"date": 1}], "must not be named date"),
        ({"key": 1}, [{"x": 1}], "must not be named key"),
        ({"x": 1}, [{"x": 2}], "must not be named x"),
        ({}, [], "a list of dicts, at least one"),
        ({}, {"x": 1}, "a list of dicts, at least one"),
        ({}, [1, 2], "a list of dicts, at least one"),
    ],
)
def test_records_that_hide_fields_or_are_none_are_refused(tmp_path, config, records, said):
    with pytest.raises(ValueError, match=said):
        runs.append(tmp_path / "r.jsonl", {**a_run(config), "records": records})
    assert not (tmp_path / "r.jsonl").exists()


def test_a_device_that_is_not_here(toy):
    with pytest.raises(ValueError, match="cuda:7' is not here"):
        runs.sweep(toy, device="cuda:7")
    with pytest.raises(ValueError, match="device must be cpu, cuda"):
        runs.sweep(toy, device="abacus")


def test_a_run_with_bad_records_fails_alone_and_is_not_recorded(toy, tmp_path, monkeypatch):
    module = experiments.find(toy)
    good = module.run
    monkeypatch.setattr(module, "run", lambda c, device="cpu": {} if c.number == 3 else good(c))
    with pytest.raises(runs.RunsFailed, match="1 of 24 runs failed"):
        runs.sweep(toy, out=tmp_path / "r.jsonl")
    assert len(runs.read_runs(tmp_path / "r.jsonl")) == 23


def test_an_empty_grid_is_refused(toy, monkeypatch):
    monkeypatch.setattr(experiments.find(toy), "grid", lambda scale: [])
    with pytest.raises(ValueError, match=r"grid of .* is empty"):
        runs.sweep(toy)


@pytest.mark.parametrize("device", ["mps", "meta", "cpu:3"])
def test_devices_that_are_not_for_us(toy, device):
    with pytest.raises(ValueError, match="device must be cpu, cuda or cuda:N"):
        runs.sweep(toy, device=device)


def test_a_file_that_is_no_regular_one(toy):
    with pytest.raises(OSError, match="no regular file"):
        runs.sweep(toy, out="/dev/null")
