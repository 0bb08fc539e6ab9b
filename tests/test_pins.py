"""The pinned environment: it installs on the lowest Python that the project promises, and it is what is tested."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]


def requirements(name):
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line]


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOWEST = re.fullmatch(r">=(\d+\.\d+)", PROJECT["requires-python"]).group(1) + ".0"
PINS = requirements("requirements.txt")
HERE = [pin for pin in PINS if pin.marker is None or pin.marker.evaluate()]
VERSIONS = {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in PINS}


def test_one_release_of_each_package():
    """With two, the one for the lowest Python may be one that no test environment has."""
    assert len(HERE) > 100 and len(VERSIONS) == len(PINS)
    for pin in PINS:
        assert re.fullmatch(r"==\d[0-9a-z.]*", str(pin.specifier)), f"{pin} is no release, or a local build"


def test_the_environment_is_the_pinned_one():
    installed = {pin.name: metadata.version(pin.name) for pin in HERE}
    others = {str(p): installed[p.name] for p in HERE if Version(installed[p.name]).public not in p.specifier}
    assert not others, "not as pinned; run make"


def test_the_lowest_python_can_install_every_pin():
    wanted = {pin.name: metadata.metadata(pin.name)["Requires-Python"] or "" for pin in HERE}
    refused = [f"{pin} wants {wanted[pin.name]}" for pin in HERE if LOWEST not in SpecifierSet(wanted[pin.name])]
    assert not refused, "take the line out of requirements.txt and run make pins: uv finds one that fits"


def test_what_the_book_and_the_library_name_is_pinned_within_their_bounds():
    for needed in requirements("requirements.in") + [Requirement(line) for line in PROJECT["dependencies"]]:
        assert VERSIONS[canonicalize_name(needed.name)] in needed.specifier, needed


def test_no_cuda_library_is_pinned():
    """torch names its own; named here, they would be gigabytes beside the torch for CPUs too."""
    assert not [pin.name for pin in PINS if re.match("nvidia|cuda|triton", pin.name)]
