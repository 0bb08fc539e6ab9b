"""Words as sparse vectors in which W1 is an L1 distance between means."""

import numpy as np
from scipy.sparse import csr_matrix, issparse

from howfar import checks
from howfar.dyck import word_array
from howfar.wasserstein.checks import LARGEST
from howfar.wasserstein.stack import KeyTable, occupation_records
from howfar.wasserstein.trie import pack, sort_words
from howfar.wasserstein.words import edge_lengths, max_depths

EMBEDDINGS = ("prefix", "stack", "depth")


def tree_embedding(X, *, metric, k=None, length=None):
    r"""Words as vectors phi(x), one coordinate per tree edge, for a metric whose W_1 has a closed form on a tree.

    .. math:: W_1(a, b) = \| \textstyle\sum_i a_i\, \phi(x_i) - \sum_j b_j\, \phi(y_j) \|_1

    for two weightings a, b of the words, so that means, differences, resampling and dual potentials are linear
    algebra. Embed both samples together (one row block after the other): the coordinates belong to this call.

    Parameters
    ----------
    X : LongTensor or integer array (n, T), or a list of words of any lengths
        A shorter word ends in -1.
    metric : str
        As in `dist`, whose values are the L1 distances between the rows. W_1 between samples is that of
        `trie_wasserstein` for ``"prefix"``, of `stack_wasserstein` for ``"stack"`` (between occupation measures), and
        that of the words' greatest depths for ``"depth"``.
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
    checks.choice("metric", metric, EMBEDDINGS)
    if metric == "prefix":
        return _prefix(X, extremes, length)
    if k is None:
        raise ValueError(f"metric {metric!r} needs k, the number of bracket types")
    k = checks.count("k", k)
    return (_stack if metric == "stack" else _depth)(X, k, length)


def embedded(phi_a, phi_b):
    """Two blocks of rows of one embedding as float64 `csr_matrix` or array, whatever they were given as.

    Parameters
    ----------
    phi_a, phi_b : scipy.sparse matrix or array of any format, array, tensor or nested lists (n, nodes), (m, nodes)

    Returns
    -------
    csr_matrix or float64 array, twice

    Raises
    ------
    ValueError
        If one is no matrix of finite real numbers with at least one row (the message names it and the row), or they
        differ in the number of columns.
    """
    phi_a, phi_b = _matrix("phi_a", phi_a), _matrix("phi_b", phi_b)
    if phi_a.shape[1] != phi_b.shape[1]:
        raise ValueError(
            f"phi_a {phi_a.shape} and phi_b {phi_b.shape} must have the same columns: embed both samples in one call"
        )
    return phi_a, phi_b


def _matrix(name, phi):
    if issparse(phi) and phi.ndim == 2:
        phi = phi.tocsr()
        entries = checks.reals(name, phi.data, finite=False)
        bad = ~(np.abs(entries) <= LARGEST)  # NaN too
        if bad.any():
            places = phi.tocoo()
            row, column, value = (x[np.argmax(bad)] for x in (places.row, places.col, entries))
            raise ValueError(f"{name} must be finite and at most {LARGEST:g}, entry ({row}, {column}) is {value}")
        phi = csr_matrix((entries, phi.indices, phi.indptr), shape=phi.shape)
    else:
        phi = checks.reals(name, phi, least=-LARGEST, most=LARGEST)
    if phi.ndim != 2 or phi.shape[0] == 0:
        raise ValueError(f"{name} must have shape (n, nodes) with n >= 1, got {phi.shape}")
    return phi


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


def _stack(X, k, length):
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
