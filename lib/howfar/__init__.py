"""How Far?: the library behind a hands-on course on out-of-distribution reasoning in Transformers.

Every idea has the same name everywhere: the chapter ``chapters/transport/line.ipynb`` uses
`howfar.wasserstein`, is tested by ``tests/test_wasserstein.py``, and its exercises are
``howfar.exercises.line``.
"""

__version__ = "0.1.0"

from howfar import brackets, exercises, plotting, wasserstein, widgets
from howfar.environment import data_path, is_interactive, setup
from howfar.exercises import check

__all__ = [
    "__version__",
    "brackets",
    "check",
    "data_path",
    "exercises",
    "is_interactive",
    "plotting",
    "setup",
    "wasserstein",
    "widgets",
]
