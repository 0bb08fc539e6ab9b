"""Loss of rank: do the tokens of one input become alike as layers are added? Untrained networks, in float64.

Source: Dong, Cordonnier and Loukas, "Attention is not all you need: pure attention loses rank doubly exponentially with
depth", arXiv:2103.03404. Nothing is trained, no positions are encoded, and tokens are independent and normal.
"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import torch

from howfar import plotting
from howfar.collapse import rank_residual
from howfar.transformer import Transformer, TransformerConfig, record

DEPTH, WIDTH, LENGTH, WORDS = 12, 32, 32, 8


@dataclass(frozen=True)
class Config:
    """One kind of layer; each seed draws the weights and the inputs.

    Attributes
    ----------
    skip, mlp : bool
        With skip connections; with feed-forward layers.
    norm : {"none", "pre"}
    causal : bool
    seeds : tuple of int
    """

    skip: bool
    mlp: bool
    norm: str
    causal: bool
    seeds: tuple = (0, 1, 2, 3, 4)


def grid(scale):
    """All sixteen kinds (``"full"``), or the four without norm that see all tokens, two seeds (``"quick"``)."""
    both = (False, True)
    if scale == "quick":
        return [Config(skip, mlp, "none", False, seeds=(0, 1)) for skip in both for mlp in both]
    return [Config(s, m, norm, causal) for s in both for m in both for norm in ("none", "pre") for causal in both]


def run(config, device="cpu"):
    """Measure twelve layers of one kind.

    Parameters
    ----------
    config : Config
    device : str

    Returns
    -------
    list of dict
        One for each seed and layer, 0 for the inputs' embedding: ``residual``, `howfar.collapse.rank_residual` of the
        hidden states, the geometric mean over eight inputs of 32 tokens.
    """
    shape = TransformerConfig(
        depth=DEPTH, width=WIDTH, heads=1, features=WIDTH, causal=config.causal, norm=config.norm,
        mlp_ratio=4 if config.mlp else 0, skip=config.skip,
    )  # fmt: skip
    records = []
    for seed in config.seeds:
        torch.manual_seed(seed)
        model = Transformer(shape).double().to(device)
        inputs = torch.randn(WORDS, LENGTH, WIDTH, dtype=torch.float64).to(device)
        with torch.no_grad(), record(model) as seen:
            model(inputs)
        for layer, states in enumerate(seen.hidden):
            residual = rank_residual(states).clamp(min=1e-17).log().mean().exp()
            records.append({"seed": seed, "layer": layer, "residual": float(f"{float(residual):.4g}")})
    return records


def figure(records):
    """The residual by layer, a panel for each mask; without a norm.

    Parameters
    ----------
    records : pandas.DataFrame

    Returns
    -------
    matplotlib.figure.Figure
        Lines join the geometric means over the seeds, bands are their range.
    """
    masks = sorted(records["causal"].unique())
    drawing, axes = plt.subplots(len(masks), figsize=(5, 0.9 + 2.1 * len(masks)), sharex=True, squeeze=False)
    kinds = {"attention alone": (False, False), "+ MLP": (False, True), "+ skip": (True, False), "both": (True, True)}
    plain = records[records["norm"] == "none"]
    for axis, causal in zip(axes[:, 0], masks, strict=True):
        for index, (name, (skip, mlp)) in enumerate(kinds.items()):
            here = plain[(plain["causal"] == causal) & (plain["skip"] == skip) & (plain["mlp"] == mlp)]
            seeds = here.groupby("layer")["residual"]
            line = seeds.agg(lambda x: x.product() ** (1 / len(x)))
            look = plotting.style(index)
            axis.plot(line.index, line, label=name, markevery=3, **look)
            axis.fill_between(line.index, seeds.min(), seeds.max(), color=look["color"], alpha=0.3, lw=0)
        axis.set(yscale="log", ylim=(1e-17, 3), ylabel="residual")
        axis.grid(visible=False, axis="x")
        axis.set_title("causal" if causal else "every token sees all")
    axes[-1, 0].set_xlabel("layer")
    drawing.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return drawing
