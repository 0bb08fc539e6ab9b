"""How experiments become records: sweeps, the engines that compute them, provenance, and the results file.

Attributes
----------
PROVENANCE : tuple of str
    The columns that say where a record comes from.
ENGINES : tuple of str
    Where runs can be computed.
"""

from howfar.runs.engines import ENGINES
from howfar.runs.frame import describe, read, recorded, to_frame
from howfar.runs.schema import PROVENANCE, config_key
from howfar.runs.source import source_hash
from howfar.runs.store import append, read_runs
from howfar.runs.sweeps import RunsFailed, execute, sweep

__all__ = [
    "ENGINES",
    "PROVENANCE",
    "RunsFailed",
    "append",
    "config_key",
    "describe",
    "execute",
    "read",
    "read_runs",
    "recorded",
    "source_hash",
    "sweep",
    "to_frame",
]
