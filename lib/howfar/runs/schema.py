"""What a run is: its fields and its key, and what keeps a line of a results file from being one."""

import dataclasses
import hashlib
import json
import math

import numpy as np
import torch

PROVENANCE = (
    "key",
    "experiment",
    "seconds",
    "device",
    "date",
    "howfar",
    "commit",
    "source",
    "python",
    "numpy",
    "torch",
)


def config_key(experiment, config):
    """The key of a run: 16 hexadecimal digits that depend on the experiment's name and the config's fields only.

    Parameters
    ----------
    experiment : str
    config : dataclass
        Of numbers, strings, None, and tuples or dicts of them.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the config is no frozen dataclass.
    """
    if not dataclasses.is_dataclass(config) or isinstance(config, type) or not config.__dataclass_params__.frozen:
        raise ValueError(f"config must be a frozen dataclass, got {type(config).__name__}")
    return run_key(experiment, plain(dataclasses.asdict(config)))


def run_key(experiment, config):
    """The same of a config in JSON's types, as a results file holds it."""
    return hashlib.sha256(json.dumps([experiment, config], sort_keys=True).encode()).hexdigest()[:16]


def check_run(run):
    """ValueError if a run has no records, or a field of theirs would hide another."""
    records = run["records"]
    if not isinstance(records, list) or not records or not all(isinstance(record, dict) for record in records):
        raise ValueError("records must be a list of dicts, at least one")
    fields = {field for record in records for field in record}
    clash = ({*run["config"], *fields} & set(PROVENANCE)) | (fields & set(run["config"]))
    if clash:
        raise ValueError(
            f"fields must not be named {', '.join(sorted(clash))}: those of the config, of the records and of the "
            "provenance become columns of one table"
        )


def fault_of(run):
    """What keeps a line's content from being a run, in words; None if it is one."""
    if not isinstance(run, dict):
        return f"it is a {type(run).__name__}"
    missing = [field for field in ("config", "records", *PROVENANCE) if field not in run]
    if missing:
        return f"it has no {missing[0]}"
    if not isinstance(run["config"], dict):
        return f"its config is {json.dumps(run['config'])}"
    if not isinstance(run["seconds"], (int, float)):
        return f"its seconds are {json.dumps(run['seconds'])}"
    texts = set(PROVENANCE) - {"seconds", "commit"}
    wrong = sorted(field for field in texts if not isinstance(run[field], str))
    if wrong:
        return f"its {wrong[0]} is {json.dumps(run[wrong[0]])}"
    try:
        check_run(run)
    except ValueError as error:
        return str(error)
    if run["key"] != run_key(run["experiment"], run["config"]):
        return "its key is not that of its experiment and config, so one of them was changed"
    return None


def plain(value):
    """``value`` in JSON's types: NumPy and torch scalars as Python's, tuples as lists, NaN and infinities as None."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (np.generic, torch.Tensor)):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    raise ValueError(f"records hold numbers, strings, None, lists and dicts, got {type(value).__name__}")
