"""What predicates are made of: intervals, missing numbers, rows.

The predicates themselves stand beside their experiments, in ``predicates.py`` of its folder. A predicate decides one
claim of the ledger from the recorded results of one experiment: it takes a DataFrame of records and returns one with a
row for each *setting*, a reading of what the claim's source leaves open: ``setting``, ``estimate``, ``low`` and
``high`` (a 95 % interval over the seeds, NaN where there is nothing random), ``holds`` (whether the claim does in this
setting). Its docstring is the rule that the ledger prints. `howfar.claims` makes the verdict: all settings, some, none.
"""

import math

import numpy as np
import scipy.stats


def predicate(function):
    """Mark a function as a predicate, so that `howfar.experiments.predicates` finds it."""
    function.is_predicate = True
    return function


def measured(records, *columns):
    """The records, if each of these columns holds a number in each of them: a missing number is never a verdict.

    Parameters
    ----------
    records : pandas.DataFrame
        Those that a predicate is about to compare.
    *columns : str

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    ValueError
        If a number is missing, as after a run that diverged; the message names the column, the configs and the seeds.
    """
    for column in columns:
        missing = records[records[column].isna()]
        if len(missing):
            rows = [", ".join(f"{k} {v}" for k, v in row.items()) for row in _names(missing)]
            more = f"; and {len(rows) - 3} more" if len(rows) > 3 else ""
            raise ValueError(
                f"{len(rows)} of {len(records)} records have no number in {column!r}: {'; '.join(rows[:3])}{more}"
            )
    return records


def _names(records):
    """What tells records apart, a dict for each: whole numbers, words and flags."""
    telling = [c for c in records if records[c].map(lambda value: isinstance(value, (str, int, bool))).all()]
    return records[telling].to_dict("records")


def geometric_interval(values, level=0.95):
    """Geometric mean of positive numbers, one for each seed, with Student's interval of the mean of their logarithms.

    Parameters
    ----------
    values : array (seeds,)
    level : float

    Returns
    -------
    mean, low, high : float
        Without spread (one seed, or all equal) low and high are the mean.
    """
    logs = np.log(np.asarray(values, dtype=float))
    centre, spread = logs.mean(), 0.0
    if len(logs) > 1:
        spread = scipy.stats.t.ppf(0.5 + level / 2, len(logs) - 1) * logs.std(ddof=1) / math.sqrt(len(logs))
    return tuple(float(np.exp(x)) for x in (centre, centre - spread, centre + spread))


def row(setting, estimate, low, high, *, holds):
    return {"setting": setting, "estimate": estimate, "low": low, "high": high, "holds": bool(holds)}
