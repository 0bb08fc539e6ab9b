"""How many hops do some layers follow? One network for each depth answers every number of hops up to the largest.

Source of the question: Sanford, Hsu and Telgarsky, "Transformers, Parallel Computation, and Logarithmic Depth",
arXiv:2402.09268: each layer more about doubles the hops. As there, the first token says how many hops are asked.
Theirs are sequences of 100 letters, up to 16 hops and two to six layers; ours are half as long, up to 4 hops and one to
four layers, which a CPU trains in minutes.
"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import torch

from howfar import plotting
from howfar.tasks import Batch, cross_entropy, k_hop, with_start
from howfar.training import train
from howfar.transformer import TransformerConfig

LENGTH = 50
LETTERS = 4
BATCH = 4  # sequences for each number of hops
WARMUP = 100
LONGER = 6000  # steps, for what 2,500 don't teach four layers
TEST_SEQUENCES = 400  # for each number of hops


@dataclass(frozen=True)
class Config:
    """One architecture, trained once for each seed.

    Attributes
    ----------
    depth, width : int
        Layers and features of the model, which has one head and relative positions.
    most_hops : int
        It is trained on 0 hops to so many, as often on each.
    lr : float
        The peak learning rate.
    steps : int
    seeds : tuple of int
    """

    depth: int
    width: int = 32
    most_hops: int = 4
    lr: float = 5e-3
    steps: int = 2500
    seeds: tuple = (0, 1, 2)


def grid(scale):
    """One to four layers and up to four hops, and four layers again with `LONGER` steps (``"full"``); or one and two
    layers and one hop, briefly (``"quick"``).
    """
    if scale == "quick":
        return [Config(depth, most_hops=1, steps=800, seeds=(0, 1)) for depth in (1, 2)]
    return [Config(depth) for depth in (1, 2, 3, 4)] + [Config(4, steps=LONGER)]


def run(config, device="cpu"):
    """Train a model for each seed and count its right answers for each number of hops.

    Parameters
    ----------
    config : Config
    device : str

    Returns
    -------
    list of dict
        One for each seed and number of ``hops``: ``accuracy``, the share of the positions that are answered right;
        ``accuracy_late``, of those in the second half; three answers that need no hop or fewer, measured alike:
        ``commonest`` (always the most frequent answer), ``knows_the_end`` (right where a hop leads nowhere, and else a
        letter at random) and ``other_hops`` (the answer of another number of hops, the best of them); ``loss``, the
        last in training.
    """
    return measure(fit(config, device=device), config)


def fit(config, *, device="cpu"):
    """The models of a config: a `howfar.ensembles.Ensemble`, one member for each of its seeds."""
    return train(
        model_config(config), lambda generator: sample(config, generator), cross_entropy,
        steps=config.steps, seeds=config.seeds, lr=config.lr, warmup=min(WARMUP, config.steps), device=device,
        description=f"{config.depth} layers, up to {config.most_hops} hops",
    )  # fmt: skip


def sample(config, generator):
    """A training batch: `BATCH` sequences for each number of hops, which stands in front as a token of its own."""
    parts = [asked(BATCH, hops, generator) for hops in range(config.most_hops + 1)]
    return Batch(*(torch.cat(part) for part in zip(*(batch[:3] for batch in parts), strict=True)))


def asked(n, hops, seed):
    """``n`` sequences of `howfar.tasks.k_hop` with the question in front: the token `LETTERS` + ``hops``."""
    return with_start(k_hop(n, LENGTH, hops, vocabulary=LETTERS, seed=seed), LETTERS + hops)


def model_config(config):
    """The `howfar.TransformerConfig` of a config."""
    return TransformerConfig(
        depth=config.depth, width=config.width, heads=1, vocabulary=LETTERS + config.most_hops + 1,
        outputs=LETTERS + 1, encoding="relative", max_length=LENGTH + 1,
    )  # fmt: skip


def measure(ensemble, config):
    """The records of `run` for models that are trained."""
    records = []
    for hops in range(config.most_hops + 1):
        test = asked(TEST_SEQUENCES, hops, 10_000)
        right = (ensemble(test.inputs).argmax(-1).cpu() == test.targets)[..., 1:]
        for member, seed in enumerate(config.seeds):
            records.append(
                {
                    "seed": seed,
                    "hops": hops,
                    "accuracy": float(right[member].float().mean()),
                    "accuracy_late": float(right[member][:, LENGTH // 2 :].float().mean()),
                    **baselines(hops, config.most_hops),
                    "loss": float(ensemble.members["loss"][member]),
                }
            )
    return records


def baselines(hops, most_hops):
    """The accuracy of answers that need no hop or fewer, on the test sequences; see `run`."""
    answers = [asked(TEST_SEQUENCES, other, 10_000).targets[:, 1:] for other in range(most_hops + 1)]
    targets = answers[hops]
    end = float((targets == LETTERS).float().mean())
    others = [float((answer == targets).float().mean()) for other, answer in enumerate(answers) if other != hops]
    return {
        "commonest": float(torch.bincount(targets.flatten()).max() / targets.numel()),
        "knows_the_end": end + (1 - end) / LETTERS,
        "other_hops": max(others, default=None),
    }


def figure(records):
    """Accuracy by the number of hops: a dot for each seed, a line for each depth through its best seeds, two baselines.

    Parameters
    ----------
    records : pandas.DataFrame

    Returns
    -------
    matplotlib.figure.Figure
    """
    drawing, axis = plt.subplots(figsize=(5, 3.6), layout="constrained")
    depths = sorted(records["depth"].unique())
    for index, depth in enumerate(depths):
        there, look = records[records["depth"] == depth], plotting.style(index)
        shift = (index - (len(depths) - 1) / 2) / 12
        axis.plot(there["hops"] + shift, 100 * there["accuracy"], **look | {"linestyle": "", "alpha": 0.6})
        best = there.groupby("hops")["accuracy"].max()
        axis.plot(best.index + shift, 100 * best, label=f"{depth}", **look | {"marker": ""})
    for column, label, line in (("other_hops", "other", "--"), ("knows_the_end", "guess", ":")):
        share = records.groupby("hops")[column].first()
        axis.plot(share.index, 100 * share, color=plotting.INK, ls=line, lw=1.2, label=label)
    axis.set(xlabel="hops", ylabel="positions right, %", xticks=sorted(records["hops"].unique()), ylim=(0, 104))
    drawing.legend(
        title="layers", loc="outside upper center", ncols=len(depths) + 2, columnspacing=0.8, handlelength=1.4
    )
    return drawing
