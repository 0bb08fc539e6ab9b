"""How Far?: the library behind a hands-on course on out-of-distribution reasoning in Transformers.

Every idea has the same name everywhere: the chapter ``chapters/transport/line.ipynb`` uses
`howfar.wasserstein`, is tested by ``tests/test_wasserstein.py``, and its exercises are
``howfar.exercises.line``.

A module is loaded when its name is first used: ``from howfar import dyck`` brings no plotting and no solvers.
"""

import importlib
from typing import TYPE_CHECKING

__version__ = "0.3.0"

if TYPE_CHECKING:  # for editors and type checkers; where the library runs, __getattr__ does the same
    from howfar import (  # noqa: I001
        checks, claims, cli, collapse, complexity, constructions, dyck, encodings, ensembles, environment, exercises,
        experiments, lipschitz, plotting, probes, progress, runs, search, tables, tasks, training, transformer,
        wasserstein, widgets,
    )  # fmt: skip
    from howfar.encodings import ENCODINGS, make_encoding, randomized_positions, register
    from howfar.environment import data_path, is_interactive, setup
    from howfar.exercises import check, quiz, use
    from howfar.probes import probe
    from howfar.tables import table
    from howfar.transformer import Transformer, TransformerConfig, record

__all__ = [
    "ENCODINGS", "Transformer", "TransformerConfig", "__version__", "check", "checks", "claims", "cli", "collapse",
    "complexity", "constructions", "data_path", "dyck", "encodings", "ensembles", "environment", "exercises",
    "experiments", "is_interactive", "lipschitz", "make_encoding", "plotting", "probe", "probes", "progress", "quiz",
    "randomized_positions", "record", "register", "runs", "search", "setup", "table", "tables", "tasks", "training",
    "transformer", "use", "wasserstein", "widgets",
]  # fmt: skip

# The module of each name that is not a module's own.
_HOME = {
    "ENCODINGS": "encodings",
    "make_encoding": "encodings",
    "randomized_positions": "encodings",
    "register": "encodings",
    "data_path": "environment",
    "is_interactive": "environment",
    "setup": "environment",
    "check": "exercises",
    "quiz": "exercises",
    "use": "exercises",
    "probe": "probes",
    "table": "tables",
    "Transformer": "transformer",
    "TransformerConfig": "transformer",
    "record": "transformer",
}


def __getattr__(name):
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_HOME.get(name, name)}")
    value = getattr(module, name) if name in _HOME else module
    globals()[name] = value  # found without __getattr__ from now on
    return value


def __dir__():
    return __all__
