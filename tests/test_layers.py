"""The house: a module imports only from those below it, in the order that pyproject.toml gives."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINT = "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache', '--no-logo'])"


def lint(root):
    """What import-linter says of the library in that folder, in one line."""
    path = os.pathsep.join([str(root / "lib"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", LINT], cwd=root, env=environment, capture_output=True, text=True)
    return done.returncode, re.sub(r"\s+", " ", done.stdout + done.stderr)


@pytest.fixture
def copy(tmp_path):
    """The library, to spoil."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "lib" / "howfar", tmp_path / "lib" / "howfar", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_every_module_imports_downwards():
    status, said = lint(ROOT)
    assert status == 0, said
    assert "1 kept, 0 broken" in said


@pytest.mark.parametrize("line", ["from howfar import cli\n", "def later():\n    import howfar.training\n"])
def test_an_import_upwards_is_found(copy, line):
    with (copy / "lib/howfar/checks.py").open("a", encoding="utf-8") as file:
        file.write(line)
    status, said = lint(copy)
    assert status == 1 and re.search(r"howfar\.checks -> howfar\.(cli|training)", said)


def test_a_new_module_has_to_be_given_its_place(copy):
    (copy / "lib/howfar/newcomer.py").write_text("", encoding="utf-8")
    status, said = lint(copy)
    assert status == 1 and "newcomer" in said
