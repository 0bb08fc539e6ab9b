"""W1 between samples of words whose ground metric is the path length in their prefix tree (trie)."""

import numpy as np

from howfar.dyck import word_array
from howfar.wasserstein.checks import masses
from howfar.wasserstein.words import edge_lengths

KEY_BITS = 52  # integers below 2^53 are exact in float64


def trie_wasserstein(X_a, X_b, *, a=None, b=None, length=None):
    r"""The Wasserstein-1 distance W_1 between two samples of words in their prefix tree.

    .. math:: W_1 = \sum_{t \ge 1} w_t \sum_{|p| = t} |P_a(p) - P_b(p)|

    where P(p) is the share of the words that begin with p. A word is the node of the trie that its tokens lead to, so
    the ground metric is ``d(x, y) = w_1 + ... + w_|x| + w_1 + ... + w_|y| - 2 (w_1 + ... + w_lcp)``, lcp the length of
    the longest common prefix.

    Parameters
    ----------
    X_a, X_b : LongTensor or integer array (n, T) and (m, S), or a list of words of any lengths
        Tokens >= 0. A shorter word ends in -1: padding is the end of the word, no token, and adds no length.
    a, b : array or tensor (n,), (m,), optional
        Non-negative weights of the words, of equal total mass. Left out: 1/n (1/m) each.
    length : float or array (depth,), optional
        The length w_t of the edges from depth t-1 to depth t; a float for all. Default 1: the unit is a token. With
        ``1 / (2 T)`` words of T tokens have ``d = (T - lcp) / T``.

    Returns
    -------
    float
        In the unit of ``length``, times the total mass.

    Raises
    ------
    ValueError
        For empty samples, tokens below -1 or after a -1 (the message names the row), bad weights or lengths.

    Notes
    -----
    The words are packed into keys of 52 bits and sorted; then every prefix is a stretch of the sorted list. Weights are
    rounded to multiples of 2^-60 of the total (equal weights are exact), so that sums over stretches are differences of
    one cumulative sum, without rounding.

    The distance counts only where words *first* differ. Between samples of a rich language nearly every word is alone
    below some depth, and the value says more about the sample sizes than about the two laws: compare it with two
    samples of one law.

    Examples
    --------
    >>> trie_wasserstein([[0, 2]], [[0, 1]])
    2.0
    """
    X_a, *range_a = word_array(X_a, name="X_a", kind="sample", return_range=True)
    X_b, *range_b = word_array(X_b, name="X_b", kind="sample", return_range=True)
    mass, unit = _integer_masses(a, b, len(X_a), len(X_b))
    widest = max(X_a.shape[1], X_b.shape[1])
    weights = edge_lengths(length, widest)
    packed, ends, bits = pack([X_a, X_b], [range_a, range_b], widest)
    order, common = sort_words(packed, bits, widest)
    return unit * float(_refine(mass[order], common, None if ends is None else ends[order], weights))


def _refine(mass, common, ends, weights):
    """The sum over prefixes, depth by depth; words that share no longer prefix with another are settled at once.

    ``common[i]`` is the length of the prefix that sorted word i shares with word i - 1 (0 for the first).
    """
    widest = len(weights)
    upto = np.concatenate([[0.0], np.cumsum(weights)])  # upto[t] = w_1 + ... + w_t
    total = np.concatenate([[0], np.cumsum(mass)])
    distinct = np.flatnonzero(common < max(widest, 1))  # equal words become one
    total, common = np.append(total[distinct], total[-1]), common[distinct]
    ends = None if ends is None else ends[distinct]
    distance = 0.0
    for depth in range(1, widest + 1):
        starts = np.flatnonzero(common < depth)  # each stretch has one prefix of this length
        if depth == 1 or 2 * len(starts) > len(common):
            total, common, ends, settled = _drop_loners(total, common, ends, upto, depth)
            distance += settled
            if len(common) == 0:
                break
            starts = np.flatnonzero(common < depth)
        gap = np.abs(np.diff(total[starts], append=total[-1]))
        if ends is not None:
            gap = gap[ends[starts] >= depth]  # a word that ended before has no prefix of this length
        distance += weights[depth - 1] * float(gap.sum())
    return distance


def _drop_loners(total, common, ends, upto, depth):
    """Take out the words that share no prefix of length ``depth``, with what they contribute from there on."""
    alone = common < depth
    alone[:-1] &= common[1:] < depth
    mass = np.diff(total)
    rest = upto[-1] - upto[depth - 1] if ends is None else np.maximum(upto[ends[alone]] - upto[depth - 1], 0.0)
    settled = float((np.abs(mass[alone]) * rest).sum()) if ends is not None else rest * float(np.abs(mass[alone]).sum())
    kept = ~alone
    mass = mass[kept]
    return np.concatenate([[0], np.cumsum(mass)]), common[kept], None if ends is None else ends[kept], settled


