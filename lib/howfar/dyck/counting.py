"""Counting and listing the words of a language, and their prefixes."""

import math

import numpy as np
import torch

from howfar.dyck.words import greatest_depth, language

MOST_TOKENS = 5 * 10**7  # that a list of words may have: 400 MB, some seconds


def count_words(length, k, max_depth=None):
    r"""How many Dyck-k words of a length there are, exactly.

    Parameters
    ----------
    length : int
        Number of tokens; odd lengths have no words.
    k : int
        Number of bracket types.
    max_depth : int, optional
        At most so many brackets open at once.

    Returns
    -------
    int
        For ``length = 2n`` and no depth bound, ``k**n`` times the n-th Catalan number.

    Raises
    ------
    ValueError
        If ``length`` or ``max_depth`` is no integer of at least 0, or ``k`` none of at least 1; 3.0 is no integer.
    """
    length, k, max_depth = language(length, k, max_depth)
    if length % 2:
        return 0
    return k ** (length // 2) * _paths(length, greatest_depth(length, max_depth))[0]


def count_prefixes(length, k, max_depth=None):
    """How many token sequences of a length can still be completed to a Dyck-k word, exactly.

    Parameters and errors are those of `count_words`.

    Returns
    -------
    int
        Without a depth bound: the sum over heights h of ``k**((length + h) / 2)`` times the ballot number.
    """
    length, k, max_depth = language(length, k, max_depth)
    paths, odd, total = _paths(length, length if max_depth is None else min(length, max_depth)), length % 2, 0
    for height in reversed(range(odd, len(paths), 2)):
        total = total * k + paths[height]
    return total * k ** ((length + odd) // 2)


def _paths(length, highest):
    """The ways to go from height 0 to each height in 0..highest, by steps of one that stay there; exact integers.

    All paths with u steps up end at the same place, ``2u - length``. To take away those that leave the strip, add them
    up with signs after folding the line at -1 and at highest + 1: the reflection principle for two walls
    (Mohanty, Lattice Path Counting and Applications, 1979).
    """
    counts, period, ways = [0] * (highest + 1), 2 * (highest + 2), 1
    for ups in range(length + 1):
        place = (2 * ups - length) % period
        if place <= highest:
            counts[place] += ways
        elif highest + 2 <= place < period - 1:
            counts[period - 2 - place] -= ways
        ways = ways * (length - ups) // (ups + 1)
    return counts


def all_words(length, k, max_depth=None):
    """Every Dyck-k word of a length, in lexicographic order of the tokens.

    Parameters
    ----------
    length, k, max_depth
        As in `count_words`.

    Returns
    -------
    LongTensor (count, length)

    Raises
    ------
    ValueError
        As `count_words`, and if the table would have more than 50 million tokens.
    """
    length, k, max_depth = language(length, k, max_depth)
    count = count_words(length, k, max_depth)
    _refuse_long_lists("all_words", count, length)
    if count == 0:
        return torch.empty((0, length), dtype=torch.long)
    highest = greatest_depth(length, max_depth)
    return _list(k, [min(highest, length - t - 1) for t in range(length)])


def all_prefixes(length, k, max_depth=None):
    """Every token sequence of a length that can still be completed to a Dyck-k word, in lexicographic order.

    The completion may be as long as it has to be; the sequences that are words are among them.

    Parameters
    ----------
    length, k, max_depth
        As in `count_words`.

    Returns
    -------
    LongTensor (count, length)
        As many rows as `count_prefixes` says.

    Raises
    ------
    ValueError
        As `all_words`.

    Examples
    --------
    >>> all_prefixes(2, 2)
    tensor([[0, 0],
            [0, 1],
            [0, 2],
            [1, 0],
            [1, 1],
            [1, 3]])
    """
    length, k, max_depth = language(length, k, max_depth)
    _refuse_long_lists("all_prefixes", count_prefixes(length, k, max_depth), length)
    return _list(k, [length if max_depth is None else min(length, max_depth)] * length)


def _list(k, ceilings):
    """Every sequence whose height after token t is at most ``ceilings[t]``, in lexicographic order."""
    levels, heights = [], np.zeros(1, np.int32)
    stacks = np.zeros((1, max(ceilings, default=0)), np.int32)  # the types that are open
    for ceiling in ceilings:
        openings = np.where(heights < ceiling, k, 0)
        children = openings + (heights > 0)
        parents = np.repeat(np.arange(len(heights)), children)
        tokens = np.arange(len(parents)) - (np.cumsum(children) - children)[parents]
        closing = np.flatnonzero(tokens == openings[parents])  # the last child; the openings come first, in order
        tokens[closing] = k + stacks[parents[closing], heights[parents[closing]] - 1]
        heights, stacks = heights[parents] + 1, stacks.take(parents, axis=0)
        heights[closing] -= 2
        opened = np.flatnonzero(tokens < k)
        stacks[opened, heights[opened] - 1] = tokens[opened]
        levels.append((parents, tokens.astype(np.int32)))
    words = np.empty((len(ceilings), len(heights)), np.int64)
    rows = slice(None)
    for word, (parents, tokens) in zip(words[::-1], levels[::-1], strict=True):  # back from the last token
        word[:] = tokens[rows]
        rows = parents[rows]
    return torch.from_numpy(np.ascontiguousarray(words.T))


def _refuse_long_lists(name, count, length):
    if count * length > MOST_TOKENS:
        many = count if count < 10**9 else f"about 10^{math.log10(count):.0f}"
        raise ValueError(
            f"{name} would list {many} rows of {length} tokens; more than {MOST_TOKENS:,} tokens are refused"
        )
