"""What predicates are made of: intervals, readings, missing numbers.

The predicates themselves stand beside their experiments, in ``predicates.py`` of its folder. A predicate decides one
claim of the ledger from the records of one experiment. It yields a `reading` for each way to fill in what the claim's
source leaves open; exactly one of them is marked as the most plausible. Readings that compare the same numbers are one.
Its docstring is the rule that the ledger prints. `howfar.claims` counts the readings and makes the verdict.
"""

import functools
import itertools
import math
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.stats

from howfar import checks

HOLDS, UNDECIDED, CONTRADICTED = "holds", "undecided", "contradicted"
NOT_JUDGED = "not judged"  # what the claim presupposes is missing: such a reading doesn't count
EXACT = math.factorial(8)  # orders of levels that are all tried
STATUSES = (HOLDS, UNDECIDED, CONTRADICTED, NOT_JUDGED)


class Interval(NamedTuple):
    """An estimate with its 95 % interval over the seeds; all three are equal where nothing is random."""

    estimate: float
    low: float
    high: float


def predicate(*, bar, written, plausible, identity=False):
    """Make a generator of readings a predicate, which returns them as a table.

    Parameters
    ----------
    bar : (str, float)
        What the estimate must be for the claim to hold: ``("below", 1)`` or ``("above", 0.1)``.
    written : {"before", "after"}
        Whether the rule was written before or after records that it judges had been read. Change a rule, and it is
        "after".
    plausible : str
        Why the reading that is marked is the most plausible one of the source.
    identity : bool
        Whether the claim is an identity or a bound that our code could not violate.

    Returns
    -------
    callable
        From records to a DataFrame with a row for each reading, the plausible one first: ``setting, estimate, low,
        high, status, plausible``. It has the attributes ``bar``, ``written``, ``plausible`` and ``identity``.
    """
    checks.choice("the side of the bar", bar[0], ("below", "above"))
    checks.choice("written", written, ("before", "after"))

    def decorate(function):
        @functools.wraps(function)
        def table(records):
            rows = pd.DataFrame(function(records), columns=["setting", *Interval._fields, "status", "plausible"])
            if rows["plausible"].sum() != 1:
                raise KeyError(f"the plausible reading, {plausible}")
            return rows.sort_values("plausible", ascending=False, kind="stable", ignore_index=True)

        table.bar, table.written, table.plausible, table.identity = bar, written, plausible, identity
        return table

    return decorate


def reading(setting, interval, status, *, plausible=False):
    """One row of a predicate's table.

    Parameters
    ----------
    setting : str
        Which reading it is, in a few words.
    interval : Interval
        Of what the rule compares.
    status : str
        Of `STATUSES`.
    plausible : bool
        Whether it is the most plausible reading of the source.
    """
    checks.choice("status", status, STATUSES)
    return {"setting": setting, **interval._asdict(), "status": status, "plausible": bool(plausible)}


def below(interval, bar):
    """The status of the claim that a number is less than ``bar``: undecided if the interval crosses it."""
    if interval.high < bar:
        return HOLDS
    return CONTRADICTED if interval.low > bar else UNDECIDED


def above(interval, bar):
    """The status of the claim that a number is greater than ``bar``."""
    if interval.low > bar:
        return HOLDS
    return CONTRADICTED if interval.high < bar else UNDECIDED


def all_of(*statuses):
    """The status of "this and that": it holds if all do, and one that is contradicted contradicts it."""
    return next((status for status in (CONTRADICTED, UNDECIDED) if status in statuses), HOLDS)


def exactly(value):
    """The interval of a number in which nothing is random."""
    return Interval(float(value), float(value), float(value))


