"""Which brackets are open? The whole stack read out by one layer, wide or narrow, and by two; and what is collapsed.

Three measures of the same models, which may disagree: aliasing (are states of different stacks apart?), loss of rank
(are the tokens of one word apart?), loss with length (are the ends of two long words apart whose stacks differ?).
"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import torch

from howfar import collapse, dyck, plotting, tasks
from howfar.training import train
from howfar.transformer import Transformer, TransformerConfig

TRAINED = 40  # tokens in training
RANGES = {"in range": 40, "three times": 120}
BATCH, TEST_WORDS, PAIRS = 16, 400, 32


@dataclass(frozen=True)
class Config:
    """One architecture, trained once for each seed.

    Attributes
    ----------
    depth, width : int
        Layers and features; one head.
    lr : float
        The peak learning rate.
    encoding : {"rotary", "none"}
    max_depth : int
        D, of Dyck-(2, D).
    steps : int
        Each with 16 fresh words of 40 tokens.
    seeds : tuple of int
    """

    depth: int
    width: int
    lr: float
    encoding: str = "rotary"
    max_depth: int = 3
    steps: int = 1000
    seeds: tuple = (0, 1, 2, 3, 4)


def grid(scale):
    """Dyck-(2, 3) by one layer of three widths and by two layers with as many parameters as the first two; without
    positions by one narrow and one wide layer and by two; Dyck-(2, 2) by one narrow layer and by two: at two learning
    rates each, five seeds or three. ``"quick"``: two nets, two seeds, 200 steps.
    """
    if scale == "quick":
        return [Config(depth, width, 1e-2, steps=200, seeds=(0, 1)) for depth, width in ((1, 22), (2, 16))]
    three = (0, 1, 2)
    configs = []
    for lr in (1e-2, 3e-3):
        configs += [Config(*shape, lr) for shape in ((1, 22), (2, 16), (1, 46))]
        configs += [Config(1, 96, lr / 3, seeds=three)]
        configs += [Config(*shape, lr, "none", seeds=three) for shape in ((1, 22), (2, 16))]
        configs += [Config(1, 96, lr / 3, "none", seeds=three), Config(2, 32, lr, seeds=three)]
        configs += [Config(*shape, lr, max_depth=2, seeds=three) for shape in ((1, 22), (2, 16))]
    return configs


def run(config, device="cpu"):
    """Train a model for each seed, read the stack with it, and measure what is collapsed.

    Parameters
    ----------
    config : Config
    device : str

    Returns
    -------
    list of dict
        One for each seed and length: ``positions``, the share of positions where the stack is right, ``words``, that of
        words without a mistake; ``separation`` and ``untrained``, the `howfar.collapse.class_separation` of stacks at
        the closings of one type, after training and of untrained weights; ``rank``, the mean
        `howfar.collapse.rank_residual` of a word's states; ``last``, the mean `howfar.collapse.last_distance` of two
        words that differ in their first bracket, which is the only one left open; ``parameters``; ``loss``.
    """
    models = fit(config, device=device)
    records = []
    for name, length in RANGES.items():
        test = words(TEST_WORDS, length, config.max_depth, seed=10_000 + length)
        right = (models(test.inputs).argmax(-1).cpu() == test.targets) | ~test.mask
        pair = open_pairs(length, config.max_depth, seed=20_000 + length)
        for member, (seed, model) in enumerate(zip(config.seeds, models, strict=True)):
            torch.manual_seed(seed)
            untrained = Transformer(model.config).to(device)
            states = collapse.read_states(model, test.inputs.to(device))
            ends = (collapse.read_states(model, x.to(device)) for x in pair)
            records.append(
                {
                    "seed": seed,
                    "range": name,
                    "length": length,
                    "positions": _short(right[member, :, 1:].float().mean()),
                    "words": _short(right[member].all(-1).float().mean()),
                    "separation": _short(separation(model, test).ratio),
                    "untrained": _short(separation(untrained, test).ratio),
                    "rank": _short(collapse.rank_residual(states).mean()),
                    "last": _short(collapse.last_distance(*ends).mean()),
                    "parameters": sum(p.numel() for p in model.parameters()),
                    "loss": _short(models.members["loss"][member]),
                }
            )
    return records


def _short(value):
    return float(f"{float(value):.4g}")


def fit(config, *, device="cpu"):
    """The models of a config: a `howfar.ensembles.Ensemble`, one member for each of its seeds."""
    return train(
        model_config(config),
        lambda generator: words(BATCH, TRAINED, config.max_depth, seed=generator),
        tasks.cross_entropy,
        steps=config.steps,
        seeds=config.seeds,
        lr=config.lr,
        warmup=config.steps // 10,
        device=device,
        description=f"{config.depth} layers, width {config.width}",
    )


def model_config(config):
    """The `howfar.TransformerConfig` of a config."""
    stacks = 2 ** (config.max_depth + 1) - 1
    return TransformerConfig(
        depth=config.depth, width=config.width, heads=1, vocabulary=5, outputs=stacks, encoding=config.encoding,
        max_length=TRAINED + 1,
    )  # fmt: skip


def words(n, length, max_depth=3, *, seed):
    """Words with the start token in front: a `howfar.tasks.Batch`."""
    return tasks.with_start(tasks.stack_readout(n, length, 2, max_depth, seed=seed), 4)


def separation(model, batch):
    """`howfar.collapse.class_separation` of the stacks after a closing of type 0: all these tokens are the same."""
    states = collapse.read_states(model, batch.inputs.to(model.outputs.weight.device))
    closing = (batch.inputs == 2) & batch.mask
    return collapse.class_separation(states[closing.to(states.device)], batch.targets[closing])


def open_pairs(length, max_depth, *, seed):
    """Two words each, alike but for the type of the first bracket, the only one left open: (32, length) twice."""
    tail = dyck.sample_words(PAIRS, length - length % 2 - 2, 2, max_depth - 1, seed=seed)
    return tuple(torch.cat([torch.full((PAIRS, 1), 4), torch.full((PAIRS, 1), s), tail], 1) for s in (0, 1))


def tuned(records):
    """The records of the learning rate whose mean loss in training is the least, for each architecture and task."""
    shape = ["encoding", "max_depth", "depth", "width"]
    losses = records.groupby([*shape, "lr"])["loss"].mean().reset_index()
    chosen = losses.loc[losses.groupby(shape)["loss"].idxmin(), [*shape, "lr"]]
    return records.merge(chosen, on=[*shape, "lr"])


def figure(records):
    """Stacks of Dyck-(2, 3) read right and their separation, in range, each net at its tuned learning rate.

    Parameters
    ----------
    records : pandas.DataFrame

    Returns
    -------
    matplotlib.figure.Figure
        Each dot is a seed, lines join the means; hollow: untrained weights.
    """
    here = tuned(records)
    here = here[(here["range"] == "in range") & (here["max_depth"] == here["max_depth"].max())]
    drawing, axes = plt.subplots(2, figsize=(5, 5.2), sharex=True)
    for index, ((encoding, depth), group) in enumerate(here.groupby(["encoding", "depth"], sort=False)):
        look = plotting.style(index)
        seed = {"color": look["color"], "marker": look["marker"], "ls": "", "rasterized": True}
        label = f"{depth} layer{'s' if depth > 1 else ''}" + (", no positions" if encoding == "none" else "")
        for axis, column in zip(axes, ("positions", "separation"), strict=True):
            mean = group.groupby("width")[column].mean()
            axis.plot(mean.index, mean, label=label, **look)
            axis.plot(group["width"], group[column], **seed, ms=3, alpha=0.6)
        axes[1].plot(group["width"], group["untrained"], **seed, mfc="none", ms=4)
    axes[0].set(ylabel="stacks read right", xscale="log")
    axes[1].set(ylabel="separation", yscale="log", xlabel="width")
    widths = sorted(here["width"].unique())
    axes[1].set_xticks(widths, widths)
    for axis in axes:
        axis.minorticks_off()
        axis.grid(visible=False, axis="x")
    drawing.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return drawing
