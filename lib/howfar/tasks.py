"""What models are trained on: the `Batch`, the losses that read it, and small tasks with fresh data for every batch."""

from typing import NamedTuple

import torch
from torch.nn import functional

from howfar import checks

SUM_MODES = ("sum", "sum_over_n", "mean")
SUM_INPUTS = ("uniform", "normal", "binary")


class Batch(NamedTuple):
    """Some sequences and what a model should say about them: what a task returns, and what a loss is given.

    Attributes
    ----------
    inputs : integer tensor (batch, length) or real tensor (batch, length, features)
        Tokens or numbers.
    targets : tensor (batch, length, ...)
        The right answer at each position.
    mask : bool tensor (batch, length), optional
        Which targets count: True where the answer enters the loss. Left out: everywhere.
    positions : tensor (length,) or (batch, length), optional
        The positions that the model is given. Left out: 0, 1, 2, ...

    Notes
    -----
    ``mask`` says which *answers* count. Which *tokens* may be read is another question, answered by the ``mask`` of
    `howfar.Transformer`, and the two differ as soon as there is a prompt, which is read but not predicted.
    `howfar.training.train` gives the model ``inputs`` and ``positions``, and the mask to the loss only. So pad on the
    right, and leave the padding out of the mask: in a causal model nothing that counts can see it. (A bidirectional one
    would see it, and is not trained on padded sequences here.)
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    mask: torch.Tensor | None = None
    positions: torch.Tensor | None = None

    def check(self):
        """Raise a ValueError unless the parts are tensors that fit together. (A model checks inputs and positions.)"""
        for name, part in zip(self._fields, self, strict=True):
            if not isinstance(part, torch.Tensor) and (part is not None or name in ("inputs", "targets")):
                raise ValueError(f"{name} must be a tensor, got {type(part).__name__}")
        if self.targets.shape[:2] != self.inputs.shape[:2]:
            shapes = f"{tuple(self.targets.shape)} and {tuple(self.inputs.shape)}"
            raise ValueError(f"targets must be (batch, length, ...) as inputs are, got {shapes}")
        if self.mask is not None:
            if self.mask.dtype is not torch.bool or self.mask.shape != self.inputs.shape[:2]:
                want, got = tuple(self.inputs.shape[:2]), f"{self.mask.dtype} {tuple(self.mask.shape)}"
                raise ValueError(f"mask must be bool of shape {want}, got {got}")
            if not self.mask.any():
                raise ValueError("mask is False everywhere: no target counts")

    def to(self, device):
        """The same batch on another device."""
        return Batch(*(part if part is None else part.to(device) for part in self))


def cross_entropy(outputs, batch):
    """The mean cross-entropy over the targets that count: a loss for tokens.

    Parameters
    ----------
    outputs : tensor (batch, length, classes)
        Logits.
    batch : Batch
        Its targets are classes, int64 (batch, length).

    Returns
    -------
    tensor without axes
        In nats; NaN if no target counts.

    Raises
    ------
    ValueError
        If there isn't one row of logits for each target.
    """
    targets = batch.targets
    if outputs.shape[:-1] != targets.shape:
        raise ValueError(f"outputs must be {(*targets.shape, 'classes')} for these targets, got {tuple(outputs.shape)}")
    if batch.mask is not None:
        targets = targets.where(batch.mask, -100)  # which torch leaves out of the mean
    return functional.cross_entropy(outputs.flatten(0, -2), targets.flatten(), ignore_index=-100)


def mean_squared_error(outputs, batch):
    """The mean squared error over the targets that count: a loss for numbers.

    Parameters
    ----------
    outputs : tensor (batch, length, ...)
    batch : Batch
        With targets of the same shape.

    Returns
    -------
    tensor without axes
        NaN if no target counts.

    Raises
    ------
    ValueError
        If outputs and targets have different shapes, which torch would stretch to fit.
    """
    if outputs.shape != batch.targets.shape:
        raise ValueError(f"outputs must be {tuple(batch.targets.shape)} as targets are, got {tuple(outputs.shape)}")
    errors = (outputs - batch.targets).square()
    if batch.mask is None:
        return errors.mean()
    errors = errors.flatten(2).mean(-1) if errors.ndim > 2 else errors
    return errors.where(batch.mask, 0).sum() / batch.mask.sum()


def lag_recall(batch, length, *, lag=3, vocabulary=8, seed=None, device="cpu"):
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
    seed : int, torch.Generator, numpy.random.Generator or None
        None: torch's global generator.
    device : str or torch.device

    Returns
    -------
    Batch
        ``inputs`` and ``targets`` are int64 (batch, length), ``targets[:, i] == inputs[:, i - lag]``. The mask is False
        at the first ``lag`` positions, where there is nothing to repeat and the target is 0.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    """
    batch, length, device = checks.count("batch", batch), checks.count("length", length), checks.device(device)
    lag, vocabulary = checks.count("lag", lag, least=0), checks.count("vocabulary", vocabulary, least=2)
    if lag >= length:
        raise ValueError(f"lag must be less than length, got lag={lag} and length={length}")
    tokens = torch.randint(vocabulary, (batch, length), generator=checks.torch_generator(seed))
    targets = torch.zeros_like(tokens)
    targets[:, lag:] = tokens[:, : length - lag]
    mask = (torch.arange(length) >= lag).repeat(batch, 1)
    return Batch(tokens, targets, mask).to(device)


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
