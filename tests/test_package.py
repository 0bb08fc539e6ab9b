"""What `import howfar` offers, and what it costs: a module is loaded when its name is first used."""

import ast
import inspect
import pkgutil
import subprocess
import sys

import pytest

import howfar

MODULES = sorted(module.name for module in pkgutil.iter_modules(howfar.__path__))
HEAVY = {"IPython", "ipywidgets", "joblib", "matplotlib", "ot", "pandas", "pywt", "ray", "scipy", "yaml"}


def loaded(code):
    """The modules that a fresh interpreter has after that code, with ours by their first part."""
    code += "\nimport sys; print('loaded:', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = done.stdout.split("loaded:")[1].split()
    return {name for name in names if "." not in name} | {".".join(name.split(".")[:2]) for name in names}


def test_importing_the_library_loads_none_of_it():
    names = loaded("import howfar")
    assert not names & (HEAVY | {"numpy", "torch"})
    assert not [name for name in names if name.startswith("howfar.")]


@pytest.mark.parametrize("code", ["from howfar import dyck", "import howfar.dyck", "import howfar; howfar.dyck"])
def test_dyck_brings_only_what_it_needs(code):
    names = loaded(code)
    assert "howfar.dyck" in names and "torch" in names
    assert not (names - loaded("import numpy, torch")) & HEAVY
    ours = {name for name in names if name.startswith("howfar.")}
    assert ours <= {"howfar.checks", "howfar.dyck", "howfar.environment"}


def test_every_module_is_listed_for_readers_and_for_type_checkers():
    assert sorted(howfar.__all__) == sorted(["__version__", *MODULES, *howfar._HOME])
    (block,) = (node for node in ast.parse(inspect.getsource(howfar)).body if isinstance(node, ast.If))
    typed = {alias.name: imports.module for imports in block.body for alias in imports.names}
    assert typed == dict.fromkeys(MODULES, "howfar") | {k: f"howfar.{home}" for k, home in howfar._HOME.items()}


@pytest.mark.parametrize("name", howfar.__all__)
def test_every_name_is_reachable_and_offered_for_completion(name):
    assert name in dir(howfar)
    value = getattr(howfar, name)
    assert value is vars(howfar)[name], "found without a search from then on"
    if name in MODULES:
        assert value is sys.modules[f"howfar.{name}"]
    elif hasattr(value, "__module__"):
        assert value.__module__.startswith(f"howfar.{howfar._HOME[name]}")


def test_a_star_brings_every_name():
    names = {}
    exec("from howfar import *", names)
    assert set(howfar.__all__) <= set(names)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'howfar' has no attribute 'nonsense'"):
        _ = howfar.nonsense
    with pytest.raises(ImportError, match="nonsense"):
        from howfar import nonsense  # noqa: F401
