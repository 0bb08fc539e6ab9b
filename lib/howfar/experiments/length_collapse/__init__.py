"""Loss with length: do the last tokens of two different inputs become alike as both grow? Untrained networks, float64.

Source: Barbero et al., "Transformers need glasses! Information over-squashing in language tasks", arXiv:2406.04267:
certain different inputs have final states that are arbitrarily close.
"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import torch

from howfar import checks, plotting
from howfar.collapse import last_distance, read_states
from howfar.transformer import Transformer, TransformerConfig

LENGTHS = (16, 32, 64, 128, 256, 512, 1024)
PAIRS = ("one more", "first", "last")
WIDTH, TOKENS, WORDS, START = 32, 8, 8, 8


@dataclass(frozen=True)
class Config:
    """One kind of pair and one kind of model; each seed draws weights and inputs.

    Attributes
    ----------
    pair : {"one more", "first", "last"}
        See `pairs`.
    encoding : str
    depth : int
    seeds : tuple of int
    """

    pair: str
    encoding: str
    depth: int
    seeds: tuple = (0, 1, 2, 3, 4)


def grid(scale):
    """Three pairs, four encodings and one or two layers, four without encoding; ``"quick"``: no encoding, two layers,
    two seeds.
    """
    if scale == "quick":
        return [Config(pair, "none", 2, seeds=(0, 1)) for pair in PAIRS]
    kinds = [(encoding, depth) for depth in (2, 1) for encoding in ("none", "sinusoidal", "rotary", "alibi")]
    return [Config(pair, encoding, depth) for encoding, depth in [*kinds, ("none", 4)] for pair in PAIRS]


def run(config, device="cpu"):
    """Measure one kind of pair in one kind of model, at each length.

    Parameters
    ----------
    config : Config
    device : str

    Returns
    -------
    list of dict
        One for each seed and length: ``distance``, `howfar.collapse.last_distance` of the states that the read-out
        sees, the geometric mean over eight pairs; ``same``, the share of their coordinates that are one number in
        bfloat16.
    """
    records = []
    for seed in config.seeds:
        torch.manual_seed(seed)
        model = Transformer(
            TransformerConfig(
                depth=config.depth, width=WIDTH, heads=1, vocabulary=TOKENS, encoding=config.encoding,
                max_length=max(LENGTHS) + 1,
            )
        )  # fmt: skip
        model = model.double().to(device)
        for length in LENGTHS:
            u, v = (read_states(model, x.to(device)) for x in pairs(config.pair, length, seed=seed))
            distance = last_distance(u, v).clamp(min=1e-17).log().mean().exp()
            same = (u[:, -1].bfloat16() == v[:, -1].bfloat16()).double().mean()
            records.append(
                {"seed": seed, "length": length, "distance": float(f"{float(distance):.4g}"), "same": float(same)}
            )
    return records


def pairs(pair, length, *, seed):
    """Eight pairs of inputs that differ in one token.

    Parameters
    ----------
    pair : {"one more", "first", "last"}
        "one more": eight random tokens, then one token repeated to the end, and the same with the repeated token once
        more. "first", "last": random tokens, and the same with another first or last token.
    length : int
    seed : int

    Returns
    -------
    u, v : LongTensor (8, length), and of v as many or one more
    """
    checks.choice("pair", pair, PAIRS)
    generator = checks.torch_generator(seed)
    u = torch.randint(TOKENS, (WORDS, length), generator=generator)
    if pair == "one more":
        u[:, START:] = u[:, START : START + 1]
        return u, torch.cat([u, u[:, -1:]], 1)
    v, place = u.clone(), 0 if pair == "first" else -1
    v[:, place] = (u[:, place] + torch.randint(1, TOKENS, (WORDS,), generator=generator)) % TOKENS
    return u, v


def figure(records):
    """The distance of last states by length for two layers, a line for each encoding and a panel for each pair.

    Parameters
    ----------
    records : pandas.DataFrame

    Returns
    -------
    matplotlib.figure.Figure
        Lines join the geometric means over the seeds, bands are their range; dotted: a bfloat16 number's step.
    """
    drawing, axes = plt.subplots(len(PAIRS), figsize=(5, 6.4), sharex=True, sharey=True)
    titles = {"one more": "a token repeated once more", "first": "another first token", "last": "another last token"}
    depth = 2 if (records["depth"] == 2).any() else records["depth"].min()
    for axis, pair in zip(axes, PAIRS, strict=True):
        here = records[(records["pair"] == pair) & (records["depth"] == depth)]
        for index, (encoding, group) in enumerate(here.groupby("encoding", sort=False)):
            seeds = group.groupby("length")["distance"]
            line = seeds.agg(lambda x: x.product() ** (1 / len(x)))
            look = plotting.style(index)
            axis.plot(line.index, line, label=encoding, markevery=2, **look)
            axis.fill_between(line.index, seeds.min(), seeds.max(), color=look["color"], alpha=0.3, lw=0)
        axis.axhline(2**-8, color=plotting.INK, ls=":")
        axis.set_title(titles[pair])
        axis.set(xscale="log", yscale="log")
        axis.minorticks_off()
        axis.grid(visible=False, axis="x")
    axes[-1].set_xlabel("length")
    axes[1].set_ylabel("distance of the last states")
    drawing.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return drawing
