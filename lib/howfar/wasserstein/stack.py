"""W1 between samples of Dyck words through the stacks that they pass through."""

import numpy as np

from howfar import checks
from howfar.dyck import check_words, length_blocks, word_array
from howfar.wasserstein.checks import masses
from howfar.wasserstein.words import edge_lengths

BLOCK = 2**18  # tokens handled at a time: what stays in the cache
LARGEST_TABLE = 2**24  # keys, 128 MiB
HASH_SEED = 20_605  # fixed: one stack has one key in every call


def stack_wasserstein(X_a, X_b, k, *, a=None, b=None, length=None):
    r"""The Wasserstein-1 distance W_1 between the occupation measures of stack states.

    Draw a word, then a time uniformly among its tokens, and look at the stack after that token: that is a node of the
    k-ary tree of stack contents, whose metric counts the pops and pushes from one stack to another. The distance
    between the two laws of that node is

    .. math:: W_1 = \sum_{v \neq \mathrm{root}} w_{|v|}\, |\mu_a(T_v) - \mu_b(T_v)|

    where mu(T_v) is the share of time that the brackets of v are at the bottom of the stack. (Words that end before
    their last bracket is closed, and searches that jump, go to `stop_wasserstein`, as addresses.)

    Parameters
    ----------
    X_a, X_b : LongTensor or integer array (n, T) and (m, S), or a list of words of any lengths
        Dyck-k words: openings 0..k-1, closings k..2k-1. A shorter word ends in -1. Every word has weight one, however
        long it is; the empty word spends its time at the root.
    k : int
        Number of bracket types.
    a, b : array or tensor (n,), (m,), optional
        Non-negative weights of the words, of equal total mass. Left out: 1/n (1/m) each.
    length : float or array (depth,), optional
        The length w_d of the edges from depth d-1 to depth d; a float for all. Default 1: the unit is a push or pop.

    Returns
    -------
    float
        In the unit of ``length``, times the total mass.

    Raises
    ------
    ValueError
        If a row is not a Dyck-k word (the message names it and the token), weights or lengths are bad, or the table of
        keys for ``k`` types would need more than 128 MiB.

    Notes
    -----
    A push at time t and its pop at time s put s - t moments below their node, so each token adds one signed number to
    its node and no stack is kept: the key of a node is a sum over its brackets, and records are sorted by key. Keys are
    exact while ``depth * log2(k + 1) < 62``; beyond that they are sums of fixed random 64-bit numbers, and N different
    stacks meet by chance with a probability of about N^2 / 2^65.

    Between two single words this is their distance ``dist(..., metric="stack")``, and the L1 distance of their rows in
    ``tree_embedding(..., metric="stack")``. Between samples it is at most the W_1 with that ground metric: it sees the
    mean over words only, and averaging can only bring laws closer. Twice the number of types does not move it if types
    are uniform: then it is the W_1 of the heights.

    Examples
    --------
    >>> stack_wasserstein([[0, 2]], [[1, 3]], k=2)  # each is half of the time at its own child of the root
    1.0
    """
    k = checks.count("k", k)
    X_a, X_b = (word_array(X, name=name, kind="sample") for X, name in ((X_a, "X_a"), (X_b, "X_b")))
    table = KeyTable.for_words(k, (X_a, "X_a"), (X_b, "X_b"))
    weights = edge_lengths(length, table.depth)
    *masses_per_token, unit = _token_masses(a, b, X_a, X_b)
    sums = _KeyedSums()
    for X, name, mass in zip((X_a, X_b), ("X_a", "X_b"), masses_per_token, strict=True):
        for rows, keys, level, times in occupation_records(X, table, name):
            amount = times
            amount *= mass[rows][:, None]
            if length is not None:
                amount *= np.concatenate([[0.0], weights])[level]
            sums.add(keys.ravel(), amount.ravel())
    return unit * float(np.abs(sums.total()).sum())


