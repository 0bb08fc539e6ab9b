"""What several tests share."""

import json
import os
import sys

import pytest

from howfar import runs

TOY = '''
"""A cheap experiment for the tests. The environment tells it to be slow, to fail, or to kill its process once."""
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

@dataclass(frozen=True)
class Config:
    number: int
    seeds: tuple = (0, 1)

def grid(scale):
    return [Config(n) for n in range(24 if scale == "quick" else 48)]

def run(config, device="cpu"):
    marker = os.environ.get("TOY_KILL_MARKER")
    if config.number == 5 and marker and not Path(marker).exists():
        Path(marker).write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(float(os.environ.get("TOY_SECONDS", "0")))
    if str(config.number) == os.environ.get("TOY_FAILS"):
        raise ArithmeticError("this one is meant to fail")
    return [{"seed": s, "square": (config.number + s) ** 2, "padding": "x" * 2000} for s in config.seeds]
'''


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """The dotted name of a toy experiment that other processes find, too."""
    package = f"toys_{abs(hash(tmp_path))}"
    (tmp_path / package).mkdir()
    (tmp_path / package / "cheap.py").write_text(TOY)
    monkeypatch.syspath_prepend(str(tmp_path))
    there = [os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else []
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *there]))
    yield f"{package}.cheap"
    for name in [n for n in sys.modules if n.startswith(package)]:
        del sys.modules[name]


@pytest.fixture
def contents():
    """What was found out in a results file, without when and how long it took: a function of its path."""
    return lambda path: sorted(json.dumps([r["key"], r["config"], r["records"]]) for r in runs.read_runs(path))
