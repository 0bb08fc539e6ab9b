"""The bound by transport, factor by factor: trained Transformers over search traces that are shifted.

Source of the claims: Zhang et al., "A Measure-Theoretic Analysis of Reasoning", arXiv:2605.19944. The laws, the models
and the metrics are ours, those of the chapter ``chapters/transport/bound.ipynb``.
"""

import functools
from dataclasses import dataclass, replace

import matplotlib.pyplot as plt
import numpy as np
import torch

from howfar import TransformerConfig, plotting, tasks
from howfar.experiments.bound.domains import HOME, LENGTH, Domain, Sample, domains, draw, features, sizes, words
from howfar.experiments.bound.measures import (
    View,
    certified_constants,
    euclidean,
    local_constants,
    readout_bound,
    steepest,
    view,
    widest,
)
from howfar.experiments.bound.tree import by_node, losses_by_stop, split_change, tree_constant
from howfar.search import text_size
from howfar.training import train
from howfar.wasserstein import emd2, stop_wasserstein, trie_wasserstein

__all__ = [
    "HOME", "Config", "Domain", "Sample", "View", "by_node", "certified_constants", "domains", "draw", "euclidean",
    "features", "figure", "fit", "grid", "local_constants", "losses_by_stop", "readout_bound", "run", "sizes",
    "split_change", "steepest", "tree_constant", "view", "widest", "words",
]  # fmt: skip

BATCH, LR, WARMUP, POOL = 32, 3e-3, 50, 8_000
NULLS = 3  # further samples of home, beside which a distance is read
GAPS = {"learned": "learned positions", "rotary": "rotary"}


@dataclass(frozen=True)
class Config:
    """One architecture trained on one law; all seeds are trained together.

    Attributes
    ----------
    encoding : str
    depth : int
    home : tuple of int
        How many numbers a problem of training has.
    width : int
    seeds : tuple of int
    steps : int
    traces : int
        In each sample of a test.
    """

    encoding: str
    depth: int
    home: tuple = HOME.sizes
    width: int = 64
    seeds: tuple = (1, 2, 3)
    steps: int = 300
    traces: int = 300


def grid(scale):
    """``"quick"``: two encodings, one layer of width 32, one seed. ``"full"``: two encodings, one and three layers of
    width 64, three seeds; and the same trained on problems of four numbers only, with two seeds.
    """
    if scale == "quick":
        return [Config(encoding, 1, width=32, seeds=(0,)) for encoding in GAPS]
    full = [Config(encoding, depth) for depth in (3, 1) for encoding in GAPS]
    return full + [replace(config, home=(4,), seeds=(1, 2)) for config in full]


def fit(config, device="cpu"):
    """Train the models of a config.

    Parameters
    ----------
    config : Config
    device : str

    Returns
    -------
    models : howfar.training.Ensemble
    pool : Sample
        The searches that its batches were drawn from.
    """
    pool = draw(replace(HOME, sizes=config.home), POOL, seed=0)
    tokens = text_size(2)
    architecture = TransformerConfig(
        depth=config.depth,
        width=config.width,
        vocabulary=tokens,
        outputs=tokens,
        encoding=config.encoding,
        max_length=LENGTH,
    )
    models = train(
        architecture,
        lambda generator: pool.batch.draw(BATCH, seed=generator),
        tasks.cross_entropy,
        steps=config.steps,
        seeds=config.seeds,
        lr=LR,
        warmup=min(WARMUP, config.steps),
        device=device,
        description=f"{config.encoding}, depth {config.depth}",
    )
    return models, pool


def run(config, device="cpu"):
    """Train one architecture, shift the searches, and measure both sides of the bound.

    Parameters
    ----------
    config : Config
    device : str
        Of the training.

    Returns
    -------
    list of dict
        For each seed and domain: ``seed, domain``; ``home_risk`` and ``change``, its change in nats a token, and
        ``change_se``, the standard error over traces; distances from home, ``w1_embedding``, ``w1_prefix``,
        ``w1_features``, ``w1_stack`` (of the stops that count for ``move_change``) and ``w1_hidden_0``, ...; beside
        each the same of three further samples of home (their mean), ``null_...``, and ``null_change``, the largest
        change among them. The constants of the model: see `certified_constants`, `local_constants`; ``home_ratio`` and
        ``feature_gap`` of all pairs of two samples of home (`steepest`, `widest`), ``tree_constant``. ``prefix_most``:
        what ``w1_prefix`` would be if no two traces began with the same token. ``trace_change``: of the loss a trace,
        in nats. ``move_change`` and its terms: `split_change`. ``readout...``: `readout_bound`.
    """
    models, pool = fit(config, device)
    records = []
    for member, seed in enumerate(config.seeds):
        model = models[member].cpu()
        home = replace(HOME, sizes=config.home)
        take = functools.partial(draw, n=config.traces, avoid=pool.problems)
        here = take(home, seed=10_000 + 100 * seed)
        others = [take(home, seed=10_001 + 100 * seed + i) for i in range(NULLS)]
        away = {name: take(law, seed=10_050 + 100 * seed + i) for i, (name, law) in enumerate(domains(home).items())}
        records += [{"seed": seed, **row} for row in compare(model, here, others, away)]
    return records


