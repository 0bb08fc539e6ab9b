"""The claims that the tables of position codes decide: see `howfar.experiments.judging`."""

import math

import pandas as pd

from howfar.experiments import position_codes
from howfar.experiments.judging import measured, predicate, row

LONGEST = math.sqrt(position_codes.WIDTH) * (1 + 1e-6)  # up to rounding


@predicate
def sinusoid_is_bounded(records):
    """No sinusoidal code is longer than sqrt(width), at positions up to four times the length."""
    return _codes(records, "sinusoidal", NORMS, _longest, lambda longest: longest <= LONGEST)


@predicate
def legendre_is_bounded(records):
    """No Legendre code is longer than sqrt(width), at positions up to four times the length."""
    return _codes(records, "legendre", NORMS, _longest, lambda longest: longest <= LONGEST)


@predicate
def legendre_saturates(records):
    """The Legendre codes 50 N and 100 N beyond the last trained position are equal."""
    return _codes(records, "legendre", ["tail"], lambda record: record["tail"], lambda distance: distance < 1e-6)


@predicate
def wavelet_difference_decays(records):
    """The wavelet codes 2.9 N and 100 N beyond the last trained position are nearer to its code than a tenth of the
    code's norm.
    """

    def share(record):
        return max(record["change_290"], record["change_10000"]) / record["norm_met"]

    columns = ["change_290", "change_10000", "norm_met"]
    return _codes(records, "wavelet", columns, share, lambda share: share < 0.1)


@predicate
def wavelet_tells_positions_apart(records):
    """No two wavelet codes of positions 0 to 4N - 1 are equal."""
    return _codes(records, "wavelet", ["gap"], lambda record: record["gap"], lambda gap: gap > 1e-6)


@predicate
def sinusoid_repeats(records):
    """Some sinusoidal code at positions 10,000 to 100,000 is nearer to that of position 0 than the code of position 1
    is.
    """
    return _codes(
        records, "sinusoidal", ["return_ratio"], lambda record: record["return_ratio"], lambda ratio: ratio < 1
    )


NORMS = ["norm_met", "norm_new"]


def _longest(record):
    return max(record["norm_met"], record["norm_new"])


def _codes(records, family, columns, measure, holds):
    """One row for each variant of a family: it must hold at every length N; the estimate is the least favourable."""
    rows = []
    for variant, group in records[records["variant"].str.startswith(family)].groupby("variant", sort=False):
        values = [float(measure(record)) for _, record in measured(group, *columns).iterrows()]
        failing = [value for value in values if not holds(value)]
        lengths = f"N = {group['length'].min()} to {group['length'].max()}"
        estimate = max(failing or values)
        rows.append(row(f"{variant}, {lengths}", estimate, math.nan, math.nan, holds=not failing))
    return pd.DataFrame(rows)
