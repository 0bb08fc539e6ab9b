"""Words as sparse vectors in which W1 is an L1 distance between means."""

import numpy as np
from scipy.sparse import csr_matrix

from howfar.dyck import check_words, depths, word_array
from howfar.wasserstein.stack import KeyTable, occupation_records
from howfar.wasserstein.trie import edge_lengths, pack, sort_words

EMBEDDINGS = ("prefix", "occupation", "depth")


def tree_embedding(X, metric, *, k=None, length=None):
    r"""Words as vectors phi(x), one coordinate per tree edge, for a metric whose W_1 has a closed form on a tree.

    .. math:: W_1(a, b) = \| \textstyle\sum_i a_i\, \phi(x_i) - \sum_j b_j\, \phi(y_j) \|_1

    for two weightings a, b of the words, so that means, differences, resampling and dual potentials are linear
    algebra. Embed both samples together (one row block after the other): the coordinates belong to this call.

    Parameters
    ----------
    X : LongTensor or integer array (n, T), or a list of words of any lengths
        A shorter word ends in -1.
    metric : str
        ``"prefix"``: `trie_wasserstein`. ``"occupation"``: `stack_wasserstein`. ``"depth"``: W_1 of the words' greatest
        depths.
    k : int
        Number of bracket types; not needed for ``"prefix"``.
    length : float or array (depth,), optional
        Edge lengths by depth, default 1.

    Returns
    -------
    scipy.sparse.csr_matrix, float64 (n, nodes)
        Entries non-negative. Edges that the same words use may share a column.

    Raises
    ------
    ValueError
        If ``metric`` is unknown, ``k`` is missing, or a row is no word.
    """
    X, *extremes = word_array(X, name="X", kind="sample", return_range=True)
    if metric not in EMBEDDINGS:
        raise ValueError(f"metric must be one of {', '.join(EMBEDDINGS)}, got {metric!r}")
    if metric == "prefix":
        return _prefix(X, extremes, length)
    if k is None:
        raise ValueError(f"metric {metric!r} needs k, the number of bracket types")
    return (_occupation if metric == "occupation" else _depth)(X, k, length)


def _prefix(X, extremes, length):
    """One column per prefix that several different words share, and one per word for what it has alone."""
    n, width = X.shape
    weights = edge_lengths(length, width)
    upto = np.concatenate([[0.0], np.cumsum(weights)])
    keys, ends, bits = pack([X], [extremes], width)
    order, common = sort_words(keys, bits, width)
    ends = np.full(n, width) if ends is None else ends
    first = common < width  # of equal words, the first
    if width:
        word_of = np.empty(n, np.int64)
        word_of[order] = np.cumsum(first) - 1
    else:
        word_of, first = np.zeros(n, np.int64), np.arange(n) == 0
    common, ends = common[first], ends[order[first]]
    shared = np.maximum(common, np.append(common[1:], 0)).astype(np.int64)  # the longest prefix with another word
    words, columns, values = [np.arange(len(ends))], [np.arange(len(ends))], [upto[ends] - upto[shared]]
    used = len(ends)
    for depth in range(1, int(shared.max(initial=0)) + 1):
        column = np.cumsum(common < depth) - 1
        here = np.flatnonzero(shared >= depth)
        _, column = np.unique(column[here], return_inverse=True)
        words.append(here)
        columns.append(used + column)
        values.append(np.full(len(here), weights[depth - 1]))
        used += int(column.max()) + 1
    rows = (np.concatenate(values), (np.concatenate(words), np.concatenate(columns)))
    return csr_matrix(rows, shape=(len(ends), used))[word_of]


def _occupation(X, k, length):
    n = len(X)
    table = KeyTable.for_words(k, (X, "X"))
    weights = np.append(0.0, edge_lengths(length, table.depth))
    tokens = np.maximum((X >= 0).sum(axis=1), 1)
    words, nodes, values = [], [], []
    for rows, keys, level, times in occupation_records(X, table, "X"):
        amount = times * weights[level] / tokens[rows][:, None]
        row, column = np.nonzero(level)
        words.append(np.arange(n)[rows][row])
        nodes.append(keys[row, column])
        values.append(amount[row, column])
    if not words:
        return csr_matrix((n, 0))
    distinct, columns = np.unique(np.concatenate(nodes), return_inverse=True)
    rows = (np.concatenate(values), (np.concatenate(words), columns))
    return csr_matrix(rows, shape=(n, len(distinct)))  # a push and its pop have one place, and are added up


def _depth(X, k, length):
    deepest = max_depths(X, k, "X")
    steps = np.arange(1, int(deepest.max()) + 1)
    reached = csr_matrix((deepest[:, None] >= steps).astype(np.float64))
    return csr_matrix(reached.multiply(edge_lengths(length, len(steps))))


def max_depths(X, k, name):
    """The greatest depth of each word, integer array (n,)."""
    check_words(X, k, name=name)
    return depths(X, k).numpy().max(axis=1, initial=0)