def compare(model, home, others, away):
    """Both sides of the bound for one model.

    Parameters
    ----------
    model : Transformer
    home : Sample
    others : list of Sample
        Further samples of the same law.
    away : dict of Sample
        By name.

    Returns
    -------
    list of dict
        As `run` has them, without the seed.
    """
    seen = view(model, home.batch)
    nulls = [view(model, other.batch) for other in others]
    scale = np.maximum(features(home).std(axis=0), 1e-9)
    gaps = euclidean(*(torch.tensor(features(sample) / scale) for sample in (home, others[0])))
    stops = losses_by_stop(home, seen.token_losses)
    nodes = by_node(stops)
    model_row = {
        "home_risk": seen.losses.mean(),
        **certified_constants(model, length=LENGTH),
        **local_constants(model, home.batch),
        "home_ratio": steepest(seen.losses, nulls[0].losses, euclidean(seen.embedded, nulls[0].embedded)),
        "feature_gap": widest(seen.losses, nulls[0].losses, gaps),
        "tree_constant": tree_constant({node: nodes[1][node] / nodes[0][node] for node in nodes[0]}),
    }
    base = [distances((home, seen), (other, there), scale) for other, there in zip(others, nulls, strict=True)]
    null_row = {name.replace("w1", "null", 1): np.mean([row[name] for row in base]) for name in base[0]}
    null_row["null_change"] = max(abs(there.losses.mean() - seen.losses.mean()) for there in nulls)
    rows = []
    for name, sample in away.items():
        there = view(model, sample.batch)
        variance = seen.losses.var(ddof=1) / len(seen.losses) + there.losses.var(ddof=1) / len(there.losses)
        terms = split_change(nodes, by_node(losses_by_stop(sample, there.token_losses)))
        row = {
            "domain": name,
            **model_row,
            "change": there.losses.mean() - seen.losses.mean(),
            "change_se": variance**0.5,
            "trace_change": float(there.token_losses.sum(1).mean() - seen.token_losses.sum(1).mean()),
            **distances((home, seen), (sample, there), scale),
            **null_row,
            "prefix_most": float(sizes(home.batch).double().mean() + sizes(sample.batch).double().mean()),
            "move_change": sum(terms[term] for term in ("elsewhere", "same_place", "new_nodes")),
            **terms,
            **readout_bound(model, (home.batch, sample.batch), (seen, there), seed=0),
        }
        rows.append({key: _rounded(value) for key, value in row.items()})
    return rows


def distances(home, away, scale):
    """W_1 between two samples, each with its `View`, in every metric of the experiment.

    Parameters
    ----------
    home, away : (Sample, View)
    scale : array (5,)
        The unit of each feature.

    Returns
    -------
    dict
        ``w1_embedding, w1_prefix, w1_features, w1_stack, w1_hidden_0, w1_hidden_1``, ...
    """
    (here, seen), (there, found) = home, away
    texts = [[row[:size] for row, size in zip(words(s.batch), sizes(s.batch), strict=True)] for s in (here, there)]
    pairs = {
        "w1_embedding": (seen.embedded, found.embedded),
        "w1_features": [torch.tensor(features(s) / scale) for s in (here, there)],
        **{f"w1_hidden_{i}": pair for i, pair in enumerate(zip(seen.hidden, found.hidden, strict=True))},
    }
    stops = (losses_by_stop(s, v.token_losses) for s, v in (home, away))
    stops = [[[address for address, _ in search] for search in part] for part in stops]
    return {name: emd2(None, None, euclidean(*pair)) for name, pair in pairs.items()} | {
        "w1_prefix": trie_wasserstein(*texts),
        "w1_stack": stop_wasserstein(*stops),
    }


def figure(records):
    """The change of risk against W1 in the metric of the embedding, and what three constants allow, on log axes.

    Parameters
    ----------
    records : pandas.DataFrame

    Returns
    -------
    matplotlib.figure.Figure
    """
    drawing, axis = plt.subplots(figsize=(5.0, 5.4), layout="constrained")
    trained = records["home"].map(len)
    away = records[records["domain"] != "same law"]
    for index, ((encoding, depth, kinds), part) in enumerate(away.groupby(["encoding", "depth", trained], sort=False)):
        name = f"{encoding}, depth {depth}" + (", one size" if kinds == 1 else "")
        look = plotting.style(index) | {"linestyle": "", "ms": 4}
        axis.plot(part["w1_embedding"], part["change"].abs().clip(lower=1e-3), label=name, **look)
    reach = np.array([records["w1_embedding"].min() / 1.3, records["w1_embedding"].max() * 1.3])
    for index, (name, text) in enumerate(
        {"home_ratio": "steepest pair at home", "counted": "certified, counted", "layers": "certified, layers"}.items()
    ):
        low, high = (records[name].min() * reach, records[name].max() * reach)
        color = plotting.COLORS[-1 - index]
        axis.fill_between(reach, low, high, color=color, alpha=0.5, lw=1.5, label=text)
    axis.set(xscale="log", yscale="log", xlabel="W₁, embedded words", ylabel="nats a token")
    drawing.legend(loc="outside lower center", ncols=2)
    return drawing


def _rounded(value):
    return value if isinstance(value, str) else float(f"{float(value):.6g}")
