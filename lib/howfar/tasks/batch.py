"""The `Batch` that every task returns, and the losses that read it."""

from typing import NamedTuple

import torch
from torch.nn import functional

from howfar import checks


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

    def draw(self, n, *, seed=None):
        """n of its rows at random, with replacement: a fresh batch from sequences made beforehand.

        ``seed`` is an int, a `torch.Generator`, a `numpy.random.Generator` or None. Positions (length,) stay as they
        are.
        """
        rows = torch.randint(len(self.inputs), (checks.count("n", n),), generator=checks.torch_generator(seed))
        shared = self.positions is not None and self.positions.ndim == 1
        parts = (part if part is None else part[rows.to(part.device)] for part in self[:3])
        where = self.positions if shared or self.positions is None else self.positions[rows.to(self.positions.device)]
        return Batch(*parts, where)

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
