"""Runs as tables of records."""

import pandas as pd

from howfar.environment import data_path
from howfar.runs.schema import PROVENANCE
from howfar.runs.store import read_runs


def read(path):
    """A results file as a table.

    Parameters
    ----------
    path : path

    Returns
    -------
    pandas.DataFrame
        One row for each record, with the config's fields, the record's own, and the provenance. If two writers
        recorded the same run, the first counts. Numbers that were not finite are NaN.

    Raises
    ------
    ValueError
        If the file holds something else.
    FileNotFoundError
        If there is none.
    """
    return to_frame(first_of_each_key(read_runs(path)).values())


def recorded(experiment, scale="full"):
    """The results that travel with the library, ``data/results/EXPERIMENT-SCALE.jsonl``, as `read` gives them."""
    return read(data_path("results", f"{experiment}-{scale}.jsonl"))


def describe(records):
    """Where records come from, in one line: runs, device, seconds, date, versions.

    Parameters
    ----------
    records : pandas.DataFrame
        Of `read`, `recorded` or `sweep`.

    Returns
    -------
    str
    """
    runs = records.drop_duplicates("key")

    def all_of(field):
        return " and ".join(sorted({str(value) for value in runs[field] if value is not None}))

    dates = sorted({date[:10] for date in runs["date"]})
    commits = all_of("commit") or "unknown"
    return (
        f"{len(runs)} runs on {all_of('device')}; {runs['seconds'].sum():,.0f} s of computing in all; "
        f"{' to '.join(dict.fromkeys([dates[0], dates[-1]]))}; howfar {all_of('howfar')} (commit {commits}), "
        f"torch {all_of('torch')}, Python {all_of('python')}"
    )


def to_frame(runs):
    """Runs as a table with one row for each record; see `read`."""
    rows = []
    for run in runs:
        config = {field: tuple(v) if isinstance(v, list) else v for field, v in run["config"].items()}
        origin = {field: run[field] for field in PROVENANCE}
        rows += [{**config, **record, **origin} for record in run["records"]]
    return pd.DataFrame(rows)


def first_of_each_key(runs):
    """Runs by their keys, a dict; of two with the same key, the first."""
    first = {}
    for run in runs:
        first.setdefault(run["key"], run)
    return first