class KeyTable:
    """A number for each (depth, type) such that the sum over a stack tells it apart from every other stack.

    Parameters
    ----------
    k : int
    depth : int
        The deepest stack.

    Attributes
    ----------
    exact : bool
        True: the sum is the stack read as digits in base k + 1. False: a sum of fixed random numbers modulo 2^64.
    values : int64 array ((depth + 1) * k,)
        At ``depth * k + type``; 0 at depth 0.
    """

    def __init__(self, k, depth):
        if (depth + 1) * k > LARGEST_TABLE:
            raise ValueError(
                f"k={k} types at depths up to {depth} need a table of {(depth + 1) * k:,} keys "
                f"({8 * (depth + 1) * k / 2**30:.3g} GiB); at most {LARGEST_TABLE:,}: number the types that occur"
            )
        self.k, self.depth = k, depth
        self.exact = self.is_exact(k, depth)
        if self.exact:
            self.base = np.append(0, (k + 1) ** np.arange(depth, dtype=np.int64))  # of the digit at each depth
            self.values = np.outer(self.base, np.arange(1, k + 1)).ravel()
        else:
            rng = np.random.default_rng(HASH_SEED)
            self.values = rng.integers(-(2**63), 2**63 - 1, size=(depth + 1) * k, endpoint=True)
            self.values[:k] = 0

    @staticmethod
    def is_exact(k, depth):
        return depth * np.log2(k + 1) < 62

    @classmethod
    def for_words(cls, k, *samples):
        """The table for samples ``(X, name)``; words are checked here where its keys cannot tell a wrong bracket."""
        for X, name in samples:
            if X.size == 0 or X.max() >= 2 * k:
                check_words(X, k, name=name)
        depth = max(X.shape[1] for X, _ in samples) // 2
        if not cls.is_exact(k, depth):  # few words are as deep as they could be
            depth = max(_deepest(X, k) for X, _ in samples)
        table = cls(k, depth)
        if not table.exact:
            for X, name in samples:
                check_words(X, k, name=name)
        return table


def occupation_records(X, table, name):
    """The signed times of all tokens, block by block.

    Parameters
    ----------
    X : integer array (n, T)
        Tokens in the alphabet.
    table : KeyTable
    name : str
        What a message calls ``X``.

    Yields
    ------
    rows : slice or integer array
        Rows of like length.
    keys : int64 array (rows, longest)
        The node that the token pushes or pops; 0, the root, where the word has ended.
    level : integer array (rows, longest)
        Its depth.
    times : float64 array (rows, longest)
        -t for a push at time t, +t for a pop at time t, 0 at the end.

    Raises
    ------
    ValueError
        If a row is not a Dyck word.
    """
    k = table.k
    if X.dtype == np.uint64:
        X = X.astype(np.int64)  # of uint64 and a signed integer NumPy makes a float
    clock = np.arange(X.shape[1], dtype=np.float64)
    for rows, block in length_blocks(X, BLOCK):
        if block.shape[1] == 0:
            continue
        closing = block >= k
        height = _heights(block, k)
        if height.min() < 0 or height.max() > table.depth or height[:, -1].any():
            check_words(X, k, name=name)
        turn = np.diff(height, axis=1, prepend=0)
        level = height + closing
        value = level * k + block
        value -= k * closing
        value = np.take(table.values, value) * turn
        keys = np.cumsum(value, axis=1)
        if table.exact and (closing & ((keys < 0) | (keys >= np.take(table.base, level)))).any():
            check_words(X, k, name=name)  # after a pop only lower digits may be left: so the right type was popped
        keys -= value * closing
        yield rows, keys, level, -clock[: block.shape[1]] * turn


def _deepest(X, k):
    return max((int(_heights(block, k).max(initial=0)) for _, block in length_blocks(X, BLOCK)), default=0)


def _heights(X, k):
    turn = (X >= 0).astype(np.int8)
    turn -= 2 * (X >= k).view(np.int8)
    return np.cumsum(turn, axis=1, dtype=np.int32)


class _KeyedSums:
    """Amounts added up by key, in little more memory than the different keys need."""

    def __init__(self):
        self.pending, self.waiting, self.merged = [], 0, 0

    def add(self, keys, amounts):
        self.pending.append(_sum_by_key(keys, amounts))
        self.waiting += len(self.pending[-1][0])
        if self.waiting > 2 * self.merged + 2**21:
            self._merge()

    def total(self):
        self._merge()
        return self.pending[0][1] if self.pending else np.zeros(0)

    def _merge(self):
        if len(self.pending) > 1:
            self.pending = [_sum_by_key(*(np.concatenate(parts) for parts in zip(*self.pending, strict=True)))]
        self.merged = self.waiting = len(self.pending[0][0]) if self.pending else 0


def _sum_by_key(keys, amounts):
    order = np.argsort(keys)
    keys = keys[order]
    starts = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1) != 0) if len(keys) else np.zeros(0, np.int64)
    return keys[starts], np.add.reduceat(amounts[order], starts) if len(keys) else amounts


def _token_masses(a, b, X_a, X_b):
    """The signed weight of a token of each word, and its unit; whole numbers, so exact sums, where all words agree."""
    n, m = len(X_a), len(X_b)
    if a is None and b is None and X_a.shape[1] == X_b.shape[1] > 0 and min(X_a.min(), X_b.min()) >= 0:
        shared = np.gcd(n, m)
        return np.full(n, float(m // shared)), np.full(m, -float(n // shared)), float(shared) / (n * m * X_a.shape[1])
    a, b = masses(a, b, n, m)
    return *(w / np.maximum((X >= 0).sum(axis=1), 1) for w, X in ((a, X_a), (-b, X_b))), 1.0
