"""One version: every place that names it agrees, and scripts/bump.py changes them all and nothing else."""

import difflib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

import howfar

ROOT = Path(__file__).resolve().parents[1]
FILES = ("lib/howfar/__init__.py", "CITATION.cff", "README.md", "scripts/bump.py")
NOTEBOOKS = sorted(
    p.relative_to(ROOT) for p in (ROOT / "chapters").rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts
)


def versions(root):
    """Every version that the files in that folder name, by place."""

    def text(name):
        return (root / name).read_text(encoding="utf-8")

    found = {
        "__init__.py": re.findall(r'__version__ = "(.*)"', text("lib/howfar/__init__.py")),
        "CITATION.cff": [yaml.safe_load(text("CITATION.cff"))["version"]],
        "README.md": re.findall(r"git\+https://\S+@v([^\"]+)", text("README.md")),
    }
    for path in NOTEBOOKS:
        cells = nbformat.read(root / path, as_version=4).cells
        (setup,) = (cell for cell in cells if "setup" in cell.metadata.get("tags", []))
        found[f"{path}, setup"] = re.findall(r"git\+https://\S+@v([^\"]+)", setup.source)
        found[f"{path}, printed"] = re.findall(r"^howfar (\S+), torch ", setup.outputs[0].text)
    return found


def test_every_place_names_the_same_version():
    assert len(NOTEBOOKS) > 5
    for place, found in versions(ROOT).items():
        assert found == [howfar.__version__], place


@pytest.fixture
def copy(tmp_path):
    for name in (*FILES, *NOTEBOOKS):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def bump(root, *arguments):
    return subprocess.run([sys.executable, root / "scripts/bump.py", *arguments], capture_output=True, text=True)


def test_bump_changes_every_place_and_nothing_else(copy):
    done = bump(copy, "12.0.3")
    assert done.returncode == 0, done.stderr
    assert set(map(tuple, versions(copy).values())) == {("12.0.3",)}
    for name in (*FILES, *NOTEBOOKS):
        before, after = ((root / name).read_text(encoding="utf-8").splitlines() for root in (ROOT, copy))
        changed = [line for line in difflib.ndiff(before, after) if line.startswith("+ ")]
        most = {".ipynb": 2, ".cff": 2, ".py": 1, ".md": 1}[Path(name).suffix]
        assert len(before) == len(after) and len(changed) <= most
        assert all("12.0.3" in line or "date-released" in line for line in changed)


def test_bump_refuses_what_is_no_version_and_a_file_that_names_none(copy):
    assert "a version is three numbers" in bump(copy, "v2").stderr
    readme = (copy / "README.md").read_text(encoding="utf-8")
    (copy / "README.md").write_text(readme.replace("@v", "@"), encoding="utf-8")
    done = bump(copy, "12.0.3")
    assert done.returncode != 0 and "nothing was changed: README.md" in done.stderr
    assert versions(copy)["__init__.py"] == [howfar.__version__]
