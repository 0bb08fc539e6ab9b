"""Say a string again: as it is, backwards, or turned by one place. Tasks that any length asks in the same way."""

import torch

from howfar import checks
from howfar.tasks.blocks import _range
from howfar.tasks.rows import end, write_rows


def copy_string(n, length, *, symbols=10, coupled=False, seed=None, device="cpu"):
    """Repeat a string of random digits: START 3 1 4 SEPARATOR 3 1 4 STOP.

    Parameters
    ----------
    n : int
        How many rows.
    length : int, or a pair of int
        Digits in each string; with ``(least, most)`` each row draws its own length from that range.
    symbols : int
        How many different digits, 2 to 10.
    coupled : bool
        Give positions, in which ids that belong together are equal: digit i of the string and digit i of the answer
        have the id i; START and SEPARATOR have 0. What is said next stands at the next id. Left out: none are given.
    seed : int, torch.Generator, numpy.random.Generator or None
        None: torch's global generator.
    device : str or torch.device

    Returns
    -------
    Batch
        See `howfar.tasks.write_rows`; for all lengths in a range one shape, that of the longest.
        `prompts_and_answers` has what `howfar.training.generate` needs.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    Coupled ids are knowledge of the task that we give to the model: McLeish et al., arXiv:2405.17399, and Cho et al.,
    arXiv:2405.20671, for addition.
    """
    digits, lengths = random_digits(n, length, symbols, seed)
    ids = torch.arange(1, digits.shape[1] + 1).expand_as(digits)
    return _rows(digits, digits, (ids, torch.zeros_like(lengths), ids), coupled, device)


def reverse_string(n, length, *, symbols=10, coupled=False, seed=None, device="cpu"):
    """Repeat a string of random digits backwards: START 3 1 4 SEPARATOR 4 1 3 STOP.

    Parameters
    ----------
    n, length, symbols, seed, device
        As in `copy_string`.
    coupled : bool
        As there; a digit of the answer has the id of the digit that it repeats, SEPARATOR has the length plus 1. What
        is said next stands at the id before, and STOP is said where that is START's.

    Returns
    -------
    Batch
        As of `copy_string`.
    """
    digits, lengths = random_digits(n, length, symbols, seed)
    ids = torch.arange(1, digits.shape[1] + 1).expand_as(digits)
    back = (lengths[:, None] + 1 - ids).clamp(min=0)
    answers = end(digits.gather(1, (back - 1).clamp(min=0)), lengths)
    return _rows(digits, answers, (ids, lengths + 1, back), coupled, device)


def cyclic_shift(n, length, *, symbols=10, coupled=False, seed=None, device="cpu"):
    """Repeat a string of random digits from its second one on, the first one last: START 3 1 4 SEPARATOR 1 4 3 STOP.

    Parameters
    ----------
    n, length, symbols, seed, device
        As in `copy_string`.
    coupled : bool
        As there; a digit of the answer has the id of the digit that it repeats, SEPARATOR has 1. What is said next
        stands at the next id, but for the last digit, which stands as far back as the string is long.

    Returns
    -------
    Batch
        As of `copy_string`.
    """
    digits, lengths = random_digits(n, length, symbols, seed)
    ids = torch.arange(1, digits.shape[1] + 1).expand_as(digits)
    turned = ids % lengths[:, None] + 1
    answers = end(digits.gather(1, turned - 1), lengths)
    return _rows(digits, answers, (ids, torch.ones_like(lengths), turned), coupled, device)


def random_digits(n, length, symbols, seed):
    """Digits (n, most), independent and uniform, with -1 behind each row's end; and the lengths (n,)."""
    n, (least, most) = checks.count("n", n), _range("length", length)
    symbols, generator = checks.count("symbols", symbols, least=2, most=10), checks.torch_generator(seed)
    lengths = torch.randint(least, most + 1, (n,), generator=generator)
    return end(torch.randint(symbols, (n, most), generator=generator), lengths), lengths


def _rows(digits, answers, ids, coupled, device):
    device = checks.device(device)
    return write_rows(digits, answers, ids if checks.flag("coupled", coupled) else None).to(device)
