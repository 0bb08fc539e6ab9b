"""The claims that models which read the whole stack decide: see `howfar.experiments.judging`.

For each architecture the learning rate is the one with the least mean loss in training.
"""

from howfar.experiments.judging import (
    CONTRADICTED,
    UNDECIDED,
    above,
    below,
    geometric_interval,
    measured,
    predicate,
    reading,
)
from howfar.experiments.stack_readout import tuned

NARROW = (2, 16)  # depth and width of the narrowest net of two layers
SAME_SIZE = (1, 22)  # has as many parameters
WIDE = ((1, 46), (1, 96))
ALIASING = "aliasing, the only one of the three meanings in which depth could help rather than hurt or not matter"


@predicate(bar=("above", 1), written="before", plausible=ALIASING + "; in range, with as many parameters")
def depth_averts_collapse(records):
    """Two layers of width 16 are less collapsed than one layer of width 22, with as many parameters: the interval of
    the ratio over the seeds is above 1. A reading is a meaning of collapse, at the length of training and at three
    times that. "Necessary" is more than this rule asks.
    """
    meanings = {"separation": "aliasing", "rank": "rank of one word's states", "last": "ends of two long words"}
    for column, meaning in meanings.items():
        for name, table in _by_seed(records, column, "rotary"):
            interval = geometric_interval((table[NARROW] / table[SAME_SIZE]).dropna())
            marked = (column, name) == ("separation", "in range")
            yield reading(f"{meaning}, {name}", interval, above(interval, 1), plausible=marked)


@predicate(bar=("below", 1), written="before", plausible=ALIASING + "; in range, the widest layer")
def width_does_not_avert_aliasing(records):
    """Shown is the separation of stacks by one layer of width 46 or 96, in units of that by two layers of width 16,
    which have fewer parameters. Where the interval over the seeds is above 1, width has bypassed depth. That it hasn't
    at these widths does not show that it cannot: with positions such a reading is undecided. Without positions a proof
    says that it cannot (one layer sees tokens in no order), and the reading holds if the interval is below 1.
    """
    for encoding in ("rotary", "none"):
        for name, table in _by_seed(records, "separation", encoding):
            for shape in (shape for shape in WIDE if shape in table):
                interval = geometric_interval((table[shape] / table[NARROW]).dropna())
                status = below(interval, 1) if encoding == "none" else _seen(interval)
                marked = (encoding, name, shape) == ("rotary", "in range", WIDE[-1])
                setting = f"{'rotary' if encoding == 'rotary' else 'no'} positions, width {shape[1]}, {name}"
                yield reading(setting, interval, status, plausible=marked)


def _seen(interval):
    return CONTRADICTED if interval.low > 1 else UNDECIDED


def _by_seed(records, column, encoding):
    """(name of the range, values by seed and (depth, width)) for Dyck-(2, 3) and one encoding."""
    records = records[(records["max_depth"] == 3) & (records["encoding"] == encoding)]
    chosen = measured(tuned(measured(records, "loss")), column)
    for name, group in chosen.groupby("range", sort=False):
        yield name, group.pivot(index="seed", columns=["depth", "width"], values=column)
