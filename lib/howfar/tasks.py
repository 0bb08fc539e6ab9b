"""Small tasks with fresh data for every batch.

Each generator returns ``(inputs, targets, mask)``; the loss and the accuracy are taken where the mask is
True.
"""

import torch

from howfar import checks

SUM_MODES = ("sum", "sum_over_n", "mean")
SUM_INPUTS = ("uniform", "normal", "binary")


def lag_recall(batch, length, *, lag=3, vocabulary=8, seed=None, device=None):
    """Repeat the token that stood ``lag`` places earlier, at every position.

    The answer depends on the *difference* of two positions only, so that a model which learns it that way
    doesn't care where the sequence starts. Tokens are independent and uniform: guessing is right once in
    ``vocabulary`` times.

    Parameters
    ----------
    batch, length : int
    lag : int
        0 (copy) to length - 1.
    vocabulary : int
        At least 2.
    seed : int or torch.Generator, optional
        Left out: torch's global generator.
    device : optional

    Returns
    -------
    tokens : int64 tensor (batch, length)
    targets : int64 tensor (batch, length)
        ``targets[:, i] == tokens[:, i - lag]``; 0 at the first ``lag`` positions, where there is none.
    mask : bool tensor (batch, length)
        False at the first ``lag`` positions.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """
    _check_at_least("batch", batch, 1)
    _check_at_least("length", length, 1)
    _check_at_least("vocabulary", vocabulary, 2)
    _check_at_least("lag", lag, 0)
    if lag >= length:
        raise ValueError(f"lag must be less than length, got lag={lag} and length={length}")
    tokens = torch.randint(vocabulary, (batch, length), generator=checks.torch_generator(seed))
    targets = torch.zeros_like(tokens)
    targets[:, lag:] = tokens[:, : length - lag]
    mask = (torch.arange(length) >= lag).expand(batch, length).contiguous()
    return tokens.to(device), targets.to(device), mask.to(device)


def running_sum(batch, length, *, mode="mean", inputs="uniform", n=None, seed=None, device=None):
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
    seed : int or torch.Generator, optional
        Left out: torch's global generator.
    device : optional

    Returns
    -------
    inputs : float32 tensor (batch, length, 1)
    targets : float32 tensor (batch, length, 1)
    mask : bool tensor (batch, length)
        All True.

    Raises
    ------
    ValueError
        If a name is unknown, a number out of range, or n is given to another mode.
    """
    _check_at_least("batch", batch, 1)
    _check_at_least("length", length, 1)
    if mode not in SUM_MODES:
        raise ValueError(f"mode must be one of {', '.join(map(repr, SUM_MODES))}; got {mode!r}")
    if inputs not in SUM_INPUTS:
        raise ValueError(f"inputs must be one of {', '.join(map(repr, SUM_INPUTS))}; got {inputs!r}")
    if n is not None and mode != "sum_over_n":
        raise ValueError(f"n={n!r} is only for mode='sum_over_n', got mode={mode!r}")
    n = length if n is None else n
    _check_at_least("n", n, 1)
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
    mask = torch.ones(batch, length, dtype=torch.bool)
    return x.to(device), total.float().to(device), mask.to(device)


def _check_at_least(name, value, least):
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")
