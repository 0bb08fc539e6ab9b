"""One style for every figure of the course.

Colours are Okabe and Ito's eight, which readers with the common colour-vision deficiencies can tell apart; each
comes with its own line style, marker and hatch, so that no figure needs colour to be read. Figures are drawn dark
on a white card: the same picture reads on a light page, on a dark page and in print.
"""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#AA4499"
SKY, YELLOW, GREY, BLACK = "#56B4E9", "#E69F00", "#6E6E6E", "#1A1A1A"

COLORS = [BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW, GREY, BLACK]
LINESTYLES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)), (0, (3, 1, 1, 1))]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]
HATCHES = ["", "///", "...", "xxx", "\\\\\\", "+++", "ooo", "---"]

STYLE = {
    "figure.figsize": (6.4, 3.0),
    "figure.dpi": 140,
    "savefig.dpi": 140,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
    "axes.facecolor": "white",
    "axes.edgecolor": "#4D4D4D",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.8,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "font.family": "DejaVu Sans",
    "text.color": BLACK,
    "axes.labelcolor": BLACK,
    "xtick.color": BLACK,
    "ytick.color": BLACK,
    "axes.prop_cycle": cycler(color=COLORS) + cycler(linestyle=LINESTYLES),
    "svg.fonttype": "path",
}


def use_style():
    """Make the course's style matplotlib's default in this process."""
    mpl.rcParams.update(STYLE)


def style(index):
    """Colour, line style and marker number ``index``, as keywords for ``Axes.plot``."""
    n = len(COLORS)
    return {"color": COLORS[index % n], "linestyle": LINESTYLES[index % n], "marker": MARKERS[index % n]}


def step_cdf(values, weights=None):
    """The points of an empirical distribution function, ready for ``Axes.step(x, y, where="post")``.

    Parameters
    ----------
    values : array (n,)
    weights : array (n,), optional
        Non-negative; normalised here. Equal when left out.

    Returns
    -------
    x, y : arrays (n + 1,)
        Sorted values, the first one twice, and the share of mass at or below each; ``y[0] = 0``.
    """
    values = np.asarray(values, dtype=float)
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=float)
    order = np.argsort(values, kind="stable")
    heights = np.cumsum(weights[order]) / weights.sum()
    return np.concatenate([values[order[:1]], values[order]]), np.concatenate([[0.0], heights])


def close(figure):
    """Close ``figure`` so that a notebook doesn't draw it a second time, and hand it back."""
    plt.close(figure)
    return figure
