"""How many layers do alternating blocks take? One network for each number of blocks and of layers, and many seeds.

Source of the question: Yang, Cadilhac and Chiang, "Knee-Deep in C-RASP", arXiv:2506.16055. Next-letter prediction on k
alternating blocks takes k - 2 layers, for all lengths at once. Training sees lengths up to `TRAINED`; the test goes to
three times that, since a range of lengths can be fitted with fewer layers. Our recipe is not the source's.
"""

from dataclasses import dataclass, replace

import matplotlib.pyplot as plt

from howfar import plotting
from howfar.tasks import alternating_blocks, cross_entropy, with_start
from howfar.training import train
from howfar.transformer import TransformerConfig

TRAINED = 40  # the longest word in training
RANGES = {"in range": (None, 40), "twice": (41, 80), "three times": (81, 120)}  # lengths; None: as short as can be
QUICK_STEPS = 500
FULL_SEEDS = tuple(range(20, 25))  # the number of steps was chosen with others
FRESH = tuple(tuple(range(start, start + 5)) for start in (100, 200, 300))  # for the quick grid, run once
BATCH = 16
WARMUP = 100
TEST_WORDS = 400  # in each range
START = 2  # the start token, after the letters 0 and 1
LETTERS = 2


@dataclass(frozen=True)
class Config:
    """One architecture, trained once for each seed.

    Attributes
    ----------
    blocks : int
        k: the words have k blocks.
    depth, width : int
        Layers and features of the model, which has one head and no positional encoding.
    lr : float
        The peak learning rate.
    steps : int
        Each with a fresh batch of `BATCH` words.
    seeds : tuple of int
    """

    blocks: int
    depth: int
    width: int = 16
    lr: float = 1e-2
    steps: int = 1500
    seeds: tuple = (0, 1, 2, 3, 4)


def grid(scale):
    """Three to five blocks by one to three layers, `QUICK_STEPS` steps (``"quick"``); or three to eight blocks by one to
    six layers, three times as many steps, and then the quick grid with three fresh sets of seeds (``"full"``).
    """
    quick = [Config(k, depth, steps=QUICK_STEPS) for k in range(3, 6) for depth in range(1, 4)]
    if scale == "quick":
        return quick
    full = [Config(k, depth, seeds=FULL_SEEDS) for k in range(3, 9) for depth in range(1, 7)]
    return full + [replace(config, seeds=seeds) for seeds in FRESH for config in quick]


def run(config, device="cpu"):
    """Train a model for each seed and count the words of each range of lengths on which it makes no mistake.

    Parameters
    ----------
    config : Config
    device : str

    Returns
    -------
    list of dict
        One for each seed and range of lengths: ``exact_match``, the share of the words that are right at every
        position; ``position_accuracy``, the share of positions; ``always_0``, the same of a model that says 0 at every
        position, which is right on no word; ``loss``, the last in training; ``shortest, longest``, the range.
    """
    return measure(fit(config, device=device), config)


def fit(config, *, device="cpu"):
    """The models of a config: a `howfar.ensembles.Ensemble`, one member for each of its seeds."""

    def sample(generator):
        words = alternating_blocks(BATCH, (config.blocks, TRAINED), config.blocks, seed=generator)
        return with_start(words, START)

    return train(
        model_config(config), sample, cross_entropy,
        steps=config.steps, seeds=config.seeds, lr=config.lr, warmup=min(WARMUP, config.steps), device=device,
        description=f"{config.blocks} blocks, {config.depth} layers",
    )  # fmt: skip


def model_config(config):
    """The `howfar.TransformerConfig` of a config."""
    return TransformerConfig(
        depth=config.depth, width=config.width, heads=1, vocabulary=LETTERS + 1, outputs=2, encoding="none",
        max_length=TRAINED + 1,
    )  # fmt: skip


def measure(ensemble, config):
    """The records of `run` for models that are trained."""
    records = []
    for name, (shortest, longest) in RANGES.items():
        shortest = config.blocks if shortest is None else shortest
        test = test_words(config.blocks, name)
        right = ensemble(test.inputs).argmax(-1).cpu() == test.targets
        words, positions = (right | ~test.mask).all(-1), right[:, test.mask]
        for member, seed in enumerate(config.seeds):
            records.append(
                {
                    "seed": seed,
                    "range": name,
                    "shortest": shortest,
                    "longest": longest,
                    "exact_match": float(words[member].float().mean()),
                    "position_accuracy": float(positions[member].float().mean()),
                    "always_0": float((test.targets[test.mask] == 0).float().mean()),
                    "loss": float(ensemble.members["loss"][member]),
                }
            )
    return records


def test_words(blocks, name):
    """The test words of a range of lengths, the same for every model: a `howfar.tasks.Batch` with the start token."""
    shortest, longest = RANGES[name]
    lengths = (blocks if shortest is None else shortest, longest)
    return with_start(alternating_blocks(TEST_WORDS, lengths, blocks, seed=10_000 + longest), START)


def figure(records):
    """Exact match by depth, a panel for each number of blocks: a dot for each seed, a line through the best of them.

    Parameters
    ----------
    records : pandas.DataFrame
        Of one number of steps, say.

    Returns
    -------
    matplotlib.figure.Figure
    """
    blocks = sorted(records["blocks"].unique())
    rows = -(-len(blocks) // 2)
    drawing, axes = plt.subplots(
        rows, 2, figsize=(5, 1.0 + 1.5 * rows), sharex=True, sharey=True, layout="constrained", squeeze=False
    )
    for k, axis in zip(blocks, axes.flat, strict=False):
        _panel(axis, records[records["blocks"] == k], k)
    for axis in axes.flat[len(blocks) :]:
        axis.set_visible(False)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside upper center", ncols=len(labels), columnspacing=1, handletextpad=0.4)
    drawing.supxlabel("layers", size=12)
    drawing.supylabel("words without a mistake, %", size=12)
    return drawing


def _panel(axis, records, blocks):
    """One number of blocks; what lies left of the dotted line has a layer too few."""
    depths = sorted(records["depth"].unique())
    for index, name in enumerate(RANGES):
        there = records[records["range"] == name]
        look = plotting.style(index) | {"linestyle": ""}
        axis.plot(there["depth"] + (index - 1) / 4, 100 * there["exact_match"], alpha=0.7, label=name, **look)
        best = there.groupby("depth")["exact_match"].max()
        if index == len(RANGES) - 1:
            axis.plot(best.index + (index - 1) / 4, 100 * best, color=look["color"], lw=1)
    axis.axvline(blocks - 2.5, color=plotting.INK, ls=":", lw=1.2)
    axis.set(title=f"{blocks} blocks", xticks=depths, yticks=(0, 50, 100), ylim=(-6, 106))
