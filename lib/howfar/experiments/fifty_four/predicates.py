"""The claims that the 54 decide: see `howfar.experiments.judging`."""

import numpy as np
import pandas as pd

from howfar.experiments import fifty_four
from howfar.experiments.fifty_four.distances import DISTANCES
from howfar.experiments.judging import (
    CONTRADICTED,
    HOLDS,
    NOT_JUDGED,
    UNDECIDED,
    Interval,
    above,
    all_of,
    mean_interval,
    measured,
    monotone_test,
    predicate,
    reading,
)

AXES = ("n", "size", "order")
FALL = 0.1  # of the range of the risk along an axis, and nats
GROWN, GAIN = 0.1, 0.05  # nats: what counts as a rise of the risk, and as a gain by depth
BEYOND = ("6", "7", "8")  # sizes of problems beyond those of training


def trained(records):
    """The records of models whose risk at home is below that of a 3-gram; the others have not learned the task."""
    measured(records, "home_risk", "home_ngram")
    return records[records["home_risk"] < records["home_ngram"]]


def subset_sum(records):
    """The records of the main runs: subset sum, the usual steps, all of them trained."""
    main = records[(records["task"] == "subset sum") & (records["steps"] == fifty_four.Config.steps)]
    return trained(main)


@predicate(
    bar=("below", FALL),
    written="before",
    plausible=(
        "all 54 configurations, all axes on which the traces move, pooled, as the abstract names none; W1 of features "
        'of the trace, the plainest of its "projections into a continuous metric space"'
    ),
)
def risk_rises_with_distance(records):
    """Where one domain is farther from training than another, its risk is not lower by more than a tenth of the range
    of the risk on that axis (or by 0.1 nats, where the range is below 1 nat), the interval over the seeds below that;
    and risks rank like distances, by an exact one-sided permutation test of the domains' means at 5 % (pooled axes:
    20,000 permutations). Distances up to the largest of 19 between samples of the training law are ties (hidden states:
    of 6), and an axis on which all are ties isn't judged. Shown is the largest fall, as a share of the range: the two
    domains are chosen on the other seeds. Training laws are ranked apart and each encoding's risk is the mean over its
    shapes.
    """
    main = subset_sum(records)
    for encoding in fifty_four.ENCODINGS:
        rows = main[main["encoding"] == encoding]
        for axis in (*AXES, "all axes"):
            for distance in DISTANCES:
                yield _monotone(
                    rows[rows["axis"].isin([axis] if axis in AXES else AXES)], f"{encoding}, {axis}", distance
                )
        yield _monotone(rows[rows["axis"] == "offset"], f"{encoding}, offset", "position")
    both = main[main["encoding"].isin(fifty_four.ENCODINGS)]
    for distance in DISTANCES:
        marked = distance == "features"
        yield _monotone(both[both["axis"].isin(AXES)], "all 54, all axes", distance, plausible=marked)


@predicate(
    bar=("above", GROWN), written="before", plausible="learned positions from 0, the full training on one strategy"
)
def positions_cost_absolute_codes(records):
    """At each offset the risk of learned positions grows by over 0.1 nats more than that of rotary ones, over their own
    risk at offset 0, by intervals over the seeds; the models are averaged over depths and widths. Shown is the
    smallest.
    """
    main = subset_sum(records)
    grown = _by(main[main["axis"] == "offset"], "level")
    for encoding in ("learned", "offsets"):
        for mixture in fifty_four.MIXTURES:
            ours, other = (grown.get((name, mixture)) for name in (encoding, "rotary"))
            if ours is None or other is None:
                continue
            differences = ours.sub(ours["0"], axis=0) - other.sub(other["0"], axis=0)
            intervals = [mean_interval(differences[level].dropna()) for level in differences.columns.drop("0")]
            name = encoding if encoding == "learned" else "learned, trained at random offsets"
            yield reading(
                f"{name}; {mixture:.0%} depth-first",
                min(intervals),
                all_of(*(above(interval, GROWN) for interval in intervals)),
                plausible=(encoding, mixture) == ("learned", 1.0),
            )


@predicate(
    bar=("above", GAIN),
    written="before",
    plausible="problems larger than those of training, both encodings: where the source calls depth necessary",
)
def depth_helps_and_width_does_not(records):
    """Four layers have a lower risk than one by over 0.05 nats, and gain more by it than width 64 does over 16, both by
    intervals over the seeds; means over the training laws and over the other factor. Shown is the gain by depth.
    """
    main = subset_sum(records)
    main = main[main["encoding"].isin(fifty_four.ENCODINGS)]
    outcomes = {
        "home": main[main["axis"] == "home"],
        "n = 6 to 8": main[(main["axis"] == "n") & main["level"].isin(BEYOND)],
        "other orders": main[(main["axis"] == "order") & main["level"].str.startswith("leave")],
    }
    for outcome, rows in outcomes.items():
        for encodings in (("learned",), ("rotary",), fifty_four.ENCODINGS):
            here = rows[rows["encoding"].isin(encodings)]
            depth, width = (gain(here, factor) for factor in ("depth", "width"))
            lead = mean_interval(depth - width)
            yield reading(
                f"{outcome}; {' and '.join(encodings)}",
                mean_interval(depth),
                all_of(above(mean_interval(depth), GAIN), above(lead, 0)),
                plausible=(outcome, encodings) == ("n = 6 to 8", fifty_four.ENCODINGS),
            )


