"""Where the course runs."""

import sys
from pathlib import Path

import matplotlib as mpl
import pytest

import howfar


def test_data_path_finds_recorded_files():
    assert howfar.data_path("brackets", "json.json").is_file()
    assert howfar.data_path().is_dir()


def test_data_path_says_what_is_there():
    with pytest.raises(FileNotFoundError, match=r"nope\.json.*asyncio\.json"):
        howfar.data_path("brackets", "nope.json")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        howfar.data_path("nowhere", "nope.json")


@pytest.mark.parametrize(
    "parts",
    [("/etc/passwd",), ("brackets", "/etc/passwd"), ("..", "pyproject.toml"), ("brackets/../../pyproject.toml",)],
)
def test_data_path_stays_inside_data(parts):
    with pytest.raises(ValueError, match=r"parts must name a path below data/.*(etc|pyproject)"):
        howfar.data_path(*parts)


@pytest.mark.parametrize("part", [None, 3, b"brackets"])
def test_data_path_takes_strings(part):
    with pytest.raises(ValueError, match="parts must be strings, got"):
        howfar.data_path("brackets", part)


def test_data_path_takes_a_path_in_one_piece():
    assert howfar.data_path("brackets/json.json") == howfar.data_path(Path("brackets"), "json.json")


def test_interactive_only_where_a_person_watches(monkeypatch):
    for name in ("JPY_SESSION_NAME", "VSCODE_PID", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    assert not howfar.is_interactive()  # nbclient, nbval
    monkeypatch.setenv("JPY_SESSION_NAME", "chapters/transport/line.ipynb")
    assert howfar.is_interactive()
    monkeypatch.delenv("JPY_SESSION_NAME")
    monkeypatch.setitem(sys.modules, "google.colab", object())
    assert howfar.is_interactive()


def test_setup_says_what_runs(capsys):
    import torch

    howfar.setup()
    out = capsys.readouterr().out
    assert howfar.__version__ in out and torch.__version__ in out
    assert torch.get_num_threads() == 1
    assert mpl.rcParams["axes.spines.top"] is False
