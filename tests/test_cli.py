"""The command line: what it prints, what it writes, what it refuses and how."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from howfar import __version__, claims, cli, experiments, runs


@pytest.fixture
def own(toy, tmp_path, monkeypatch):
    """The dotted name of an experiment that is found only because the command is given in its folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(tmp_path)])
    return toy


def command(capsys, *arguments):
    """Exit status, what was printed, what was complained about."""
    try:
        status = cli.main([str(a) for a in arguments])
    except SystemExit as end:  # argparse
        status = end.code
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_list_names_every_experiment_with_the_size_of_its_grids(capsys):
    status, out, _ = command(capsys, "list")
    assert status == 0
    for name in experiments.EXPERIMENTS:
        assert f"{name} " in out and f"full {len(experiments.grid(name, 'full'))} runs" in out


@pytest.mark.parametrize(
    "words", [("--help",), ("list", "--help"), ("run", "--help"), ("claims", "--help"), ("probe", "--help")]
)
def test_help_is_there_for_every_command(capsys, words):
    status, out, _ = command(capsys, *words)
    assert status == 0 and "usage: howfar" in out and len(out.splitlines()) >= 4


def test_help_of_run_explains_every_option(capsys):
    out = command(capsys, "run", "--help")[1]
    for option in ("--scale", "--device", "--engine", "--workers", "--address", "--gpus-per-run", "--out"):
        assert option in out
    for name in experiments.EXPERIMENTS:
        assert name in out


def test_run_records_and_the_second_time_computes_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, _ = command(capsys, "run", "position_codes")
    file = tmp_path / "results" / "position_codes-quick.jsonl"
    before = file.read_bytes()
    size = len(experiments.grid("position_codes"))
    assert status == 0 and f"{size} runs" in out and len(runs.read_runs(file)) == size
    assert command(capsys, "run", "position_codes")[0] == 0
    assert file.read_bytes() == before


@pytest.mark.parametrize("engine", ["in-process", "local"])
def test_run_takes_an_experiment_of_ones_own(capsys, own, engine):
    out = Path("there", "mine.jsonl")
    status, _, err = command(capsys, "run", own, "--engine", engine, "--out", out)
    assert status == 0, err
    assert set(runs.read(out)["number"]) == set(range(24))


def test_a_plan_is_printed_before_anything_runs(capsys, toy, tmp_path, monkeypatch):
    monkeypatch.setattr(experiments.find(toy), "plan", lambda configs: [600.0 for _ in configs], raising=False)
    monkeypatch.setattr(runs, "sweep", lambda *_, **__: sys.exit(3))
    status, out, _ = command(capsys, "run", toy, "--out", tmp_path / "toy.jsonl")
    assert status == 3 and out == "plan: 24 runs, about 4.0 core-hours; what is recorded is not run again\n"


def test_a_file_in_this_folder_is_an_experiment(capsys, own, tmp_path):
    folder, name = own.split(".")
    (tmp_path / folder / f"{name}.py").rename(tmp_path / f"{folder}_flat.py")
    status, _, err = command(capsys, "run", f"{folder}_flat", "--out", tmp_path / "flat.jsonl")
    assert status == 0, err


@pytest.mark.parametrize("fault", ["import no_such_package", "def grid(:"])
def test_an_experiment_that_cannot_be_imported_is_named(capsys, own, tmp_path, fault):
    (tmp_path / own.replace(".", "/")).with_suffix(".py").write_text(fault)
    status, _, err = command(capsys, "run", own, "--out", tmp_path / "x.jsonl")
    assert status == 2 and f"{own} cannot be imported" in err and "Traceback" not in err


def test_run_says_which_runs_failed_and_keeps_the_others(capsys, own, tmp_path, monkeypatch):
    monkeypatch.setenv("TOY_FAILS", "1")
    out = tmp_path / "some.jsonl"
    status, _, err = command(capsys, "run", own, "--out", out)
    assert status == 1 and "1 of 24 runs failed" in err and "meant to fail" in err
    assert set(runs.read(out)["number"]) == set(range(24)) - {1}


def test_a_file_of_another_experiment_is_named_and_left_alone(capsys, own, tmp_path):
    out = tmp_path / "codes.jsonl"
    assert command(capsys, "run", "position_codes", "--out", out)[0] == 0
    before = out.read_bytes()
    status, _, err = command(capsys, "run", own, "--out", out)
    assert status == 2 and err == (
        f"howfar: error: {out} holds runs of position_codes, not of {own}, and is left as it is; name another file\n"
    )
    assert out.read_bytes() == before


