"""How far do weights set by hand reach? At which precision, on which words; and the circuit and the traces beside them.

The networks and their proofs are in `howfar.constructions`. Nothing is trained: a seed draws words.
"""

import copy
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import torch

from howfar import constructions, dyck, plotting
from howfar.experiments.construction import checked

WORDS = {
    "random": "random",
    "siblings": "siblings on top",
    "late nest": "pure nest, late",
    "nest": "pure nest",
}  # what figures call the sets of words
PRECISIONS = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16}
DEPTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 80, 96, 128, 192)
ROUNDED = {
    "layer 1": "blocks.0",
    "LayerNorm of layer 2": "blocks.1.attention_norm",
    "attention of layer 2": "blocks.1.attention",
    "layer 2": "blocks.1",
}  # the parts that are computed at another precision than the rest
ROUNDED_AT = {2: (96, 128, 160), 4: (96, 128)}  # depths, by k
K, WORDS_PER_SEED, BATCH = 2, 8, 4


@dataclass(frozen=True)
class Config:
    """One question.

    Attributes
    ----------
    what : str
        ``"reach"``: the continuation on long words. ``"rounding"``: the same on random words, one part of the network
        in another precision. ``"prefixes"``: the continuation on all viable prefixes; ``"strings"``, ``"blocks"``,
        ``"circuit"``: the recogniser, the blocks, the circuit on all strings of a length; ``"one gate"``; ``"trace"``.
    case : str
        The set of words, of `WORDS`; the part, of `ROUNDED`; or the problem that is searched.
    precision : str
        Of `PRECISIONS`: that of the network, in ``"rounding"`` that of the part (the rest has the other of float32 and
        float64); "" for what has none.
    k : int
        Types of brackets (2 letters for blocks).
    depth : int
        D; the number of blocks; 0 where there is no bound.
    length : int
        The length that the network or the circuit is made for.
    seeds : tuple of int
    """

    what: str
    case: str = ""
    precision: str = ""
    k: int = K
    depth: int = 0
    length: int = 0
    seeds: tuple = (0,)


def grid(scale):
    """``"full"``: everything, bfloat16 to depth 64. ``"quick"``: reach to depth 16, two seeds, short lists."""
    if scale == "quick":
        seeds, depths, exhaustive = (0, 1), (2, 4, 8, 16), checked.small
        return [*exhaustive(Config), *_reach(depths, seeds)]
    seeds = tuple(range(4))
    rounding = [
        Config("rounding", part, precision, k, depth, 8 * depth, seeds)
        for k, depths in ROUNDED_AT.items()
        for depth in depths
        for precision in ("float32", "float64")
        for part in ROUNDED
    ]
    types = [
        Config("reach", "random", "float32", k, depth, 8 * depth, seeds) for k in (4, 16) for depth in (48, 64, 80, 96)
    ]
    deep = [
        Config("reach", "nest", precision, K, depth, 8 * depth, seeds)
        for depth in (256, 384, 512, 768, 1024)
        for precision in ("float64", "float32")
    ]
    return [*checked.full(Config), *_reach(DEPTHS, seeds), *rounding, *deep, *types]


def _reach(depths, seeds):
    return [
        Config("reach", words, precision, K, depth, 8 * depth, seeds)
        for depth in depths
        for words in WORDS
        for precision in PRECISIONS
        if precision != "bfloat16" or depth <= 64
    ]


def run(config, device="cpu"):
    """Answer one question.

    Parameters
    ----------
    config : Config
    device : str

    Returns
    -------
    list of dict
        For each seed: ``seed``; ``asked``, how many positions (or strings, or moves); ``wrong``, the share of them
        with a wrong answer; ``spoilt``, the share of words with at least one; ``layers``.
    """
    if config.what not in ("reach", "rounding"):
        return [checked.run(config, seed, device) for seed in config.seeds]
    model = _model(config).to(device)
    records = []
    for seed in config.seeds:
        kind = config.case if config.what == "reach" else "random"
        words = draw(kind, config.depth, WORDS_PER_SEED, seed, config.k)
        wrong = torch.cat([mistakes(model, part, config) for part in words.split(BATCH)])
        records.append(checked.record(seed, wrong, layers=2))
    return records


