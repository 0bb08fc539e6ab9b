"""Distances between words: the ground metrics of the transport problems."""

import numpy as np

from howfar import checks
from howfar.dyck import check_words, word_array
from howfar.wasserstein.embedding import tree_embedding
from howfar.wasserstein.words import edge_lengths, max_depths

METRICS = ("prefix", "stack", "edit", "depth")
PAIRS = 2**15  # pairs of words handled at a time
CELLS = 2**25  # numbers that the edit distance holds at a time


def dist(X_a, X_b=None, *, metric="prefix", k=None, length=None):
    """The matrix of distances between two samples of words.

    Parameters
    ----------
    X_a : LongTensor or integer array (n, T), or a list of words of any lengths
        Tokens >= 0; a shorter word ends in -1.
    X_b : likewise (m, S), optional
        Left out: ``X_a``.
    metric : str
        ``"prefix"``: the path in the prefix tree, ``|x| + |y| - 2 lcp`` tokens; what `trie_wasserstein` solves.
        ``"stack"``: W_1 between the two words' own occupation measures, `stack_wasserstein` of one word and one.
        ``"edit"``: the least number of insertions, deletions and substitutions (Levenshtein).
        ``"depth"``: the difference of the greatest depths.
        Under ``"stack"`` and ``"depth"`` different words can be at distance 0: pseudo-metrics.
    k : int
        Number of bracket types; for ``"stack"`` and ``"depth"``, whose words must be Dyck words.
    length : float or array (depth,), optional
        Edge lengths by depth for ``"prefix"`` and ``"stack"``, default 1.

    Returns
    -------
    float64 array (n, m)

    Raises
    ------
    ValueError
        If ``metric`` is unknown, ``k`` is missing, a row is no word (the message names it), or ``length`` is given to
        a metric that has none.

    Notes
    -----
    Cost per pair: some 10 ns for ``"prefix"``, 100 times that for ``"edit"`` at 64 tokens.

    With the metrics ``"prefix"`` and ``"depth"`` the transport problem between samples has a closed form, the L1
    distance between the mean rows of `tree_embedding`. With ``"stack"`` that L1 distance is `stack_wasserstein`, which
    compares mean occupation measures and is at most the W_1 between words under this metric.
    """
    checks.choice("metric", metric, METRICS)
    if metric in ("stack", "depth"):
        if k is None:
            raise ValueError(f"metric {metric!r} needs k, the number of bracket types")
        k = checks.count("k", k)
    if metric in ("edit", "depth") and length is not None:
        raise ValueError(f"metric {metric!r} has no edge lengths; leave length out")
    X_a = word_array(X_a, name="X_a", kind="sample")
    X_b = X_a if X_b is None else word_array(X_b, name="X_b", kind="sample")
    if metric == "prefix":
        return _prefix(X_a, X_b, length)
    if metric == "stack":
        return _stack(X_a, X_b, k, length)
    if metric == "edit":
        return _edit(X_a, X_b)
    return np.abs(np.subtract.outer(max_depths(X_a, k, "X_a"), max_depths(X_b, k, "X_b"))).astype(np.float64)


def _prefix(X_a, X_b, length):
    width = max(X_a.shape[1], X_b.shape[1])
    upto = np.concatenate([[0.0], np.cumsum(edge_lengths(length, width))])
    ends_a, ends_b = ((X >= 0).sum(axis=1) for X in (X_a, X_b))
    a, b = _small(X_a), _small(X_b)
    common = np.zeros((len(a), len(b)), np.min_scalar_type(width))
    step = max(1, PAIRS // len(b))
    columns = np.ascontiguousarray(b.T)
    for first in range(0, len(a), step):
        rows, shared = a[first : first + step], common[first : first + step]
        same = np.ones(shared.shape, bool)
        for t in range(min(a.shape[1], b.shape[1])):
            token = rows[:, t, None]
            same &= (token == columns[t]) & (token >= 0)
            if not same.any():
                break
            shared += same
    out = np.take(-2 * upto, common)
    out += upto[ends_a][:, None]
    out += upto[ends_b]
    return out


def _stack(X_a, X_b, k, length):
    """The L1 distance of two rows of the embedding is their sums less twice what they share, entry by entry."""
    for X, name in ((X_a, "X_a"), (X_b, "X_b")):
        check_words(X, k, name=name)
    words = np.full((len(X_a) + len(X_b), max(X_a.shape[1], X_b.shape[1])), -1)
    words[: len(X_a), : X_a.shape[1]], words[len(X_a) :, : X_b.shape[1]] = X_a, X_b
    phi = tree_embedding(words, metric="stack", k=k, length=length)
    total = np.asarray(phi.sum(axis=1)).ravel()
    rows, columns = phi[: len(X_a)], phi[len(X_a) :].tocsc()
    out = total[: len(X_a), None] + total[len(X_a) :]
    for i in range(len(X_a)):
        mine = rows[i]
        theirs = columns[:, mine.indices]
        shared = np.minimum(theirs.data, np.repeat(mine.data, np.diff(theirs.indptr)))
        out[i] -= 2 * np.bincount(theirs.indices, shared, minlength=len(X_b))
    return np.maximum(out, 0.0)


def _edit(X_a, X_b):
    """The usual recursion, for many pairs at once; row i, column j: prefixes of i and j tokens."""
    a, b = _small(X_a), _small(X_b)
    ends_a, ends_b = ((X >= 0).sum(axis=1) for X in (X_a, X_b))
    out = np.empty((len(a), len(b)))
    longest = max(X_a.shape[1], X_b.shape[1])
    number = np.int16 if longest + 1 < 2**15 else np.int32  # no distance is longer than the longer word
    step = max(1, min(PAIRS, CELLS // (longest + 1)) // len(b))
    for first in range(0, len(a), step):
        i_of, j_of = (x.ravel() for x in np.indices((len(a[first : first + step]), len(b))))
        i_of += first
        words_a, words_b = np.ascontiguousarray(a[i_of].T), np.ascontiguousarray(b[j_of].T)
        row = np.repeat(np.arange(len(words_b) + 1, dtype=number)[:, None], len(i_of), axis=1)
        found = ends_b[j_of].astype(number)  # for empty words of X_a
        for i, token in enumerate(words_a, start=1):
            diagonal = row[0].copy()
            row[0] = i
            for j, other in enumerate(words_b, start=1):
                best = np.minimum(row[j], row[j - 1])
                best += 1
                np.minimum(best, diagonal + (token != other), out=best)
                diagonal, row[j] = row[j].copy(), best
            done = np.flatnonzero(ends_a[i_of] == i)
            found[done] = row[ends_b[j_of[done]], done]
        out[first : first + step] = found.reshape(-1, len(b))
    return out


def _small(X):
    """The tokens in the smallest signed type: comparisons then run several times faster."""
    top = int(X.max(initial=0))
    return X.astype(next(t for t in (np.int8, np.int16, np.int32, np.int64) if top <= np.iinfo(t).max))