def gain(rows, factor, column="risk"):
    """By how much the largest value of a factor lowers a column against the smallest: an array, one for each seed.

    Cells in which one of the two is missing (not trained, say) don't count.
    """
    ends = rows[rows[factor].isin([rows[factor].min(), rows[factor].max()])]
    others = [c for c in ("encoding", "depth", "width", "mixture", "seed") if c != factor]
    table = measured(ends, column).pivot_table(index=others, columns=factor, values=column, aggfunc="mean").dropna()
    return (table.iloc[:, 0] - table.iloc[:, -1]).groupby("seed").mean().to_numpy()


def slopes(records, *, distance="stack", axis="n"):
    """The least-squares slope of each model's risk in a distance, along an axis: nats per unit of W1.

    Parameters
    ----------
    records : pandas.DataFrame
    distance : str
    axis : str

    Returns
    -------
    pandas.DataFrame
        ``encoding, depth, width, mixture, seed, slope, level``: the line's slope, and its mean risk.
    """
    rows = measured(records[records["axis"] == axis], f"w1_{distance}", "risk")
    cell = ["encoding", "depth", "width", "mixture", "seed"]
    found = []
    for key, group in rows.groupby(cell):
        x, y = group[f"w1_{distance}"], group["risk"]
        found.append(dict(zip(cell, key, strict=True)) | {"slope": np.polyfit(x, y, 1)[0], "level": y.mean()})
    return pd.DataFrame(found)


def _monotone(rows, setting, distance, *, plausible=False):
    """A reading: whether the risk, domain by domain, follows a distance."""
    setting = f"{setting}; {distance}"
    missing = Interval(np.nan, np.nan, np.nan)
    strata = list(_strata(rows, distance))
    if not strata or all((far <= null).all() for far, null, _ in strata):
        return reading(setting, missing, NOT_JUDGED, plausible=plausible)
    test = monotone_test(
        np.stack([far for far, _, _ in strata]),
        np.stack([risk.mean(0) for _, _, risk in strata]),
        null=[null for _, null, _ in strata],
    )
    fall = mean_interval(_largest_fall(strata))
    if fall.low > FALL:
        status = CONTRADICTED
    else:
        status = HOLDS if fall.high < FALL and test.pvalue <= 0.05 else UNDECIDED
    return reading(setting, fall, status, plausible=plausible)


def _strata(rows, distance):
    """For each encoding and training law: distances (domains,), null, risks (seeds, domains); means over the shapes."""
    for _, group in measured(rows, "risk", f"w1_{distance}").groupby(["encoding", "mixture"], sort=False):
        risk = group.pivot_table(index="seed", columns="domain", values="risk", aggfunc="mean")
        # In units of the null, so that the hidden states of a wide model don't outweigh those of a narrow one.
        unit = 1.0 if distance == "position" else group[f"null_{distance}"]
        far = (group[f"w1_{distance}"] / unit).groupby(group["domain"]).mean()[risk.columns]
        yield far.to_numpy(), 0.0 if distance == "position" else 1.0, risk.to_numpy()


def _largest_fall(strata):
    """For each seed, how far the risk falls between two domains, the second farther; chosen on the other seeds."""
    seeds = len(strata[0][2])
    falls = []
    for seed in range(seeds):
        others = [s for s in range(seeds) if s != seed] or [seed]
        chosen = []
        for far, null, risk in strata:
            far = np.where(far <= null, 0.0, far)
            farther = far[:, None] < far[None]
            mean, own = risk[others].mean(0), risk[seed]
            fall = np.where(farther, mean[:, None] - mean[None], -np.inf) / max(np.ptp(mean), 1.0)
            i, j = np.unravel_index(fall.argmax(), fall.shape)
            chosen.append((fall[i, j], (own[i] - own[j]) / max(np.ptp(mean), 1.0)))
        falls.append(max(chosen)[1])
    return np.array(falls)


def _by(rows, column):
    """The mean risk over depths and widths: by (encoding, mixture) a table with a row for each seed."""
    return {
        key: group.pivot_table(index="seed", columns=column, values="risk", aggfunc="mean")
        for key, group in measured(rows, "risk").groupby(["encoding", "mixture"])
    }