def _model(config):
    model = constructions.dyck_continuation(config.k, config.depth, config.length)
    if config.what == "reach":
        return model.to(PRECISIONS[config.precision])
    rest = {"float32": torch.float64, "float64": torch.float32}[config.precision]
    return compute_in(model.to(rest), ROUNDED[config.case], PRECISIONS[config.precision])


def compute_in(model, part, precision):
    """Let one part of a model compute in another precision than the rest.

    Parameters
    ----------
    model : Transformer
    part : str
        The name of a submodule.
    precision : torch.dtype

    Returns
    -------
    Transformer
        The same model, changed.
    """
    module = model.get_submodule(part)
    other = copy.deepcopy(module).to(precision)

    def instead(_, arguments, output):
        moved = (a.to(precision) if torch.is_tensor(a) and a.is_floating_point() else a for a in arguments)
        return other(*moved).to(output.dtype)

    module.register_forward_hook(instead)
    return model


def mistakes(model, words, config):
    """Where the continuation errs on these words: BoolTensor (n, tokens + 1)."""
    inputs = torch.cat([words.new_full((len(words), 1), 2 * config.k), words], 1)
    says = model(inputs.to(model.outputs.weight.device)).cpu() > 0
    return (says != dyck.legal_tokens(words, config.k, config.depth)).any(-1)


def draw(words, depth, n, seed, k=K):
    """Words of depth D on which the continuation is tried.

    Parameters
    ----------
    words : str
        ``"random"``: of 8 D tokens, from a height walk that opens with chance 1/2 (half of the words) or 0.8, below D.
        ``"nest"``: D openings, then their closings; types are random. ``"late nest"``: 3 D pairs side by side, then a
        nest; the pairs and the outermost bracket of the nest are of type 0. ``"siblings"``: a nest in whose innermost
        but one bracket stand 3 D + 1 pairs side by side, of random types. The last three have D levels; all but
        ``"nest"`` have 8 D tokens.
    depth : int
    n : int
    seed : int
    k : int

    Returns
    -------
    LongTensor (n, length)
    """
    rng = np.random.default_rng(seed)
    if words == "random":
        laws = [dyck.Walk(8 * depth, k, p, depth) for p in (0.5, 0.8)]
        return torch.cat([law.sample(n // 2, rng) for law in laws])
    types = torch.from_numpy(rng.integers(k, size=(n, depth)))
    if words == "late nest":
        types[:, 0] = 0
    nest = torch.cat([types, k + types.flip(1)], 1)
    if words == "late nest":
        return torch.cat([torch.tensor([0, k]).repeat(n, 3 * depth), nest], 1)
    if words == "siblings":
        kinds = torch.from_numpy(rng.integers(k, size=(n, 3 * depth)))
        pairs = torch.stack([kinds, k + kinds], -1).flatten(1)
        return torch.cat([nest[:, : depth + 1], pairs, nest[:, depth + 1 :]], 1)
    return nest


def figure(records):
    """The share of words with a mistake by nesting, a panel for each precision and a line for each set of words.

    Parameters
    ----------
    records : pandas.DataFrame

    Returns
    -------
    matplotlib.figure.Figure
    """
    reach = records[(records["what"] == "reach") & (records["k"] == K)]
    drawing, axes = plt.subplots(len(PRECISIONS), 1, figsize=(4.8, 6.0), sharex=True, layout="constrained")
    for axis, precision in zip(axes, PRECISIONS, strict=True):
        for index, (words, label) in enumerate(WORDS.items()):
            here = reach[(reach["precision"] == precision) & (reach["case"] == words)]
            share = 100 * here.groupby("depth")["spoilt"].mean()
            beside = 5 * (1.5 - index)  # lines at one value are drawn side by side
            axis.plot(share.index, share + beside, label=label, markersize=4, **plotting.style(index))
        axis.set(ylim=(-15, 115), yticks=[0, 50, 100], xlim=(0.8, 2000), xscale="log", title=precision)
        axis.set_xticks([1, 4, 16, 64, 256, 1024], ["1", "4", "16", "64", "256", "1024"], minor=False)
        axis.minorticks_off()
    axes[1].set_ylabel("words with a mistake, %")
    axes[-1].set_xlabel("nesting D")
    axes[0].legend(loc="upper left", bbox_to_anchor=(0, 1.02), ncols=2, columnspacing=1)
    return drawing
