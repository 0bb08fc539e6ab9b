"""The claims that the 54 decide: see `howfar.experiments.judging`."""

from howfar.experiments import fifty_four
from howfar.experiments.fifty_four import report
from howfar.experiments.fifty_four.distances import DISTANCES
from howfar.experiments.judging import (
    CONTRADICTED,
    HOLDS,
    NOT_JUDGED,
    UNDECIDED,
    above,
    all_of,
    exactly,
    mean_interval,
    measured,
    predicate,
    reading,
)

FALL = 0.1  # of the range of the risk along an axis, and nats
GROWN, GAIN = 0.1, 0.05  # nats: what counts as a rise of the risk, and as a gain by depth
BEYOND = ("6", "7", "8")  # sizes of problems beyond those of training


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
    main = report.main_runs(records)
    for encoding in fifty_four.ENCODINGS:
        rows = main[main["encoding"] == encoding]
        for axis in (*report.AXES, report.POOLED):
            here = rows[rows["axis"].isin(report.AXES if axis == report.POOLED else [axis])]
            for distance in DISTANCES:
                yield _monotone(here, f"{encoding}, {axis}", distance)
        yield _monotone(rows[rows["axis"] == "offset"], f"{encoding}, offset", "position")
    both = main[main["encoding"].isin(fifty_four.ENCODINGS)]
    for distance in DISTANCES:
        marked = distance == "features"
        yield _monotone(both[both["axis"].isin(report.AXES)], f"all 54, {report.POOLED}", distance, plausible=marked)


@predicate(
    bar=("above", GROWN), written="before", plausible="learned positions from 0, the full training on one strategy"
)
def positions_cost_absolute_codes(records):
    """At each offset the risk of learned positions grows by over 0.1 nats more than that of rotary ones, over their own
    risk at offset 0, by intervals over the seeds; means over the depths and widths that both were trained in. Shown is
    the smallest.
    """
    main = report.main_runs(records)
    main = main[main["axis"] == "offset"].assign(
        shape=lambda rows: list(zip(rows["depth"], rows["width"], strict=True))
    )
    for encoding in ("learned", "offsets"):
        for mixture in fifty_four.MIXTURES:
            both = [main[(main["encoding"] == name) & (main["mixture"] == mixture)] for name in (encoding, "rotary")]
            shared = set(both[0]["shape"]) & set(both[1]["shape"])
            if not shared:
                continue
            ours, other = (_by_level(rows[rows["shape"].isin(shared)]) for rows in both)
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
    main = report.main_runs(records)
    main = main[main["encoding"].isin(fifty_four.ENCODINGS)]
    outcomes = {
        "home": main[main["axis"] == "home"],
        "n = 6 to 8": main[(main["axis"] == "n") & main["level"].isin(BEYOND)],
        "other orders": main[(main["axis"] == "order") & main["level"].str.startswith("leave")],
    }
    for outcome, rows in outcomes.items():
        for encodings in (("learned",), ("rotary",), fifty_four.ENCODINGS):
            here = rows[rows["encoding"].isin(encodings)]
            depth, width = (report.gain(here, factor) for factor in ("depth", "width"))
            lead = mean_interval(depth - width)
            yield reading(
                f"{outcome}; {' and '.join(encodings)}",
                mean_interval(depth),
                all_of(above(mean_interval(depth), GAIN), above(lead, 0)),
                plausible=(outcome, encodings) == ("n = 6 to 8", fifty_four.ENCODINGS),
            )


def _monotone(rows, setting, distance, *, plausible=False):
    """A reading: whether the risk, domain by domain, follows a distance."""
    setting = f"{setting}; {distance}"
    strata = report.strata(rows, distance)
    if not report.moves(strata):
        return reading(setting, exactly(0), NOT_JUDGED, plausible=plausible)  # none is farther than another
    fall, test = mean_interval(report.largest_fall(strata)), report.ranks_test(strata)
    if fall.low > FALL:
        status = CONTRADICTED
    else:
        status = HOLDS if fall.high < FALL and test.pvalue <= 0.05 else UNDECIDED
    return reading(setting, fall, status, plausible=plausible)


def _by_level(rows):
    """The mean risk over depths and widths: a row for each seed, a column for each level."""
    return measured(rows, "risk").pivot_table(index="seed", columns="level", values="risk", aggfunc="mean")
