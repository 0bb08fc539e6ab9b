"""Positions: what is allowed, how far apart two of them are, and randomised ones."""

import contextlib
from contextvars import ContextVar

import torch

from howfar import checks

LARGEST = 2**31 - 1  # offsets are int32: a (queries, keys) table of them is no larger than one head's float32 logits
_TRUSTED = ContextVar("values are known to be good", default=False)


def check_positions(positions, *, length=None, batch=None, below=None, whole=False, name="positions"):
    """Refuse positions that mean nothing.

    Parameters
    ----------
    positions : tensor (length,) or (batch, length)
        Integers, or real numbers where the encoding can take them. Zero or more, and finite.
    length, batch : int, optional
        What the shape must be.
    below : int, optional
        Positions must be less than this (a table ends there).
    whole : bool
        Only integer dtypes are allowed.
    name : str
        For the message.

    Raises
    ------
    ValueError
        Names the argument, what it got and what is allowed.

    Notes
    -----
    Shape and dtype are always checked. Values are checked where they can be read: not under ``torch.vmap``
    over positions, nor under ``torch.compile``.
    """
    _check_form(positions, length, batch, whole, name)
    ends = extremes(positions)
    if ends is None:
        return
    low, high = ends
    if not (low >= 0 and high <= LARGEST):  # also false for NaN
        raise ValueError(f"{name} must lie between 0 and {LARGEST:,}, got values from {low:g} to {high:g}")
    if below is not None and high >= below:
        raise ValueError(f"{name} must be less than {below}, where the table ends; got {high:g}")


@contextlib.contextmanager
def trusted_values():
    """Within, the values of positions and tokens are not read: they were checked.

    Reading costs time in every layer, waits for a GPU, and is impossible under ``torch.vmap``.
    """
    token = _TRUSTED.set(True)
    try:
        yield
    finally:
        _TRUSTED.reset(token)


def values_are_trusted():
    """Whether this runs within `trusted_values`."""
    return _TRUSTED.get()


def precise_dtype(device):
    """The dtype for angles and codes: float64, or float32 on a device that has no other."""
    return torch.float32 if device.type == "mps" else torch.float64


def offsets(query_positions, key_positions):
    """How far each key lies after each query: negative for the past.

    Parameters
    ----------
    query_positions : tensor (queries,) or (batch, queries)
    key_positions : tensor (keys,) or (batch, keys)

    Returns
    -------
    tensor (queries, keys) or (batch, queries, keys)
        int32 if both are integers, float32 otherwise. Differences of integers are exact. Others are taken in
        float64 (float32 on a device without it) before they are rounded, so that they depend on distances only,
        however far out the positions lie.

    Raises
    ------
    ValueError
        If both have a batch axis, of different lengths.
    """
    if query_positions.ndim == key_positions.ndim == 2 and len(query_positions) != len(key_positions):
        raise ValueError(
            "query_positions and key_positions must have the same batch, "
            f"got {tuple(query_positions.shape)} and {tuple(key_positions.shape)}"
        )
    whole = not (query_positions.is_floating_point() or key_positions.is_floating_point())
    dtype = torch.int32 if whole else precise_dtype(key_positions.device)
    relative = key_positions.to(dtype)[..., None, :] - query_positions.to(dtype)[..., :, None]
    return relative if whole else relative.to(torch.float32)


def randomized_positions(length, max_length, *, batch=None, seed=None, device="cpu"):
    """Positions drawn without replacement from 0..max_length-1, in increasing order.

    A model trained on them has met every position, and every distance, up to ``max_length``, on short
    sequences.

    Parameters
    ----------
    length : int
    max_length : int
        At least ``length``.
    batch : int, optional
        One draw per row; left out: one draw for all.
    seed : int, torch.Generator, numpy.random.Generator or None
        None: torch's global generator.
    device : str or torch.device

    Returns
    -------
    tensor (length,) or (batch, length), int64

    Raises
    ------
    ValueError
        If there are fewer positions than tokens, or an argument is out of its range.

    Notes
    -----
    Ruoss et al., "Randomized Positional Encodings Boost Length Generalization of Transformers", ACL 2023
    (arXiv:2305.16843), who draw afresh at test time too. Every subset of positions is equally likely.
    """
    length, max_length = checks.count("length", length), checks.count("max_length", max_length)
    if length > max_length:
        raise ValueError(f"length must be at most max_length, got length={length} and max_length={max_length}")
    rows = 1 if batch is None else checks.count("batch", batch)
    device = checks.device(device)
    noise = torch.rand(rows, max_length, generator=checks.torch_generator(seed))
    drawn = noise.topk(length, dim=-1).indices.sort(dim=-1).values
    return (drawn[0] if batch is None else drawn).to(device)


def _check_form(positions, length, batch, whole, name):
    if not isinstance(positions, torch.Tensor):
        raise ValueError(f"{name} must be a tensor, got {type(positions).__name__}")
    dtype = positions.dtype
    if dtype is torch.bool or dtype.is_complex or (whole and dtype.is_floating_point):
        allowed = "integers: they are looked up in a table" if whole else "integers or real numbers"
        raise ValueError(f"{name} must be {allowed}; got dtype {dtype}")
    if dtype not in (torch.int32, torch.int64, torch.float32, torch.float64):
        raise ValueError(f"{name} must be int64, int32, float64 or float32, got {dtype}: it cannot count far enough")
    shape = tuple(positions.shape)
    want = f"({'length' if length is None else length},) or ({'batch' if batch is None else batch}, ...)"
    fits = len(shape) in (1, 2) and shape[-1] > 0
    fits = fits and (length is None or shape[-1] == length)
    fits = fits and (len(shape) == 1 or batch is None or shape[0] == batch)
    if not fits:
        want = want.replace("...", str("length" if length is None else length))
        raise ValueError(f"{name} must have the shape {want}, got {shape}")


def extremes(x):
    """(lowest, highest) as Python numbers, or None where values cannot be read (or need not be)."""
    if _TRUSTED.get() or torch.compiler.is_compiling():
        return None
    try:
        low, high = torch.aminmax(x.detach())
        return low.item(), high.item()
    except RuntimeError:  # torch.vmap over x: it has no one value
        return None
