"""Tasks with numbers: sums so far."""

import torch

from howfar import checks
from howfar.tasks.batch import Batch

SUM_MODES = ("sum", "sum_over_n", "mean")
SUM_INPUTS = ("uniform", "normal", "binary")


def running_sum(batch, length, *, mode="mean", inputs="uniform", n=None, seed=None, device="cpu"):
    r"""The sum of the numbers so far, at every position, in one of three units.

    The units are three different tasks at lengths that training has not met: a sum grows with the length, a
    mean does not.

    Parameters
    ----------
    batch, length : int
    mode : {"sum", "sum_over_n", "mean"}
        :math:`y_i = \sum_{j \le i} x_j`, that sum over a fixed n, or over i + 1 (the running mean).
    inputs : {"uniform", "normal", "binary"}
        Independent draws: uniform on [0, 1), standard normal, or 0 and 1 with equal chance.
    n : int, optional
        Only with ``mode="sum_over_n"``; left out: the length. Give the training length to keep one unit at
        all lengths.
    seed : int, torch.Generator, numpy.random.Generator or None
        None: torch's global generator.
    device : str or torch.device

    Returns
    -------
    Batch
        ``inputs`` and ``targets`` are float32 (batch, length, 1). No mask: every position counts.

    Raises
    ------
    ValueError
        If a name is unknown, a number out of range, or n is given to another mode.
    """
    batch, length, device = checks.count("batch", batch), checks.count("length", length), checks.device(device)
    checks.choice("mode", mode, SUM_MODES)
    checks.choice("inputs", inputs, SUM_INPUTS)
    if n is not None and mode != "sum_over_n":
        raise ValueError(f"n={n!r} is only for mode='sum_over_n', got mode={mode!r}")
    n = length if n is None else checks.count("n", n)
    generator, shape = checks.torch_generator(seed), (batch, length, 1)
    x = torch.randn(shape, generator=generator) if inputs == "normal" else torch.rand(shape, generator=generator)
    if inputs == "binary":
        x = (x < 0.5).float()
    # In float64: a float32 running sum would drift by the length.
    total = x.double().cumsum(1)
    if mode == "sum_over_n":
        total = total / n
    elif mode == "mean":
        total = total / torch.arange(1, length + 1)[:, None]
    return Batch(x, total.float()).to(device)