def mean_interval(values, level=0.95):
    """Mean of numbers, one for each seed, with Student's interval.

    Parameters
    ----------
    values : array (seeds,)
    level : float

    Returns
    -------
    Interval
        With a single seed, from minus to plus infinity: it decides nothing.
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return Interval(float(values.mean()), -math.inf, math.inf)
    spread = scipy.stats.t.ppf(0.5 + level / 2, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return Interval(*(float(x) for x in (values.mean(), values.mean() - spread, values.mean() + spread)))


def geometric_interval(values, level=0.95):
    """The same for positive numbers and their geometric mean: Student's interval of the mean of their logarithms."""
    return Interval(*(float(np.exp(x)) for x in mean_interval(np.log(np.asarray(values, dtype=float)), level)))


class MonotoneTest(NamedTuple):
    """Whether one number grows with another: Spearman's rank correlation and its one-sided p-value.

    ``exact``: every permutation was tried, and not some at random.
    """

    correlation: float
    pvalue: float
    exact: bool


def monotone_test(distance, risk, *, null=0.0, permutations=20_000, seed=0):
    """Does the risk grow with the distance, level by level?

    Parameters
    ----------
    distance, risk : array (levels,) or (strata, levels)
        One number for each level of an axis; at least three levels. Strata (training laws, say) are ranked apart, and
        their correlations averaged. A stratum whose distances or risks are all tied has no correlation and is left
        out of the mean.
    null : float or array (strata,)
        The largest distance between samples of one law. Levels that are not farther are tied: nothing tells them apart.
    permutations : int
        Of the levels, the same in all strata. All are tried if there are at most 8 levels; else so many at random.
    seed : int, torch.Generator, numpy.random.Generator or None

    Returns
    -------
    MonotoneTest
        Its correlation is NaN and its p-value 1 where all strata are left out.

    Raises
    ------
    ValueError
        If the two don't have one shape, there are fewer than three levels, or a number is not finite.

    Notes
    -----
    The p-value is the share of permutations whose correlation is at least the one found: exact if the levels' risks are
    exchangeable. With K levels it is never below 1 / K!, so that three levels cannot pass at 5 %.
    """
    distance, risk = (np.atleast_2d(checks.reals(n, v)) for n, v in (("distance", distance), ("risk", risk)))
    if distance.shape != risk.shape or distance.shape[-1] < 3 or distance.ndim != 2:
        raise ValueError(
            "distance and risk must be of one shape, (levels,) or (strata, levels) with at least 3 levels; got "
            f"{distance.shape} and {risk.shape}"
        )
    null = np.broadcast_to(checks.reals("null", null), len(distance))[:, None]
    ranks = [_unit_ranks(rows) for rows in (np.where(distance <= null, -np.inf, distance), risk)]
    levels = distance.shape[1]
    exact = math.factorial(levels) <= EXACT
    if exact:
        orders = _every_order(levels)
    else:
        rng = checks.numpy_generator(seed)
        orders = rng.permuted(np.tile(np.arange(levels), (checks.count("permutations", permutations), 1)), axis=1)
    usable = [k for k in range(len(distance)) if ranks[0][k].any() and ranks[1][k].any()]
    if not usable:
        return MonotoneTest(math.nan, 1.0, exact)
    found = np.mean([ranks[0][k] @ ranks[1][k] for k in usable])
    tried = np.mean([ranks[1][k][orders] @ ranks[0][k] for k in usable], axis=0)
    reached = int((tried >= found - 1e-9).sum())
    return MonotoneTest(float(found), (reached + (not exact)) / (len(orders) + (not exact)), exact)


@functools.cache
def _every_order(levels):
    return np.array(list(itertools.permutations(range(levels))))


def _unit_ranks(rows):
    """Ranks of each row, ties at their mean, centred and of length one; zeros where all are tied."""
    ranks = scipy.stats.rankdata(rows, axis=1)
    ranks -= ranks.mean(1, keepdims=True)
    norms = np.linalg.norm(ranks, axis=1, keepdims=True)
    return np.divide(ranks, norms, out=np.zeros_like(ranks), where=norms > 0)


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
