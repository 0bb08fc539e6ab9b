"""The word problem of a group: what is the product of these elements? Hard to answer at once if the group is A5."""

import itertools

import numpy as np
import torch

from howfar import checks
from howfar.tasks.batch import Batch

GROUPS = ("S3", "A5", "S5", "Z60")


def multiplication_table(group):
    """The products of all pairs of elements of a group.

    Parameters
    ----------
    group : {"S3", "A5", "S5", "Z60"}
        S3 and S5 are all permutations of 3 and 5 things, A5 the even ones of 5, in lexicographic order; Z60 is addition
        modulo 60. They have 6, 120, 60 and 60 elements. S3 and Z60 are solvable, A5 and S5 are not.

    Returns
    -------
    LongTensor (elements, elements)
        ``table[x, y]`` is x and then y: the permutation that does x first. Element 0 does nothing.

    Raises
    ------
    ValueError
        If the group is unknown.

    Examples
    --------
    >>> multiplication_table("S3")[1]  # swap the last two things, then each of the six
    tensor([1, 0, 3, 2, 5, 4])
    """
    checks.choice("group", group, GROUPS)
    if group == "Z60":
        return (torch.arange(60)[:, None] + torch.arange(60)) % 60
    things = int(group[1])
    elements = np.array([p for p in itertools.permutations(range(things)) if group[0] == "S" or _is_even(p)])
    digits = things ** np.arange(things)[::-1]  # a permutation as a number, in the same order
    composed = elements[np.arange(len(elements))[None, :, None], elements[:, None, :]]  # thing i goes to y[x[i]]
    return torch.from_numpy(np.searchsorted(elements @ digits, composed @ digits))


def word_problem(n, length, group, *, seed=None, device="cpu"):
    r"""Random elements of a group, and the product so far at every position.

    Parameters
    ----------
    n : int
        How many words.
    length : int
        Elements in each.
    group : {"S3", "A5", "S5", "Z60"}
        As in `multiplication_table`.
    seed : int, torch.Generator, numpy.random.Generator or None
        None: torch's global generator.
    device : str or torch.device

    Returns
    -------
    Batch
        ``inputs`` and ``targets`` are int64 (n, length): elements :math:`g_1, g_2, \ldots`, uniform and independent,
        and the products :math:`s_i = s_{i-1} g_i`, :math:`s_1 = g_1`: what :math:`g_1` does, then :math:`g_2`, up to
        :math:`g_i`. So each product is uniform, too, whatever all but one of the elements are.

    Raises
    ------
    ValueError
        If a number is out of range, or the group unknown.

    Notes
    -----
    For a group that is not solvable, such as A5 and S5, the word problem is complete for NC1: Barrington,
    "Bounded-width polynomial-size branching programs recognize exactly those languages in NC1", 1989.
    """
    n, length, device = checks.count("n", n), checks.count("length", length), checks.device(device)
    table = multiplication_table(group)
    elements = torch.randint(0, len(table), (n, length), generator=checks.torch_generator(seed))
    products = elements.clone()
    for i in range(1, length):
        products[:, i] = table[products[:, i - 1], elements[:, i]]
    return Batch(elements, products).to(device)


def _is_even(permutation):
    return sum(x > y for x, y in itertools.combinations(permutation, 2)) % 2 == 0
