"""Add two numbers, the least significant digit first, so that a carry is known before it is needed."""

import torch

from howfar import checks
from howfar.tasks.rows import NOTHING, PLUS, end, write_rows
from howfar.tasks.strings import random_digits


def addition(n, length, *, base=10, coupled=False, seed=None, device="cpu"):
    """Add two random numbers, least significant digit first: 413 + 98 is START 3 1 4 PLUS 8 9 0 SEPARATOR 1 1 5 0 STOP.

    A digit of the sum depends on two digits and a carry, and the carry on what was read and said one digit before.

    Parameters
    ----------
    n : int
        How many rows.
    length : int, or a pair of int
        Digits of each number, leading zeros too; with ``(least, most)`` each row draws its own length from that range.
        The sum has one more.
    base : int
        2 to 10.
    coupled : bool
        Give positions: digit i of both numbers and of the sum have the id i, START, PLUS and SEPARATOR have 0. Left
        out: none are given.
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

    Notes
    -----
    Digits are uniform, so that long chains of carries are rare. Ids of digits: McLeish et al., arXiv:2405.17399.
    """
    device, base = checks.device(device), checks.count("base", base, least=2, most=10)
    generator = checks.torch_generator(seed)
    first, lengths = random_digits(n, length, base, generator)
    second = end(torch.randint(base, first.shape, generator=generator), lengths)
    ids = torch.arange(1, first.shape[1] + 1).expand_as(first)
    places = torch.arange(1, first.shape[1] + 2).expand(len(first), -1)
    zero = torch.zeros_like(lengths)
    where = (_join(ids, zero, ids, lengths), zero, places) if checks.flag("coupled", coupled) else None
    asked = _join(first, torch.full_like(lengths, PLUS), second, lengths)
    return write_rows(asked, digits_of_sum(first, second, lengths, base), where).to(device)


def digits_of_sum(first, second, lengths, base):
    """The digits of sums (n, most + 1), of numbers (n, most) that have ``lengths`` digits; -1 behind the ends."""
    n, most = first.shape
    digits, carry = torch.zeros(n, most + 1, dtype=torch.int64), torch.zeros(n, dtype=torch.int64)
    for place in range(most):
        total = first[:, place].clamp(min=0) + second[:, place].clamp(min=0) + carry
        digits[:, place], carry = total % base, total // base
    digits[:, most] = carry
    return end(digits, lengths + 1)


def _join(first, between, second, lengths):
    """Rows (n, 2 most + 1): the first numbers' tokens, one in between, the second numbers'; -1 behind each end."""
    n, most = first.shape
    place, lengths = torch.arange(2 * most + 1), lengths[:, None]
    first = torch.cat([first, first.new_full((n, most + 1), NOTHING)], 1)
    rows = first.where(place < lengths, between[:, None])
    after = (place - lengths - 1).clamp(0, most - 1)
    return end(rows.where(place <= lengths, second.gather(1, after)), 2 * lengths[:, 0] + 1)
