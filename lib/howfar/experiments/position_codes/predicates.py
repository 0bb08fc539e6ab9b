"""The claims that the tables of position codes decide: see `howfar.experiments.judging`. Nothing here is random.

A reading is one way of making the codes; it must hold at every length N, and what is shown is the least favourable.
What the source says of its wavelets rests on functions that vanish outside their supports. A periodic extension has
none that do, so that the claims about wavelets aren't judged by it.
"""

import math

from howfar.experiments.judging import CONTRADICTED, HOLDS, NOT_JUDGED, exactly, measured, predicate, reading

PLAUSIBLE = {"sinusoidal": ("sinusoidal", 64), "legendre": ("legendre fixed", 64), "wavelet": ("wavelet compact", 64)}
SINUSOID = "width 64, the source's"
LEGENDRE = "positions scaled by a fixed length and kept in range: only so are codes both bounded and constant far out"
WAVELET = (
    "the functions made for length N go on as they are: the source has its fine scales vanish beyond N, coarse ones not"
)

EQUAL = 1e-6  # codes that are nearer are equal up to rounding
DISTANCES = {0.25: "change_25", 1: "change_100", 2.9: "change_290", 100: "change_10000"}  # in units of N


@predicate(bar=("below", 1), written="before", plausible=SINUSOID, identity=True)
def sinusoid_is_bounded(records):
    """No sinusoidal code is longer than sqrt(width), at positions up to four times the length. Shown is the longest, in
    units of sqrt(width).
    """
    yield from _bounded(records, "sinusoidal")


@predicate(bar=("below", 1), written="before", plausible=LEGENDRE, identity=True)
def legendre_is_bounded(records):
    """No Legendre code is longer than sqrt(width), at positions up to four times the length. Shown is the longest, in
    units of sqrt(width).
    """
    yield from _bounded(records, "legendre")


@predicate(bar=("below", EQUAL), written="after", plausible=LEGENDRE)
def legendre_saturates(records):
    """All Legendre codes at positions 50 N to 51 N - 1 are equal. Shown is their largest distance."""
    yield from _readings(records, "legendre", ["spread_far"], _of("spread_far"), lambda row: row["spread_far"] < EQUAL)


@predicate(bar=("below", 0.1), written="after", plausible=WAVELET)
def wavelet_difference_decays(records):
    """From 0.25 N to 2.9 N beyond the last trained position the distance to the code there falls at least tenfold, per
    position at least half as fast after N as before, and it is no larger at 100 N; or it is zero throughout. Shown is
    the distance at 2.9 N in units of that at 0.25 N. Not judged by a periodic extension, where no function vanishes.
    """

    def holds(row):
        near, middle, far, very_far = (row[column] for column in DISTANCES.values())
        if near == middle == far == very_far == 0:
            return True
        if not near > middle > far > 0 or very_far > far:
            return False
        return far <= near / 10 and math.log(middle / far) / 1.9 >= math.log(near / middle) / 0.75 / 2

    def shown(row):
        return row["change_290"] / row["change_25"] if row["change_25"] else 0.0

    yield from _readings(records, "wavelet", DISTANCES.values(), shown, holds)


@predicate(bar=("above", EQUAL), written="after", plausible=WAVELET)
def wavelet_tells_positions_apart(records):
    """No two wavelet codes of positions 0 to 4N - 1 are equal. Shown is the smallest distance. Not judged by a periodic
    extension, where no function vanishes.
    """
    yield from _readings(records, "wavelet", ["gap"], _of("gap"), lambda row: row["gap"] > EQUAL, worst=min)


@predicate(bar=("below", 0.01), written="after", plausible=WAVELET)
def wavelets_converge(records):
    """Any two wavelet codes at positions 50 N to 51 N - 1 are nearer than a hundredth of the longest trained code.
    Shown is their largest distance, in units of that code's length. Not judged by a periodic extension: the source
    speaks of where the fine functions have vanished.
    """

    def share(row):
        return row["spread_far"] / row["norm_met"]

    yield from _readings(records, "wavelet", ["spread_far", "norm_met"], share, lambda row: share(row) < 0.01)


@predicate(bar=("below", 1), written="after", plausible=SINUSOID)
def sinusoid_repeats(records):
    """Some sinusoidal code at positions 10,000 to 100,000 is nearer to that of position 0 than the code of position 1
    is. Shown is the smallest distance, in units of that of positions 0 and 1.
    """
    column = "return_ratio"
    yield from _readings(records, "sinusoidal", [column], _of(column), lambda row: row[column] < 1)


def _of(column):
    return lambda row: row[column]


def _bounded(records, family):
    def share(row):
        return max(row["norm_met"], row["norm_new"]) / math.sqrt(row["width"])

    yield from _readings(records, family, ["norm_met", "norm_new"], share, lambda row: share(row) < 1 + EQUAL)


def _readings(records, family, columns, shown, holds, worst=max):
    """A reading for each way of making a family's codes; ``shown`` and ``holds`` take one record."""
    chosen = records[records["variant"].str.startswith(family)]
    for (variant, width), group in chosen.groupby(["variant", "width"], sort=False):
        rows = measured(group, *columns).to_dict("records")
        failing = [row for row in rows if not holds(row)]
        name = variant + (f", width {width}" if chosen["width"].nunique() > 1 else "")
        interval = exactly(worst(shown(row) for row in failing or rows))
        status = CONTRADICTED if failing else HOLDS
        plausible = (variant, width) == PLAUSIBLE[family]
        yield reading(name, interval, NOT_JUDGED if variant == "wavelet periodic" else status, plausible=plausible)
