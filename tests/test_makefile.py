"""make: the right Python, a .venv that is replaced where it is wrong, one line for each thing that can go wrong.

Nothing is installed: a small program stands for Python. It answers as the real one, but for its version and its place;
it makes an empty virtual environment, and its pip writes down what it was asked.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOLS = "bash cat cksum cp cut dirname env expand find grep id make mkdir mktemp mv rm sed sort tail touch".split()

FAKE = """#!/bin/bash
case "$1 $2" in
"-c from jupyter_book"*) mkdir -p _build/html && touch _build/html/index.html ;;
"-c "*) exec {real} -c {prelude}"; exec(sys.argv[1])" "$2" ;;
"-m venv") {venv} ;;
"-m pip") echo "${{@:3}}" >>pip.calls; {pip} ;;
*) exit 1 ;;
esac
"""
NO_NETWORK = """for left in 4 3 2 1 0; do
    echo "WARNING: Retrying (Retry(total=$left, connect=None)) after connection broken by 'NewConnectionError'"
done
echo "ERROR: No matching distribution found for numpy==2.4.6"; exit 1"""


@pytest.fixture
def clone(tmp_path):
    """What make needs, in a folder with spaces in its name, and programs to put on its PATH."""
    clone = tmp_path / "how far" / "a clone"
    for part in ("Makefile", "requirements.txt", "pyproject.toml", "scripts"):
        target = clone / part
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, target)
    (clone / "chapters").mkdir()
    programs = tmp_path / "programs"
    programs.mkdir()
    for tool in TOOLS:
        (programs / tool).symlink_to(shutil.which(tool))
    return clone


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def python(clone, version="3.11.0", *, name="python", place=None, has_pip=True, venv=None, pip="true"):
    """A program that says that it is that Python; ``place`` is where it says that it is installed."""
    path = clone.parents[1] / version / name
    prelude = (
        f"import importlib.util, sys; sys.version_info = {(*map(int, version.split('.')), 'final', 0)}; "
        f"sys.base_prefix = {str(place or path.parent)!r}; sys._base_executable = {str(path)!r}"
    )
    if not has_pip:
        prelude += "; importlib.util.find_spec = lambda name: None"
    venv = venv or 'mkdir -p "$3/bin" && cp "$0" "$3/bin/python"'
    return program(
        path, FAKE.format(real=shlex.quote(sys.executable), prelude=shlex.quote(prelude), venv=venv, pip=pip)
    )


def venv_of(clone, *arguments, **options):
    return program(clone / ".venv/bin/python", python(clone, *arguments, **options).read_text(encoding="utf-8"))


def make(clone, *arguments, **environment):
    """Runs make with nothing but our programs on the PATH."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHON", "CI") and not k.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *map(str, arguments)],
        cwd=clone,
        env=kept | {"PATH": str(clone.parents[1] / "programs")} | environment,
        capture_output=True,
        text=True,
    )


def calls(clone):
    """What pip was asked."""
    path = clone / "pip.calls"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def complaint(done):
    """The one line with which make ends, beside its own."""
    assert done.returncode != 0, done.stdout
    (line,) = (line for line in done.stderr.splitlines() if line and "***" not in line)
    assert line.startswith("make")
    return line


INSTALLS = ["install -q -r requirements.txt", "install -q --no-deps --no-build-isolation -e ."]


def test_installs_once_and_again_when_a_pin_changes_or_the_folder_moves(clone):
    here = python(clone)
    assert make(clone, "ready", f"PYTHON={here}").returncode == 0
    assert calls(clone) == INSTALLS
    again = make(clone, "ready")
    assert again.returncode == 0 and again.stdout == again.stderr == "" and calls(clone) == INSTALLS
    with (clone / "requirements.txt").open("a", encoding="utf-8") as file:
        file.write("# a pin\n")
    assert make(clone, "ready").returncode == 0 and calls(clone) == 2 * INSTALLS
    moved = clone.rename(clone.with_name("moved"))  # the library is installed by its path
    assert make(moved, "ready").returncode == 0 and calls(moved) == 3 * INSTALLS


def test_an_install_that_was_stopped_goes_on(clone):
    assert make(clone, "ready", f"PYTHON={python(clone, pip='exit 1')}").returncode != 0
    venv_of(clone)
    assert make(clone, "ready").returncode == 0 and calls(clone)[1:] == INSTALLS


def test_the_book_is_built_in_a_folder_with_spaces(clone):
    done = make(clone, "book", f"PYTHON={python(clone)}")
    assert done.returncode == 0, done.stderr
    assert f"file://{(clone / '_build/html/index.html').as_posix().replace(' ', '%20')} " in done.stdout


