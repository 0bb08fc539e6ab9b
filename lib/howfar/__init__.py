"""How Far?: the library behind a hands-on course on out-of-distribution reasoning in Transformers.

Every idea has the same name everywhere: the chapter ``chapters/transport/line.ipynb`` uses
`howfar.wasserstein`, is tested by ``tests/test_wasserstein.py``, and its exercises are
``howfar.exercises.line``.
"""

__version__ = "0.1.0"

from howfar import brackets, dyck, encodings, exercises, lipschitz, plotting, search, tasks, wasserstein, widgets
from howfar.encodings import ENCODINGS, make_encoding, randomized_positions, register
from howfar.environment import data_path, is_interactive, setup
from howfar.exercises import check, quiz, use
from howfar.tables import table
from howfar.transformer import Transformer, TransformerConfig, record

__all__ = [
    "ENCODINGS",
    "Transformer",
    "TransformerConfig",
    "__version__",
    "brackets",
    "check",
    "data_path",
    "dyck",
    "encodings",
    "exercises",
    "is_interactive",
    "lipschitz",
    "make_encoding",
    "plotting",
    "quiz",
    "randomized_positions",
    "record",
    "register",
    "search",
    "setup",
    "table",
    "tasks",
    "use",
    "wasserstein",
    "widgets",
]
