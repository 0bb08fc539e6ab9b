"""The claims that both sides of the bound decide: see `howfar.experiments.judging`."""

from howfar.experiments.judging import (
    CONTRADICTED,
    HOLDS,
    below,
    exactly,
    geometric_interval,
    measured,
    predicate,
    reading,
)

PLAUSIBLE = "rotary embeddings, which the source names, and the deeper model, trained on problems of several sizes"


@predicate(bar=("below", 1), written="before", plausible=PLAUSIBLE, identity=True)
def risk_within_certificate(records):
    """On every seed and domain the risk changes by at most each certified constant (through the layers, by counting)
    times W1 of the embedded words. Shown is the largest share of the smaller of the two bounds that a change takes up.
    """
    measured(records, "change", "w1_embedding", "counted", "layers")
    constant = records[["counted", "layers"]].min(axis=1)
    for name, group, plausible in _models(records.assign(share=_share(records, "change", constant, "w1_embedding"))):
        largest = exactly(group["share"].max())
        status = HOLDS if largest.estimate <= 1 else CONTRADICTED
        yield reading(name, largest, status, plausible=plausible)


@predicate(bar=("below", 1), written="before", plausible=PLAUSIBLE)
def home_ratio_is_enough(records):
    """On each of the ten shifted domains the risk changes by less than the steepest pair of home searches times W1 of
    the embedded words, by an interval over the seeds. Shown is the largest share of that product that a change takes
    up, in the worst domain of each seed (geometric mean over the seeds).
    """
    measured(records, "change", "w1_embedding", "home_ratio")
    yield from _worst(records, _share(records, "change", records["home_ratio"], "w1_embedding"))


@predicate(bar=("below", 1), written="before", plausible=PLAUSIBLE)
def tree_constant_is_enough(records):
    """On each of the ten shifted domains the risk a move changes by less than the exact Lipschitz constant of home's
    loss on the search tree times W1 of the places where searches stand, by an interval over the seeds. Shown is the
    largest share of that product that a change takes up, in the worst domain of each seed (geometric mean).
    """
    measured(records, "move_change", "w1_stack", "tree_constant")
    yield from _worst(records, _share(records, "move_change", records["tree_constant"], "w1_stack"))


def _share(records, change, constant, distance):
    return records[change].abs() / (constant * records[distance])


def _worst(records, share):
    """A reading for each model: the worst shifted domain of each seed."""
    for name, group, plausible in _models(records.assign(share=share).query("domain != 'same law'")):
        worst = geometric_interval(group.groupby("seed")["share"].max())
        yield reading(name, worst, below(worst, 1), plausible=plausible)


def _models(records):
    """(name, records, whether it is the plausible one) of each architecture and law of training."""
    homes = records["home"].map(lambda home: "-".join(map(str, sorted({min(home), max(home)}))))
    deepest, richest = records["depth"].max(), records["home"].map(len).max()
    for (encoding, depth, home), group in records.groupby(["encoding", "depth", homes], sort=False):
        plausible = encoding == "rotary" and depth == deepest and len(group["home"].iloc[0]) == richest
        layers = "1 layer" if depth == 1 else f"{depth} layers"
        yield f"{encoding}, {layers}, {home} numbers", group, plausible
