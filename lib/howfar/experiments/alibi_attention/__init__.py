"""How far back ALiBi looks: where the attention of trained models goes, beyond the length of training, by slope.

Source of the claim: Li, arXiv:2506.06398. The task and the model are those of the running sum, with uniform inputs.
"""

from dataclasses import dataclass, replace

import matplotlib.pyplot as plt
import torch

from howfar import plotting
from howfar.experiments import running_sum
from howfar.tasks import mean_squared_error, sums
from howfar.training import train
from howfar.transformer import record

SLOPES = (2**-8, 2**-3, 2**-1)
LENGTHS = (50, 200, 400)
NEAR, FAR = 25, 100  # tokens
TEST_SEQUENCES = 16


@dataclass(frozen=True)
class Config:
    """One slope in one setting; all seeds are trained together.

    Attributes
    ----------
    slope : float
    causal : bool
    target : {"sum", "mean"}
    seeds : tuple of int
    steps : int
    """

    slope: float
    causal: bool
    target: str
    seeds: tuple = tuple(range(5))
    steps: int = 400


def grid(scale):
    """``"full"``: each slope, causal or not, both targets. ``"quick"``: causal, the mean, two seeds, 60 steps."""
    if scale == "quick":
        return [Config(slope, True, "mean", seeds=(0, 1), steps=60) for slope in SLOPES]
    return [Config(slope, causal, target) for causal in (True, False) for target in ("sum", "mean") for slope in SLOPES]


def run(config, device="cpu"):
    """Train one slope in one setting and see where its attention goes.

    Parameters
    ----------
    config : Config
    device : str

    Returns
    -------
    list of dict
        For each length and seed: ``length, seed``; ``near``, the share of attention that goes to tokens at most 25
        away, in the layer where it is least, and ``far``, the share beyond 100, in the layer where it is most. Means
        over 16 sequences and the queries in the last tenth of each.
    """
    unit = {"mode": "mean"} if config.target == "mean" else {"mode": "sum_over_n", "n": running_sum.TRAINED}

    def sample(generator):
        return sums.running_sum(16, running_sum.TRAINED, **unit, seed=generator)

    ensemble = train(
        replace(running_sum.model_config("alibi 1/8", config.causal), encoding_options={"slopes": (config.slope,)}),
        sample,
        mean_squared_error,
        steps=config.steps,
        seeds=config.seeds,
        lr=3e-3,
        warmup=config.steps // 10,
        device=device,
        description=f"slope {config.slope:g}",
    )
    records = []
    for member, seed in enumerate(config.seeds):
        model = ensemble[member].cpu()
        for length in LENGTHS:
            records.append({"length": length, "seed": seed, **_shares(model, length)})
    return records


def _shares(model, length):
    inputs = sums.running_sum(TEST_SEQUENCES, length, mode="mean", seed=20_000 + length).inputs
    with torch.no_grad(), record(model) as seen:
        model(inputs)
    queries = torch.arange(length - length // 10, length)
    distance = (queries[:, None] - torch.arange(length)).abs()
    layers = [weights[:, :, queries] for weights in seen.attention]  # (sequences, heads, queries, keys)
    share = {
        "near": min(float((weights * (distance <= NEAR)).sum(-1).mean()) for weights in layers),
        "far": max(float((weights * (distance > FAR)).sum(-1).mean()) for weights in layers),
    }
    return {name: float(f"{value:.5g}") for name, value in share.items()}


def figure(records):
    """The share of attention on the 25 nearest tokens by length, a line for each slope and a panel for each mask.

    Parameters
    ----------
    records : pandas.DataFrame

    Returns
    -------
    matplotlib.figure.Figure
        Marks are means over the seeds and both targets, bars their range.
    """
    masks = sorted(records["causal"].unique(), reverse=True)
    drawing, axes = plt.subplots(
        1, len(masks), figsize=(3.2 * len(masks), 3.0), sharey=True, squeeze=False, layout="constrained"
    )
    for axis, causal in zip(axes[0], masks, strict=True):
        here = records[records["causal"] == causal]
        for index, (slope, group) in enumerate(here.groupby("slope")):
            shares = group.groupby("length")["near"]
            mean = shares.mean()
            spread = [mean - shares.min(), shares.max() - mean]
            axis.errorbar(mean.index, mean, spread, label=f"1/{1 / slope:g}", capsize=2, **plotting.style(index))
        axis.set(xlabel="length", ylim=(0, 1.03), title="causal" if causal else "bidirectional")
    axes[0, 0].set_ylabel("share of the 25 nearest")
    axes[0, 0].legend(title="slope")
    return drawing
