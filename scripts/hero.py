"""Draw _static/hero.svg, the picture of the README and the first page: two heaps and the cheapest plan between them."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from howfar import plotting
from howfar.wasserstein import wasserstein_1d

plotting.use_style()
plt.rcParams["svg.hashsalt"] = "howfar"


def density(x, centre, width):
    return np.exp(-(((x - centre) / width) ** 2) / 2) / width


ranks = (np.arange(24) + 0.5) / 24
x = np.linspace(-4, 12, 400)
grid = np.linspace(-6, 14, 20_001)


def quantiles(weights):
    return np.interp(ranks, np.cumsum(weights) / weights.sum(), grid)


train, shifted = density(grid, 0, 1), 0.6 * density(grid, 6, 1.2) + 0.4 * density(grid, 9, 0.6)
u, v = quantiles(train), quantiles(shifted)
fig, ax = plt.subplots(figsize=(8, 2.7))
ax.fill_between(x, np.interp(x, grid, train), color=plotting.BLUE, alpha=0.85, lw=0)
ax.fill_between(x, np.interp(x, grid, shifted), color=plotting.ORANGE, alpha=0.85, lw=0)
for a, b in zip(u, v, strict=True):
    t = np.linspace(0, 1, 60)
    ax.plot(a + (b - a) * t, -0.9 * 4 * t * (1 - t) * (b - a) / 10, color=plotting.GREY, lw=0.8, ls="-", alpha=0.7)
ax.text(0, 1.07, "what it was trained on", ha="center", color=plotting.BLUE)
ax.text(7.2, 1.07, "what it is asked", ha="center", color=plotting.ORANGE)
ax.text(3.6, -1.12, f"how far?   W1 = {wasserstein_1d(u, v):.1f}", ha="center", fontsize=12)
ax.set(xlim=(-4, 12), ylim=(-1.25, 1.25))
ax.axis("off")
fig.savefig(Path(__file__).resolve().parents[1] / "_static" / "hero.svg", metadata={"Date": None})
