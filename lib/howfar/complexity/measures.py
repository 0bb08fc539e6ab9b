"""Measures of a task and a relation, exact."""

import numpy as np

from howfar import checks
from howfar.complexity.pairs import pairs_of, relation_of


def conflicts(task, relation, lengths):
    """How many labels are read in one place and not read in another.

    Parameters
    ----------
    task : str
        A name in `TASKS`.
    relation : str or callable
        A name in `RELATIONS`, or a function of `Pairs` that returns integer arrays (pairs,), which together are labels.
    lengths : sequence of int
        At all these lengths together.

    Returns
    -------
    int
    """
    label, read, _ = _labelled(task, relation, lengths)
    return len(_in_conflict(label, read))


def new_labels(task, relation, lengths, n):
    """How many labels at length n occur at none of the lengths of training.

    Parameters
    ----------
    task, relation
        As in `conflicts`.
    lengths : sequence of int
        Of training.
    n : int

    Returns
    -------
    needed, any : int
        Those that some step reads, and all.
    """
    label, read, here = _labelled(task, relation, lengths, n)
    return len(_new(label, here & read, here)), len(_new(label, here, here))


def fan_in(task, n):
    """The most tokens that one step reads at length n."""
    pairs = pairs_of(task, n)
    return int(np.bincount(pairs.step, pairs.read).max(initial=0))


def risk(task, relation, lengths, n):
    r"""The error, at length n, of the best position-only linear attention on the lengths of training.

    A step's output is :math:`\sum_k w_{\varphi(k)} x_k`, a weight for each label, and its target the sum of the tokens
    that it reads; tokens are independent, with mean 0 and variance 1. The weights have the least squared error over all
    steps of all ``lengths``; labels not met there have the weight 0.

    Parameters
    ----------
    task, relation, lengths, n
        As in `new_labels`.

    Returns
    -------
    float
        The mean squared error over the steps at length n, divided by the mean variance of the targets: 0 is perfect, 1
        is an output that is always 0, and more is worse than that. (Tokens of an answer are not independent; but an
        error of 0 is one under any law.)
    """
    label, read, here = _labelled(task, relation, lengths, n)
    met = np.bincount(label[~here], minlength=label.max() + 1)
    weight = np.bincount(label[~here], read[~here], minlength=len(met)) / np.maximum(met, 1)
    return float(np.square(weight[label[here]] - read[here]).sum() / read[here].sum())


def transfers(task, relation, lengths, n):
    """Does a fit on the lengths of training decide every weight at length n, and rightly? Whether `risk` is 0.

    Parameters
    ----------
    task, relation, lengths, n
        As in `new_labels`.

    Returns
    -------
    bool
        Whether none of the labels that occur at n is in conflict, over all these lengths and n together, and none of
        those that are read at n is new.

    Notes
    -----
    Why this is the same: the least-squares weight of a label is the share of its pairs that are read in training, and 0
    if it is new. At n the error of a label's pairs vanishes if and only if each of them is read (or each not) and the
    weight is exactly 1 (or 0): so it was read always (or never, or wasn't met).
    """
    label, read, here = _labelled(task, relation, lengths, n)
    harmful = np.intersect1d(_in_conflict(label, read), label[here])
    return len(_new(label, here & read, here)) == 0 and len(harmful) == 0


def objections(task, relation, lengths, n):
    """What our heuristic for Transformers has against carrying a task over to length n.

    Parameters
    ----------
    task, relation, lengths, n
        As in `new_labels`.

    Returns
    -------
    tuple of str
        Of "conflict", among the labels of all lengths and n together; "new label", whether it is needed or not; and
        "growing fan-in".

    Notes
    -----
    A step's own token is no pair here: a residual stream has it without attention. A label that is new has a bias that
    was never trained, and disturbs the others whether it is needed or not.
    """
    lengths = _lengths(lengths)
    label, read, here = _labelled(task, relation, lengths, n, own=False)
    found = {
        "conflict": len(_in_conflict(label, read)) > 0,
        "new label": len(_new(label, here, here)) > 0,
        "growing fan-in": fan_in(task, n) > max(fan_in(task, m) for m in lengths),
    }
    return tuple(name for name, there in found.items() if there)


def predicted(task, relation, lengths, n):
    """Our heuristic for Transformers: whether there are no `objections`."""
    return not objections(task, relation, lengths, n)


def measures(task, relation, lengths, n):
    """All measures of a task and a relation.

    Parameters
    ----------
    task, relation, lengths, n
        As in `new_labels`.

    Returns
    -------
    dict
        ``conflicts`` at the lengths of training; ``new_needed, new_any``; ``fan_in`` and ``fan_in_new``, ``risk`` and
        ``risk_new``, at the longest length of training and at n; ``transfers``; ``objections``, joined by commas, and
        ``predicted``.
    """
    lengths = _lengths(lengths)
    needed, every = new_labels(task, relation, lengths, n)
    against = objections(task, relation, lengths, n)
    return {
        "conflicts": conflicts(task, relation, lengths),
        "new_needed": needed,
        "new_any": every,
        "fan_in": fan_in(task, max(lengths)),
        "fan_in_new": fan_in(task, n),
        "risk": risk(task, relation, lengths, max(lengths)),
        "risk_new": risk(task, relation, lengths, n),
        "transfers": transfers(task, relation, lengths, n),
        "objections": ", ".join(against),
        "predicted": not against,
    }


def _labelled(task, relation, lengths, last=None, own=True):
    """Of all pairs at these lengths and ``last``: the label's number, whether it is read, whether it is at ``last``.

    Without ``own``, a step's own token is left out.
    """
    relation, lengths, last = relation_of(relation), _lengths(lengths), [] if last is None else [last]
    found = [pairs_of(task, n) for n in [*lengths, *last]]
    kept = [own | (pairs.key != pairs.query) for pairs in found]
    label = 0
    for column in zip(*(relation(pairs) for pairs in found), strict=True):
        values, code = np.unique(np.concatenate(column), return_inverse=True)
        label = label * len(values) + code
    read = np.concatenate([pairs.read for pairs in found])
    here = np.repeat([False] * len(lengths) + [True] * len(last), [len(pairs.read) for pairs in found])
    kept = np.concatenate(kept)
    return np.unique(label[kept], return_inverse=True)[1], read[kept], here[kept]


def _new(label, chosen, here):
    """The labels among the chosen pairs that no pair has at the lengths of training, which are not ``here``."""
    return np.setdiff1d(label[chosen], label[~here])


def _in_conflict(label, read):
    """The labels that are read in one place and not read in another."""
    counts, found = np.bincount(label), np.bincount(label, read)
    return np.flatnonzero((found > 0) & (found < counts))


def _lengths(lengths):
    lengths = [checks.count("lengths", n) for n in lengths]
    if not lengths:
        raise ValueError("lengths is empty: at least one is needed")
    return lengths
