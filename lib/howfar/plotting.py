"""One style for every figure of the course.

A figure is one transparent SVG: its ink is a grey of the same contrast to a white and to a dark page, and its colours,
Okabe and Ito's moved to a middle lightness, have a contrast of at least 3 to both. Each colour comes with its own line
style, marker and hatch, so that no figure needs colour to be read. Text is 12 points in a figure 5 inches wide: at
least 11 pixels on a phone.
"""

import io
import re
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#00926A", "#B857A8"
SKY, YELLOW, GREY, BROWN = "#2F97CF", "#BD8300", "#808080", "#A0622D"
INK = "#777777"  # text, axes and reference lines
FAINT = "#8080804D"  # grids: seen on either page, in front of neither

COLORS = [BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW, GREY, BROWN]
LINESTYLES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)), (0, (3, 1, 1, 1))]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]
HATCHES = ["", "//", "||", "xx", "\\\\", "++", "--", "/|"]
SEQUENTIAL, DIVERGING = "viridis", "PuOr"  # colour maps for heat maps: draw them with rasterized=True

STYLE = {
    "figure.figsize": (5.0, 3.2),
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "savefig.transparent": True,
    "figure.constrained_layout.use": True,
    "axes.facecolor": "none",
    "axes.edgecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.labelsize": 12,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "legend.fontsize": 12,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "font.size": 12,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana"],  # of the same widths: one is on Linux, one on Windows and macOS
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "hatch.color": INK,
    "axes.prop_cycle": cycler(color=COLORS) + cycler(linestyle=LINESTYLES),
    "svg.fonttype": "none",  # text as text: a quarter of the size of outlines
    "svg.hashsalt": "howfar",  # the same figure is the same text
}


def use_style():
    """Make the course's style matplotlib's default in this process, and SVG what a notebook shows."""
    mpl.rcParams.update(STYLE)
    if "IPython" in sys.modules:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg", metadata={"Date": None, "Creator": None})


def svg(figure):
    """A figure as compact SVG text, the same at every call; closes the figure.

    Parameters
    ----------
    figure : matplotlib.figure.Figure

    Returns
    -------
    str
        One element a line, without the XML declaration.

    Raises
    ------
    TypeError
        If ``figure`` is none.
    """
    if not hasattr(figure, "savefig"):
        raise TypeError(f"draw must return a matplotlib figure, got {type(figure).__name__}")
    buffer = io.StringIO()
    with plt.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    return compact(buffer.getvalue())


def compact(text):
    """SVG text without comments and metadata, its coordinates rounded to what an eye can see.

    A tenth of a point from 10 on, a hundredth from 1 on; numbers below 1 may be scales and stay as they are. One
    element a line.
    """
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.S)
    text = re.sub(r"(\d{2,}\.\d)\d+", r"\1", re.sub(r"\b([1-9]\.\d\d)\d+", r"\1", text))
    text = re.sub(r"(\d)\.0+(?=[ \"])", r"\1", text)
    text = re.sub(r' ?\n(?=[MLHVCQ] |z\n|" )', " ", text)  # a path on one line: a notebook stores each line as a string
    text = re.sub(r' transform="rotate\(-0 [^"]*\)"', "", text)  # turns nothing
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


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
