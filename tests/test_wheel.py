"""The wheel, installed alone in an empty environment, runs a chapter's notebook: this is what Colab does."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]

# Runs the code cells one after another in one namespace, as a kernel would; fails on the first error.
RUN = """
import sys, nbformat
import matplotlib; matplotlib.use("Agg")
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in nbformat.read(sys.argv[1], as_version=4).cells:
    if cell.cell_type == "code":
        shell.run_cell(cell.source).raise_error()
import howfar
print("ran with", howfar.__file__)
"""


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def test_wheel_alone_runs_the_first_chapter(tmp_path):
    run(sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "--no-build-isolation", "-w", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("howfar-*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    # The pins only keep pip from fetching another torch; the library's own requirements are lower bounds.
    run(
        python,
        "-m",
        "pip",
        "install",
        "-qq",
        "-c",
        ROOT / "requirements.txt",
        wheel,
        "ipython",
        "ipywidgets",
        "nbformat",
    )
    elsewhere = tmp_path / "content"
    elsewhere.mkdir()
    notebook = elsewhere / "line.ipynb"
    nbformat.write(nbformat.read(ROOT / "chapters/transport/line.ipynb", as_version=4), notebook)
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    out = run(python, "-c", RUN, notebook, cwd=elsewhere, env=environment)
    assert str(tmp_path / "venv") in out.splitlines()[-1]
    assert "passed" in out
    # The recorded results and the ledger travel with it.
    verdicts = run(tmp_path / "venv" / "bin" / "howfar", "claims", cwd=elsewhere, env=environment)
    assert "li-wavelet-lowest" in verdicts and "replicated" in verdicts


def test_wheel_holds_the_data_and_the_licences(tmp_path):
    import zipfile

    run(sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "--no-build-isolation", "-w", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("howfar-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "howfar/data/brackets/json.json" in names and "howfar/data/brackets/LICENSE" in names
    assert any(n.endswith("licenses/LICENSE") for n in names)
    metadata = zipfile.ZipFile(wheel).read(next(n for n in names if n.endswith("METADATA"))).decode()
    needs = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:")]
    assert needs and not [n for n in needs if "==" in n.split(";")[0] or "<" in n.split(";")[0]]
