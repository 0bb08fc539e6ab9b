"""The claims that untrained networks decide, on loss of rank with depth: see `howfar.experiments.judging`."""

import numpy as np

from howfar.experiments.judging import (
    above,
    all_of,
    below,
    geometric_interval,
    mean_interval,
    measured,
    predicate,
    reading,
)

LOST, KEPT = 1e-3, 0.1  # of the residual that the inputs have
ROUNDING = 1e-14
SOURCE = "every token sees all, without a norm: the layers that the source's theorem is about"


@predicate(bar=("below", LOST), written="after", plausible=SOURCE)
def attention_alone_loses_rank(records):
    """Without skip connections and feed-forward layers the residual after 12 layers is below a thousandth of the
    inputs', the interval over the seeds below that.
    """
    for name, table, marked in _kinds(records, skip=False, mlp=False):
        interval = geometric_interval((table[12] / table[0]).clip(lower=1e-17))
        yield reading(name, interval, below(interval, LOST), plausible=marked)


@predicate(bar=("above", 1), written="after", plausible=SOURCE)
def rank_falls_doubly_exponentially(records):
    """In attention alone each layer loses more decades of the residual than the one before, the second to the fourth or
    until rounding is reached, by intervals over the seeds. Shown is the smallest ratio of one layer's decades to those
    of the layer before.
    """
    for name, table, marked in _kinds(records, skip=False, mlp=False):
        decades = -np.log10(table.clip(lower=1e-17)).diff(axis=1)
        ratios = []
        for layer in (2, 3, 4):
            if (table[layer] > ROUNDING).all():
                ratios.append(mean_interval(decades[layer] / decades[layer - 1]))
        yield reading(name, min(ratios), all_of(*(above(r, 1) for r in ratios)), plausible=marked)


@predicate(bar=("above", KEPT), written="after", plausible=SOURCE)
def skips_keep_rank(records):
    """With skip connections the residual after 12 layers is above a tenth of the inputs', the interval over the seeds
    above that.
    """
    yield from _keep(records, skip=True)


@predicate(bar=("above", KEPT), written="after", plausible=SOURCE)
def feed_forward_layers_keep_rank(records):
    """With feed-forward layers, and no skip connections, the residual after 12 layers is above a tenth of the inputs',
    the interval over the seeds above that.
    """
    yield from _keep(records, skip=False)


def _keep(records, skip):
    for mlp in (False, True) if skip else (True,):
        for name, table, marked in _kinds(records, skip=skip, mlp=mlp):
            interval = geometric_interval((table[12] / table[0]).clip(lower=1e-17))
            name = name + (", with feed-forward layers" if skip and mlp else "")
            yield reading(name, interval, above(interval, KEPT), plausible=marked and mlp != skip)


def _kinds(records, *, skip, mlp):
    """(name, residuals by seed and layer, whether it is the source's) of each mask and norm."""
    chosen = measured(records[(records["skip"] == skip) & (records["mlp"] == mlp)], "residual")
    for (causal, norm), group in chosen.groupby(["causal", "norm"], sort=False):
        name = f"{'causal' if causal else 'every token sees all'}, {'no norm' if norm == 'none' else 'pre-norm'}"
        table = group.pivot(index="seed", columns="layer", values="residual")
        yield name, table, (causal, norm) == (False, "none")