def pack(samples, ranges, width):
    """Words as rows of few keys that sort in the order of the tokens.

    Parameters
    ----------
    samples : list of integer arrays (n_i, T_i)
    ranges : list of pairs of int
        The smallest and the largest entry of each.
    width : int
        The largest T_i.

    Returns
    -------
    keys : uint64 array (chunks, n)
        All samples, one after the other. A chunk holds ``KEY_BITS // bits`` tokens, the first in the highest bits.
    ends : integer array (n,) or None
        The length of each word; None if every word has ``width`` tokens.
    bits : int
        Bits per token.

    Notes
    -----
    A chunk is the product of its tokens with powers of two. In float64 that is exact up to 2^53, and BLAS is several
    times faster at it than shifting integers.
    """
    ragged = any(X.shape[1] < width or lowest < 0 for X, (lowest, _) in zip(samples, ranges, strict=True))
    top = max(highest for _, highest in ranges) + ragged  # ragged: 0 is the end, and tokens move up
    bits = max(top.bit_length(), 1)
    if bits > KEY_BITS:
        raise ValueError(f"tokens must be below 2^{KEY_BITS}, got {top}")
    per_key = KEY_BITS // bits
    powers = 2.0 ** (bits * np.arange(per_key - 1, -1, -1))
    n = sum(map(len, samples))
    keys = np.zeros((max(-(-width // per_key), 1), n), np.uint64)
    ends = np.empty(n, np.int32) if ragged else None
    step = max(1, 2**17 // max(width, 1))  # a block of rows that stays in the cache
    buffer = np.empty((min(step, n), width))
    row = 0
    for X in samples:
        for first in range(0, len(X), step):
            rows = X[first : first + step]
            here = slice(row, row + len(rows))
            block = buffer[: len(rows), : X.shape[1]]
            block[:] = rows
            if ragged:
                block += 1.0
                ends[here] = np.count_nonzero(block, axis=1)
            for chunk in range(0, -(-X.shape[1] // per_key)):
                tokens = block[:, chunk * per_key : (chunk + 1) * per_key]
                keys[chunk, here] = tokens @ powers[: tokens.shape[1]]
            row += len(rows)
    return keys, ends, bits


def sort_words(keys, bits, width):
    """The sorted order of packed words and the prefix that each shares with the one before.

    Parameters
    ----------
    keys : uint64 array (chunks, n)
    bits, width : int
        Bits per token, and tokens per word.

    Returns
    -------
    order : integer array (n,)
    common : integer array (n,)
        ``common[i]`` is the number of leading tokens that words ``order[i - 1]`` and ``order[i]`` share, at most
        ``width``; 0 for i = 0.
    """
    chunks, n = keys.shape
    per_key = KEY_BITS // bits
    top = per_key * bits
    shared = (top - np.arange(top + 1)) // bits  # tokens shared if bit j (1..top) is the highest that differs
    small = np.min_scalar_type(chunks * per_key)
    order = np.argsort(keys[0])
    common = np.zeros(n, small)
    common[1:] = shared[_highest_bit(_neighbours(keys[0][order]))]
    tied = np.arange(n)  # places whose word equals a neighbour's in all chunks so far
    for chunk in range(1, chunks):
        same = common[tied] == chunk * per_key
        tied = tied[same | np.append(same[1:], False)]
        if len(tied) == 0:
            break
        group = np.cumsum(common[tied] < chunk * per_key)
        words = order[tied]
        key = keys[chunk][words]
        inner = np.lexsort((key, group))
        order[tied], key = words[inner], key[inner]
        more = np.zeros(len(tied), small)
        more[1:] = shared[_highest_bit(_neighbours(key))]
        followers = common[tied] == chunk * per_key  # groups keep their places, so the first of a group stays first
        common[tied[followers]] += more[followers]
    np.minimum(common, width, out=common)
    return order, common


def _neighbours(key):
    return key[1:] ^ key[:-1]


def _highest_bit(x):
    """1 + the index of the highest set bit of integers below 2^53, from the exponent of a float; 0 for 0."""
    exponent = (x.astype(np.float64).view(np.int64) >> 52) - 1022
    return np.maximum(exponent, 0)


def _integer_masses(a, b, n, m):
    """Signed masses as integers (X_a positive, X_b negative), and the unit that they count."""
    if a is None and b is None:
        if n == 0 or m == 0:
            masses(a, b, n, m)  # raises
        shared = np.gcd(n, m)
        return np.concatenate([np.full(n, m // shared), np.full(m, -(n // shared))]), float(shared) / (n * m)
    a, b = masses(a, b, n, m)
    unit = 2.0**-60 * a.sum()
    mass = np.concatenate([np.rint(a / unit), -np.rint(b / unit)]).astype(np.int64)
    return mass, unit