def test_no_script_of_the_environment_is_called_by_its_own_name():
    """Such a script names the folder in which it was installed, and not every installer can write one with a space."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert set(re.findall(r"\$\(BIN\)/(\S+)", text)) == {"python"}


@pytest.mark.parametrize("name, version", [("python3.11", "3.11.0"), ("python3.12", "3.12.1"), ("python3", "3.14.2")])
def test_finds_a_python_that_is_new_enough(clone, name, version):
    (clone.parents[1] / "programs" / "python").symlink_to(python(clone, "3.10.13"))
    (clone.parents[1] / "programs" / name).symlink_to(python(clone, version))
    assert make(clone, "ready").returncode == 0 and calls(clone) == INSTALLS


def test_no_python_that_is_new_enough(clone):
    (clone.parents[1] / "programs" / "python3").symlink_to(python(clone, "3.10.13"))
    venv_of(clone, "3.10.13")
    assert "no Python 3.11 or newer found" in complaint(make(clone, "ready"))
    assert (clone / ".venv").exists(), "not taken away before there is another"


@pytest.mark.parametrize(
    "asked, said",
    [
        (lambda clone: "/nope/python", "PYTHON=/nope/python: there is no such program"),
        (lambda clone: "nope3.11", "PYTHON=nope3.11: there is no such program"),
        (lambda clone: program(clone.parents[1] / "a fool", "#!/bin/bash\n"), "a fool does not run as a Python"),
        (lambda clone: program(clone.parents[1] / "wreck", "#!/nope\n"), "wreck does not run as a Python"),
        (lambda clone: python(clone, "3.10.13"), "is Python 3.10.13 in .*, too old: 3.11 or newer"),
        (lambda clone: python(clone, "2.7.18"), "is Python 2.7.18 in .*, too old: 3.11 or newer"),
    ],
)
def test_a_python_that_will_not_do(clone, asked, said):
    venv_of(clone)
    assert re.search(said, complaint(make(clone, "ready", f"PYTHON={asked(clone)}")))
    assert (clone / ".venv").exists() and not calls(clone)


def test_a_venv_of_another_python_is_replaced_when_one_is_named(clone):
    venv_of(clone, "3.11.7")
    assert make(clone, "ready").returncode == 0  # none is named: what is here is new enough
    other = python(clone, "3.11.2")
    done = make(clone, "ready", f"PYTHON={other}")
    assert done.returncode == 0
    assert re.search(r"replacing .venv: it is of Python 3\.11\.7 in .*, not 3\.11\.2 in ", done.stdout)
    assert (clone / ".venv/bin/python").read_text() == other.read_text()
    assert make(clone, "ready", f"PYTHON={other}").stdout == ""
    assert make(clone, "ready").stdout == ""


def test_a_python_of_the_same_version_elsewhere_is_another(clone):
    venv_of(clone, place="/elsewhere")
    assert "replacing .venv" in make(clone, "ready", f"PYTHON={python(clone)}").stdout


@pytest.mark.parametrize(
    "wrong, said",
    [
        (lambda clone: venv_of(clone, "3.10.13"), "it is of Python 3.10.13 in .*, too old"),
        (lambda clone: venv_of(clone, has_pip=False), "it has no pip"),
        (lambda clone: program(clone / ".venv/bin/python", "#!/nope\n"), "its Python does not run"),
        (lambda clone: (clone / ".venv").symlink_to("/nope"), "its Python does not run"),
        (lambda clone: (clone / ".venv").mkdir(), "its Python does not run"),
    ],
)
def test_a_wrong_venv_is_replaced(clone, wrong, said):
    wrong(clone)
    good = python(clone)
    (clone.parents[1] / "programs" / "python3").symlink_to(good)
    done = make(clone, "ready")
    assert done.returncode == 0 and re.search(f"replacing .venv: {said}", done.stdout)
    assert (clone / ".venv/bin/python").read_text() == good.read_text()
    assert make(clone, "ready").stdout == ""


def test_no_network(clone):
    assert "no network: pip cannot reach the package index" in complaint(
        make(clone, "ready", f"PYTHON={python(clone, pip=NO_NETWORK)}")
    )


def test_what_pip_says_is_passed_on(clone):
    pip = "echo 'WARNING: Retrying (Retry(total=4))'; echo 'ERROR: No matching distribution found for x==1' >&2; exit 1"
    said = complaint(make(clone, "ready", f"PYTHON={python(clone, pip=pip)}"))
    assert "pip could not install: ERROR: No matching distribution found for x==1" in said


def test_debians_python_without_its_venv(clone):
    venv = 'mkdir -p "$3/bin"; echo "... because ensurepip is not available. On Debian ..."; echo; exit 1'
    said = complaint(make(clone, "ready", f"PYTHON={python(clone, venv=venv)}"))
    assert "on Debian and Ubuntu install the package python3-venv" in said
    assert not (clone / ".venv").exists()


def test_a_venv_that_cannot_be_made(clone):
    venv = 'echo "Error: [Errno 28] No space left on device: /x"; exit 1'
    said = complaint(make(clone, "ready", f"PYTHON={python(clone, venv=venv)}"))
    assert "could not make .venv: Error: [Errno 28] No space left on device" in said


def chromium(clone, *, uid, **environment):
    path = clone.parents[1] / "programs"
    program(path / "id", f"#!/bin/bash\necho {uid}\n")
    venv_of(clone)
    return make(clone, "browser", TMPDIR=str(clone.parents[1]), **environment)


def test_no_chromium_and_no_right_to_install_it(clone):
    done = chromium(clone, uid=1000)
    assert done.returncode == 0 and done.stderr == ""
    assert re.search("^no Chromium .*only root may install it.*: the browser test will be skipped", done.stdout, re.M)
    assert "in CI the browser test is never skipped" in complaint(chromium(clone, uid=1000, CI="true"))


def test_a_chromium_that_cannot_be_installed(clone):
    apt_get = "#!/bin/bash\necho 'E: Unable to locate package chromium' >&2; exit 100\n"
    program(clone.parents[1] / "programs/apt-get", apt_get)
    done = chromium(clone, uid=0)
    assert done.returncode == 0
    assert "no Chromium (apt-get could not install it: E: Unable to locate package chromium" in done.stdout
    assert "E: Unable to locate package chromium" in complaint(chromium(clone, uid=0, CI="true"))


def test_chromium_is_installed_where_root_may(clone):
    there = clone.parents[1] / "programs/chromium"
    program(clone.parents[1] / "programs/apt-get", f'#!/bin/bash\ncp "$0" {shlex.quote(str(there))}\n')
    assert chromium(clone, uid=0, CI="true").returncode == 0 and there.exists()
