"""Is the number of ones odd? Asked at once, or with the parities of all prefixes written down on the way."""

import torch

from howfar import checks
from howfar.tasks.rows import end, write_rows
from howfar.tasks.strings import random_digits


def parity(n, length, *, scratchpad=False, coupled=False, seed=None, device="cpu"):
    """The parity of random bits: START 1 0 1 1 SEPARATOR 1 STOP; with a scratchpad SEPARATOR 1 1 0 1 STOP.

    Without a scratchpad one token depends on all bits. With it each token depends on two that were read, one bit and
    the parity before it; the last one is the answer.

    Parameters
    ----------
    n : int
        How many rows.
    length : int, or a pair of int
        Bits in each row; with ``(least, most)`` each row draws its own length from that range.
    scratchpad : bool
    coupled : bool
        Give positions: bit i and the parity of the first i bits have the id i, START and SEPARATOR have 0. Without a
        scratchpad the answer belongs to no bit, and has the id 0. Left out: none are given.
    seed : int, torch.Generator, numpy.random.Generator or None
        None: torch's global generator.
    device : str or torch.device

    Returns
    -------
    Batch
        As of `copy_string`.

    Raises
    ------
    ValueError
        If a number is out of range.
    """
    device = checks.device(device)
    bits, lengths = random_digits(n, length, 2, seed)
    parities = prefix_parities(bits, lengths)
    ids = torch.arange(1, bits.shape[1] + 1).expand_as(bits)
    where = ids
    if not checks.flag("scratchpad", scratchpad):
        parities, where = parities.gather(1, lengths[:, None] - 1), torch.zeros(len(bits), 1, dtype=torch.int64)
    where = (ids, torch.zeros_like(lengths), where) if checks.flag("coupled", coupled) else None
    return write_rows(bits, parities, where).to(device)


def prefix_parities(bits, lengths):
    """The parities of all prefixes: bits (n, most) with -1 behind the ends, and their lengths (n,)."""
    return end(bits.clamp(min=0).cumsum(1) % 2, lengths)