def test_a_line_with_a_bad_body_is_one_clean_line(capsys, own, tmp_path):
    out = tmp_path / "mine.jsonl"
    assert command(capsys, "run", own, "--out", out)[0] == 0
    lines = out.read_text().splitlines()
    lines[2] = json.dumps({**json.loads(lines[2]), "records": None})
    out.write_text("\n".join(lines) + "\n")
    status, _, err = command(capsys, "run", own, "--out", out)
    assert status == 2 and f"{out}: line 3 is no record of a run: records must be a list" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "runing_sum"], ["no experiment 'runing_sum'", "running_sum", "position_codes"]),
        (["run", "no.such.module"], ["no experiment 'no.such.module'"]),
        (["run", "../mine.py"], ["no experiment '../mine.py'", "without .py"]),
        (["run", "json"], ["module json is no experiment"]),
        (["run", "howfar.tasks"], ["howfar.tasks is no experiment"]),
        (["run", "position_codes", "--scale", "huge"], ["huge", "quick", "full"]),
        (["run", "position_codes", "--engine", "slurm"], ["slurm", "in-process", "local", "ray"]),
        (["run", "position_codes", "--device", "gpu"], ["device must be cpu, cuda or cuda:N", "'gpu'"]),
        (["run", "position_codes", "--workers", "0"], ["workers must be a positive integer"]),
        (["run", "position_codes", "--workers", "two"], ["--workers", "two"]),
        (["run", "position_codes", "--workers", "2"], ["one task at a time", "local"]),
        (["run", "position_codes", "--address", "auto"], ["need the ray engine"]),
        (["run", "position_codes", "--gpus-per-run", "nan"], ["gpus_per_task must be a finite number", "nan"]),
        (["claims", "no-such-claim"], ["no claim 'no-such-claim'", "li-wavelet-lowest"]),
        (["dance"], ["dance", "list", "run", "claims"]),
        ([], ["COMMAND"]),
    ],
)
def test_what_is_refused_is_named_and_nothing_is_written(capsys, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    status, _, err = command(capsys, *words)
    assert status == 2 and "Traceback" not in err
    for words in said:
        assert words in err, err
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and p.stat().st_size]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_missing_gpu_is_named(capsys, tmp_path):
    status, _, err = command(capsys, "run", "position_codes", "--device", "cuda", "--out", tmp_path / "x.jsonl")
    assert status == 2 and "no GPU that torch can use" in err and "use device 'cpu'" in err


def test_a_path_that_cannot_be_written_is_named_before_anything_is_computed(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(runs.sweeps, "execute", lambda *a, **k: pytest.fail("it was computed"))
    (tmp_path / "file").write_text("mine")
    for out, reason in ((tmp_path / "file" / "x.jsonl", "cannot write"), (tmp_path, "it is a folder")):
        status, _, err = command(capsys, "run", "position_codes", "--out", out)
        assert status == 2 and reason in err and str(out) in err
    status, _, err = command(capsys, "run", "position_codes", "--out", tmp_path / "file")
    assert status == 2 and "something other than results" in err
    assert (tmp_path / "file").read_text() == "mine"


def test_stopping_a_run_is_no_crash(capsys, tmp_path, monkeypatch):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "sweep", stop)
    status, _, err = command(capsys, "run", "position_codes", "--out", tmp_path / "x.jsonl")
    assert status == 130 and "the same command goes on" in err


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups here")
def test_ctrl_c_with_local_workers_ends_with_our_message_alone(toy, tmp_path, monkeypatch):
    monkeypatch.setenv("TOY_SECONDS", "1")
    out = tmp_path / "x.jsonl"
    words = ["run", toy, "--engine", "local", "--workers", "2", "--out", str(out)]
    run = subprocess.Popen(
        [sys.executable, "-m", "howfar.cli", *words], cwd=tmp_path, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        # A shell lets what it runs in the background ignore Ctrl-C, tests included; a terminal doesn't.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not (out.exists() and out.stat().st_size) and time.monotonic() < deadline and run.poll() is None:
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGINT)  # what a terminal does: to the command and to its workers
    assert run.communicate(timeout=60)[1] == (
        "howfar: stopped; what had finished is recorded, the same command goes on\n"
    )
    assert run.returncode == 130 and 0 < len(runs.read_runs(out)) < 24


def test_claims_shows_every_claim_with_its_verdict(capsys):
    status, out, _ = command(capsys, "claims")
    assert status == 0
    lines = out.splitlines()
    for claim in claims.load():
        assert any(line.startswith(claim.verdict) and line.endswith(claim.id) for line in lines), claim.id


def test_one_claim_is_shown_with_its_rule_settings_and_provenance(capsys):
    status, out, _ = command(capsys, "claims", "li-sinusoid-bounded")
    assert status == 0
    for part in ("2506.06398", "No sinusoidal code is longer", "before the records", "most plausible", "torch"):
        assert part in out
    assert "open" in command(capsys, "claims", "chen-src-conjecture")[1]


def test_the_installed_command_is_this_one():
    script = Path(sys.executable).with_name("howfar")
    for words in ([str(script)], [sys.executable, "-m", "howfar.cli"]):
        done = subprocess.run([*words, "--version"], capture_output=True, text=True, timeout=120)
        assert done.stdout.strip() == f"howfar {__version__}", done.stderr


def test_a_reader_that_stops_reading_is_no_error():
    quick = "import sys; from howfar import cli; sys.exit(cli.main(['list']))"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-c", quick], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(writing)
    assert done.returncode == 0 and not done.stderr
