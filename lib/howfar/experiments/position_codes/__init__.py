"""Position codes beyond the length that they were made for: how long they are, how far apart, whether they repeat.

Source of the claims: Li, arXiv:2506.06398. Nothing is trained: these are properties of the tables of
`howfar.encodings`, at the source's width of 64 and, for the sinusoid, at others. How the source defines its wavelet and
Legendre codes beyond that length could not be read, so all the extensions of the library are run.
"""

import math
from dataclasses import dataclass

import matplotlib.pyplot as plt
import torch

from howfar import plotting
from howfar.encodings import make_encoding

WIDTH = 64
FAR = (10_000, 100_000)  # where codes are searched for one that comes back
BEYOND = (0.25, 1, 2.9, 100)  # distances beyond the last position, in units of the length

# Name: the encoding, its options, and the length that it is made for, in units of the length that is trained on.
VARIANTS = {
    "sinusoidal": ("sinusoidal", {}, 1),
    "legendre fixed": ("legendre", {"scaling": "fixed"}, 1),
    "legendre current": ("legendre", {"scaling": "current"}, 1),
    "legendre to 4N": ("legendre", {"scaling": "fixed"}, 4),
    **{f"wavelet {way}": ("wavelet", {"extension": way}, 1) for way in ("compact", "zero", "clamp", "periodic")},
    "wavelet to 4N": ("wavelet", {"extension": "compact"}, 4),
    "wavelet 8 taps": ("wavelet", {"extension": "compact", "taps": 8}, 1),  # "Daubechies-4" can mean 4 taps or 8
}


@dataclass(frozen=True)
class Config:
    """One table.

    Attributes
    ----------
    variant : str
        Of `VARIANTS`.
    length : int
        What is trained on: N.
    width : int
    """

    variant: str
    length: int
    width: int = WIDTH


def grid(scale):
    """Every variant, trained on length 50 (``"quick"``) or on 50, 100, 200 and 400 (``"full"``, which adds the sinusoid
    at five more widths).
    """
    lengths = (50,) if scale == "quick" else (50, 100, 200, 400)
    configs = [Config(variant, length) for variant in VARIANTS for length in lengths]
    return configs + [Config("sinusoidal", 50, width) for width in (4, 8, 16, 32, 128) if scale == "full"]


def run(config, device="cpu"):
    """Measure one table.

    Parameters
    ----------
    config : Config
    device : str
        Not used: tables are computed on the CPU.

    Returns
    -------
    list of dict
        One: ``norm_met`` and ``norm_new``, the largest norms at positions 0..N-1 and N..4N-1; ``change_25,
        change_100, change_290, change_10000``, how far the codes 0.25 N, N, 2.9 N and 100 N beyond position N - 1 are
        from the code there; ``tail``, how far the codes 50 N and 100 N beyond are apart; ``spread_far``, the largest
        distance of two codes at positions 50 N..51 N - 1; ``gap``, the smallest distance of two different positions
        among 0..4N-1; ``return_ratio`` (sinusoid only, else None), the smallest
        distance of the codes 10,000..100,000 to that of position 0, over the distance of positions 0 and 1.

    Notes
    -----
    A code whose scaling depends on the sequence is taken from the sequence that ends at 4N - 1, or at 101 N - 1 for
    ``change_10000`` and ``tail``, at 51 N - 1 for ``spread_far``.
    """
    encoding, options, stretch = VARIANTS[config.variant]
    n = config.length
    table = make_encoding(encoding, width=config.width, heads=1, max_length=stretch * n, **options).table
    codes = table(torch.arange(4 * n))
    norms = codes.norm(dim=1)
    return [
        {
            "norm_met": float(norms[:n].max()),
            "norm_new": float(norms[n:].max()),
            **{f"change_{round(100 * x)}": _distance(table, n, 0, round(x * n)) for x in BEYOND},
            "tail": _distance(table, n, 50 * n, 100 * n),
            "spread_far": float(torch.nn.functional.pdist(table(torch.arange(51 * n))[50 * n :]).max()),
            "gap": float(torch.nn.functional.pdist(codes).min()),
            "return_ratio": _return_ratio(table) if encoding == "sinusoidal" else None,
        }
    ]


def _distance(table, n, near, far):
    """The distance of the codes ``near`` and ``far`` beyond position n - 1."""
    codes = table(torch.arange(max(4 * n, n + far)))
    return float((codes[n - 1 + far] - codes[n - 1 + near]).norm())


def figure(records):
    """The norm of each code at positions 0 to 199, made for length 50.

    Parameters
    ----------
    records : pandas.DataFrame
        Says which variants to draw.

    Returns
    -------
    matplotlib.figure.Figure
    """
    drawing, axis = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
    for index, variant in enumerate(records["variant"].unique()):
        encoding, options, stretch = VARIANTS[variant]
        codes = make_encoding(encoding, width=WIDTH, heads=1, max_length=50 * stretch, **options).table(
            torch.arange(200)
        )
        axis.plot(codes.norm(dim=1), label=variant, **plotting.style(index) | {"marker": ""})
    axis.axhline(math.sqrt(WIDTH), color=plotting.INK, ls=":", lw=1)
    axis.axvline(49.5, color=plotting.GREY, lw=1)
    axis.set(xlabel="position", ylabel="norm of the code")
    axis.legend(fontsize=8, ncols=2)
    return drawing


def _return_ratio(table):
    start = table(torch.arange(2))
    far = torch.arange(FAR[0], FAR[1] + 1).split(10_000)
    nearest = min(float((table(part) - start[0]).norm(dim=1).min()) for part in far)
    return nearest / float((start[1] - start[0]).norm())
