"""The hash of an experiment's code: what it notices and what it doesn't."""

import sys
from pathlib import Path

import pytest

from howfar import experiments, runs
from howfar.runs import source

EXPERIMENT = '''
"""Of a reader's own."""
from dataclasses import dataclass

import numpy
from howfar.tasks import sums
from . import beside

@dataclass(frozen=True)
class Config:
    number: int

def grid(scale):
    return [Config(n) for n in range(3)]

def run(config, device="cpu"):
    from .later import power
    return [{"x": power(beside.twice(config.number))}]
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A package of an experiment with two modules of its own; its folder."""
    folder = tmp_path / f"sourced_{abs(hash(tmp_path))}"
    folder.mkdir()
    (folder / "experiment.py").write_text(EXPERIMENT)
    (folder / "beside.py").write_text('def twice(x):\n    """Twice."""\n    return 2 * x\n')
    (folder / "later.py").write_text("def power(x):\n    return x**2\n")
    (folder / "other.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    source.source_hash.cache_clear()
    for name in [n for n in sys.modules if n.startswith(folder.name)]:
        del sys.modules[name]


def hash_of(folder):
    source.source_hash.cache_clear()
    return source.source_hash(f"{folder.name}.experiment")


def test_it_covers_what_is_imported_and_nothing_else(own):
    names = set(source.imported_modules(f"{own.name}.experiment"))
    assert {f"{own.name}.{name}" for name in ("experiment", "beside", "later")} <= names
    assert {"howfar.tasks.batch", "howfar.tasks.sums"} < names
    assert not names & {f"{own.name}.other", "howfar", "howfar.tasks", "howfar.dyck", "howfar.training", "numpy"}


@pytest.mark.parametrize(
    ("file", "old", "new", "noticed"),
    [
        ("experiment.py", "range(3)", "range(4)", True),
        ("beside.py", "2 * x", "3 * x", True),
        ("later.py", "x**2", "x**3", True),
        ("other.py", "x = 1", "x = 2", False),
        ("beside.py", "Twice.", "The double.", False),
        ("beside.py", "    return", "    # why\n\n    return", False),
        ("later.py", "x**2", "(x ** 2)", False),
    ],
)
def test_an_edit_is_noticed_where_it_can_matter(own, file, old, new, noticed):
    before = hash_of(own)
    path = own / file
    path.write_text(path.read_text().replace(old, new))
    assert (hash_of(own) != before) == noticed


def test_changed_code_of_ones_own_experiment_is_said_and_an_edit_elsewhere_isnt(own, tmp_path, recwarn):
    name, out = f"{own.name}.experiment", tmp_path / "r.jsonl"
    runs.sweep(name, out=out)
    (own / "other.py").write_text("x = 3\n")
    source.source_hash.cache_clear()
    runs.sweep(name, out=out)
    assert not recwarn.list
    (own / "later.py").write_text("def power(x):\n    return x**5\n")
    source.source_hash.cache_clear()
    with pytest.warns(UserWarning, match="3 of the runs .* recorded by another version of the code"):
        runs.sweep(name, out=out)


def test_modules_beside_a_file_that_is_no_package_count(tmp_path, monkeypatch):
    name = f"flat_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(f"import {name}_helper\ngrid = run = print\n")
    (tmp_path / f"{name}_helper.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert set(source.imported_modules(name)) == {name, f"{name}_helper"}


@pytest.mark.parametrize("experiment", experiments.EXPERIMENTS)
def test_of_ours_too(experiment):
    modules = source.imported_modules(experiment)
    assert {"howfar.encodings", "howfar.encodings.additive"} <= set(modules)
    assert ("howfar.training.members" in modules) == (experiment != "position_codes")
    assert not set(modules) & {"howfar", "howfar.experiments", "howfar.plotting", "howfar.claims", "howfar.wasserstein"}
    assert all(Path(path).is_file() for path in modules.values())


def test_who_asks_for_the_version_does_not_depend_on_the_whole_library(tmp_path, monkeypatch):
    name = f"words_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text("from howfar import search\ngrid = run = print\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = source.imported_modules(name)
    assert {"howfar.dyck.words", "howfar.search.traces"} <= set(modules)
    assert not set(modules) & {"howfar", "howfar.claims", "howfar.training", "howfar.tasks"}


def test_only_hashes_by_one_rule_can_differ():
    assert source.differ("2:aaaa", "2:bbbb")
    assert not source.differ("2:aaaa", "2:aaaa")
    assert not source.differ("aaaa", "2:bbbb")
