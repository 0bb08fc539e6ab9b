"""Alternating blocks with a layer too few: does width make up for it? The learning rate is tuned at every width.

The task, the models and the test are those of the experiment ``staircase``. Nets with enough layers are the
control, at widths 16, 64 and 128.
"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np

from howfar import plotting
from howfar.experiments import staircase

STEPS = 600
RATES = {  # at each width, the likeliest first
    8: (1e-2, 3e-2, 3e-3),
    16: (1e-2, 3e-3, 3e-2),
    32: (3e-3, 1e-2, 1e-3),
    64: (3e-3, 1e-3, 1e-2),
    128: (1e-3, 3e-3),
    256: (1e-3, 3e-4),
}
TOO_SHALLOW = ((4, 1), (5, 2))  # blocks and layers, one less than the theorem asks for
ENOUGH = ((4, 2), (5, 3))
CONTROL = ((16, 1e-2), (64, 3e-3), (64, 1e-3), (128, 1e-3))  # widths and rates with a layer more


@dataclass(frozen=True)
class Config:
    """One width at one learning rate, trained once for each seed.

    Attributes
    ----------
    blocks, depth, width, lr, steps, seeds
        As those of the experiment ``staircase``.
    """

    blocks: int
    depth: int
    width: int
    lr: float
    steps: int = STEPS
    seeds: tuple = (0, 1, 2)


def grid(scale):
    """Four blocks by one layer, five by two, at six widths (``"full"``), with two or three learning rates and three
    seeds; at width 256 two rates, two seeds and half the steps; and at widths 16, 64 and 128 a layer more, which is
    enough.
    ``"quick"``: four blocks, one layer, two widths, one rate.
    """
    if scale == "quick":
        return [Config(4, 1, width, 1e-2, seeds=(0, 1)) for width in (8, 32)]
    control = [Config(*shape, width, lr) for width, lr in CONTROL for shape in ENOUGH]
    configs = [
        Config(*shape, width, rates[turn], *((STEPS // 2, (0, 1)) if width == 256 else ()))
        for turn in range(3)
        for width, rates in RATES.items()
        for shape in TOO_SHALLOW
        if turn < len(rates)
    ]
    return control + configs


def run(config, device="cpu"):
    """The records of ``staircase`` for one config.

    Parameters
    ----------
    config : Config
    device : str

    Returns
    -------
    list of dict
        One for each seed and range of lengths, see `howfar.experiments.staircase.run`.
    """
    return staircase.run(staircase.Config(**vars(config)), device=device)


def best(records):
    """The best exact match over learning rates and seeds, and the rate it came with: a DataFrame by cell and range."""
    cell = ["blocks", "depth", "width", "range"]
    rows = records.loc[records.groupby(cell, sort=False)["exact_match"].idxmax()]
    return rows[[*cell, "exact_match", "lr"]].reset_index(drop=True)


def figure(records):
    """Exact match by width, a panel for each number of blocks; every seed and learning rate is a stroke.

    Parameters
    ----------
    records : pandas.DataFrame

    Returns
    -------
    matplotlib.figure.Figure
        Lines join the best; stars are nets with a layer more, one for each seed.
    """
    blocks = sorted(records["blocks"].unique())
    drawing, axes = plt.subplots(len(blocks), figsize=(5, 0.9 + 2.1 * len(blocks)), sharex=True, squeeze=False)
    for axis, k in zip(axes[:, 0], blocks, strict=True):
        here = records[records["blocks"] == k]
        least = here["depth"].min()
        for index, name in enumerate(n for n in staircase.RANGES if n != "twice"):
            look = plotting.style(index)
            group = here[(here["range"] == name) & (here["depth"] == least)]
            line = group.groupby("width")["exact_match"].max()
            axis.plot(line.index, 100 * line, label=f"{name}, best", **look)
            axis.plot(*_ticks(group["width"], 100 * group["exact_match"]), color=look["color"], alpha=0.6, lw=1.2)
            enough = here[(here["range"] == name) & (here["depth"] > least)]
            axis.plot(enough["width"], 100 * enough["exact_match"], "*", color=look["color"], ms=10, alpha=0.8)
        axis.grid(visible=False, axis="x")
        axis.set(xscale="log", ylim=(-5, 107), ylabel="exact match, %")
        axis.set_title(f"{k} blocks, {least} layer{'s' if least > 1 else ''}")
    widths = sorted(records["width"].unique())
    axes[-1, 0].set_xticks(widths, widths)
    axes[-1, 0].minorticks_off()
    axes[-1, 0].set_xlabel("width")
    axes[0, 0].legend(loc="center right")
    return drawing


def _ticks(x, y):
    """A short stroke at each point, on a logarithmic x: one path, where markers would be one picture each."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    gaps = np.full_like(x, np.nan)
    return np.stack([0.94 * x, 1.06 * x, gaps], 1).ravel(), np.stack([y, y, gaps], 1).ravel()
