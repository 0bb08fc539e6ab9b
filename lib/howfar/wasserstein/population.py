"""W1 between two laws of Dyck words themselves, not between samples: exact values by dynamic programming."""

import numpy as np

from howfar.dyck import Walk, WordLaw
from howfar.wasserstein.trie import edge_lengths


def population_stack(P, Q, length=None):
    r"""What `stack_wasserstein` converges to, for two laws with uniform bracket types.

    .. math:: W_1 = \sum_{d \ge 1} w_d\, |P(\mathrm{height} \ge d) - Q(\mathrm{height} \ge d)|

    with heights averaged over time: all stacks of one depth are equally likely, so types cancel.

    Parameters
    ----------
    P, Q : howfar.dyck.WordLaw
        `howfar.dyck.Walk` or `howfar.dyck.Uniform`; the lengths may differ, the types ``k`` not.
    length : float or array (depth,), optional
        As in `stack_wasserstein`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If ``P`` or ``Q`` is no such law, or they differ in ``k``.
    """
    _check_laws(P, Q, WordLaw)
    tails = [np.cumsum(law.height_law()[1:].mean(axis=0)[::-1])[::-1][1:] for law in (P, Q)]
    deepest = max(map(len, tails))
    p, q = (np.pad(tail, (0, deepest - len(tail))) for tail in tails)
    return float(edge_lengths(length, deepest) @ np.abs(p - q))


def population_trie(P, Q, length=None):
    r"""What `trie_wasserstein` converges to (slowly!), for two walks that differ in their chance to open.

    The probability of a prefix depends on how often the walk chose to open and chose to close; prefixes are counted by
    height and by these two numbers.

    Parameters
    ----------
    P, Q : howfar.dyck.Walk
        Equal in all but ``p_open``.
    length : float or array (depth,), optional
        As in `trie_wasserstein`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If ``P`` or ``Q`` is no Walk, or they differ in more than ``p_open``.
    """
    _check_laws(P, Q, Walk)
    if (P.length, P.max_depth) != (Q.length, Q.max_depth):
        raise ValueError(f"P and Q may differ in p_open only, got {P} and {Q}")
    half = P.length // 2
    chosen = np.arange(half + 1)
    p, q = (np.outer(law.p_open**chosen, (1 - law.p_open) ** chosen) for law in (P, Q))  # by opens, closes chosen
    gap, weights = np.abs(p - q), edge_lengths(length, P.length)
    free = P.push_table()
    paths = np.zeros((free.shape[1], half + 1, half + 1))  # prefixes by height, opens chosen, closes chosen
    paths[0, 0, 0] = 1.0
    distance = 0.0
    for t in range(P.length):
        step = np.zeros_like(paths)
        for height, chance in enumerate(free[t]):
            here = paths[height]
            if chance == 1.0:
                step[height + 1] += here
            elif chance == 0.0 and height:
                step[height - 1] += here
            elif chance:
                step[height + 1, 1:] += here[:-1]
                step[height - 1, :, 1:] += here[:, :-1]
        paths = step
        distance += weights[t] * float((paths.sum(axis=0) * gap).sum())
    return distance


def _check_laws(P, Q, kind):
    for name, law in (("P", P), ("Q", Q)):
        if not isinstance(law, kind):
            raise ValueError(f"{name} must be a howfar.dyck.{kind.__name__}, got {law!r}")
    if P.k != Q.k:
        raise ValueError(f"P and Q must have the same number of bracket types, got k={P.k} and k={Q.k}")
