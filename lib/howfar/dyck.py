"""Dyck words: balanced brackets of k types, counted, enumerated, drawn and read.

The language Dyck-k has openings ``0..k-1`` and closings ``k..2k-1``; the closing of type ``s`` is ``k + s``. A word is
a row of a LongTensor ``(n, length)``. Words of different lengths share a tensor by ending in -1 (`pad_words`): -1
stands after the last token, never between tokens. With ``max_depth`` the language is Dyck-(k, D): never more than D
brackets open at once.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from howfar import checks

END = -1  # fills a row after the word's last token

BRACKETS = "([{)]}"  # Dyck-3 as text

MOST_TOKENS = 5 * 10**7  # that a list of words may have: 400 MB, some seconds


# Counting ------------------------------------------------------------------------------------------------------------


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
    length, k, max_depth = _language(length, k, max_depth)
    if length % 2:
        return 0
    return k ** (length // 2) * _paths(length, _highest(length, max_depth))[0]


def count_prefixes(length, k, max_depth=None):
    """How many token sequences of a length can still be completed to a Dyck-k word, exactly.

    Parameters and errors are those of `count_words`.

    Returns
    -------
    int
        Without a depth bound: the sum over heights h of ``k**((length + h) / 2)`` times the ballot number.
    """
    length, k, max_depth = _language(length, k, max_depth)
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
    length, k, max_depth = _language(length, k, max_depth)
    count = count_words(length, k, max_depth)
    _refuse_long_lists("all_words", count, length)
    if count == 0:
        return torch.empty((0, length), dtype=torch.long)
    highest = _highest(length, max_depth)
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
    length, k, max_depth = _language(length, k, max_depth)
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


# Random words --------------------------------------------------------------------------------------------------------


class WordLaw:
    """A law on Dyck-k words of one length: a Markov chain of the height, with bracket types drawn uniformly.

    A subclass has the fields ``length``, ``k``, ``max_depth`` and the method `push_table`; the rest follows.

    Raises
    ------
    ValueError
        If there is no such word.
    """

    def __post_init__(self):
        length, k, max_depth = _language(self.length, self.k, self.max_depth)
        if length % 2 or (length and max_depth == 0):
            bound = "" if max_depth is None else f" and depth at most {max_depth}"
            raise ValueError(f"there is no Dyck word of length {length}{bound}")
        for name, value in (("length", length), ("k", k), ("max_depth", max_depth)):
            object.__setattr__(self, name, value)

    def push_table(self):
        """The chance to open a bracket before token t at height h, float64 ``(length, highest + 1)``."""
        raise NotImplementedError

    def sample(self, n, seed=None):
        """Draw words.

        Parameters
        ----------
        n : int
        seed : int, torch.Generator, numpy.random.Generator or None
            None: torch's global generator. An int gives the same words on every machine.

        Returns
        -------
        LongTensor (n, length)
        """
        n, rng = checks.count("n", n, least=0), checks.numpy_generator(seed)
        push = self.push_table()
        length, levels = push.shape
        small = np.int16 if self.k < 2**14 else np.int64
        words = np.empty((length, n), small)
        stacks = np.zeros(((levels + 1) * n), small)  # the open types of word i are stacks[i], stacks[n + i], ...
        rows, heights = np.arange(n), np.zeros(n, np.int64)
        for t in range(length):
            up = rng.random(n) < push[t][heights]
            kinds = rng.integers(self.k, size=n, dtype=small)
            slots = heights * n + rows
            tops = stacks[slots - n]
            stacks[slots] = kinds  # for words that close, this slot is above the top, where nothing is read
            words[t] = np.where(up, kinds, tops + small(self.k))
            heights += np.where(up, 1, -1)
        return torch.from_numpy(np.ascontiguousarray(words.T, dtype=np.int64))

    def height_law(self):
        """The law of the height after t tokens: float64 ``(length + 1, highest + 1)``, each row sums to 1."""
        push = self.push_table()
        law = np.zeros((push.shape[0] + 1, push.shape[1]))
        law[0, 0] = 1.0
        for t, chance in enumerate(push):
            up, down = law[t] * chance, law[t] * (1 - chance)
            law[t + 1, 1:] += up[:-1]
            law[t + 1, :-1] += down[1:]
        return law

    def entropy(self):
        """The entropy of a word in bits: that of the height path plus ``log2 k`` for each pair of brackets."""
        push = self.push_table()
        mass = self.height_law()[:-1]
        inner = (push > 0) & (push < 1)
        p = push[inner]
        bits = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
        return float((mass[inner] * bits).sum() + self.length / 2 * math.log2(self.k))


@dataclass(frozen=True)
class Uniform(WordLaw):
    """All Dyck-k words of a length, equally likely; drawn by counting, step by step, the ways to finish.

    Parameters
    ----------
    length : int
        Even.
    k : int
    max_depth : int, optional

    Raises
    ------
    ValueError
        If there is no such word.

    Notes
    -----
    The counts are exact integers; only the chance of each step is rounded, to the nearest float64. The maximal depth of
    a long uniform word grows like ``sqrt(pi n)`` for n pairs: uniform words of two lengths differ in depth as well.
    """

    length: int
    k: int
    max_depth: int | None = None

    def push_table(self):
        """As `WordLaw.push_table`, read-only: the last tables are kept."""
        return _uniform_table(self.length, _highest(self.length, self.max_depth))


@lru_cache(maxsize=4)
def _uniform_table(length, highest):
    """`Uniform.push_table`; the types cancel."""
    push = np.zeros((length, highest + 1))
    (_fill_freely if highest == length // 2 else _fill_by_counting)(push)
    push.setflags(write=False)
    return push


def _fill_freely(push):
    """Without a bound, the ballot numbers' ratio: (h + 2) (r - h) / (2 r (h + 1)) with r tokens left.

    The integers are exact in float64, so that each chance is rounded once.
    """
    length = len(push)
    for t in range(length):
        left = length - t
        h = np.arange(t % 2, min(t, left) + 1, 2)  # the heights that a word can have here
        push[t, h] = (h + 2) * (left - h) / (2 * left * (h + 1))


def _fill_by_counting(push):
    """With r tokens left at height h: the ways to come down to 0 after an opening, by the ways in all."""
    length, levels = push.shape
    ways = [1] + [0] * levels  # by height, with no token left; the last entry stays 0
    for t in range(length - 1, -1, -1):
        after, ways = ways, [ways[h + 1] + (ways[h - 1] if h else 0) for h in range(levels)] + [0]
        push[t] = [after[h + 1] / ways[h] if ways[h] else 0.0 for h in range(levels)]


@dataclass(frozen=True)
class Walk(WordLaw):
    """Words of one length from a height walk that opens a bracket with chance ``p_open`` whenever it has the choice.

    At height 0 it must open; at ``max_depth``, or when the tokens left are just enough to close what is open, it must
    close. Types are uniform.

    Parameters
    ----------
    length : int
        Even.
    k : int
    p_open : float
        Strictly between 0 and 1.
    max_depth : int, optional

    Raises
    ------
    ValueError
        If ``p_open`` is not between 0 and 1 or there is no such word.
    """

    length: int
    k: int
    p_open: float = 0.5
    max_depth: int | None = None

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "p_open", checks.number("p_open", self.p_open, above=0, below=1))

    def push_table(self):
        highest = _highest(self.length, self.max_depth)
        push = np.full((self.length, highest + 1), float(self.p_open))
        push[:, highest] = 0.0
        heights, left = np.arange(highest + 1), self.length - np.arange(self.length)
        push[heights[None, :] >= left[:, None]] = 0.0
        push[:, 0] = 1.0
        return push


@dataclass(frozen=True)
class Automaton:
    r"""The probabilistic generator of Dyck-(k, D) in the literature: words of random length, ended by a coin.

    With nothing open: end with chance 1/2, else open. With 0 < h < D brackets open: close with chance 1/2, else open.
    With D open: close. Types are uniform.

    Parameters
    ----------
    k : int
    max_depth : int
        D, at least 1.

    Raises
    ------
    ValueError
        If ``k`` or ``max_depth`` is less than 1.

    Notes
    -----
    Hewitt, Hahn, Ganguli, Liang and Manning (2020) and Yao, Peng, Papadimitriou and Narasimhan (2021) train on this
    automaton, with further bounds on the length that are not applied here. A word has 2D brackets on average, and
    reaches depth d with chance 1/(d + 1): with D = 10, ten words in eleven never reach the greatest depth.
    """

    k: int
    max_depth: int

    def __post_init__(self):
        object.__setattr__(self, "k", checks.count("k", self.k))
        object.__setattr__(self, "max_depth", checks.count("max_depth", self.max_depth))

    def sample(self, n, seed=None):
        """Draw words.

        Parameters
        ----------
        n : int
        seed : int, torch.Generator, numpy.random.Generator or None
            As in `WordLaw.sample`.

        Returns
        -------
        LongTensor (n, longest)
            Shorter words end in -1.
        """
        n, rng = checks.count("n", n, least=0), checks.numpy_generator(seed)
        stacks = np.zeros((n, self.max_depth), np.int64)
        heights, columns = np.zeros(n, np.int64), []
        alive = np.arange(n)
        while alive.size:
            h = heights[alive]
            up = (rng.random(alive.size) < 0.5) & (h < self.max_depth)
            alive, h, up = (x[up | (h > 0)] for x in (alive, h, up))  # with nothing open, not to open is to end
            opens, closes = alive[up], alive[~up]
            column = np.full(n, END)
            kinds = rng.integers(self.k, size=opens.size)
            column[opens], stacks[opens, h[up]] = kinds, kinds
            column[closes] = self.k + stacks[closes, h[~up] - 1]
            heights[opens] += 1
            heights[closes] -= 1
            if alive.size:
                columns.append(column)
        return torch.from_numpy(np.stack(columns, axis=1) if columns else np.empty((n, 0), np.int64))

    def entropy(self):
        """The entropy of a word in bits: ``D (2 + log2 k)``, the end included."""
        return self.max_depth * (2 + math.log2(self.k))

    def nats_per_token(self):
        """The least cross-entropy of a language model in nats per token, the end counted as a token."""
        return self.entropy() * math.log(2) / (2 * self.max_depth + 1)

    def height_share(self):
        """The share of all positions (before each token, the end included) at height 0..D: float64 ``(D + 1,)``."""
        share = np.full(self.max_depth + 1, 2.0)
        share[-1] = 1.0
        return share / share.sum()


def sample_words(n, length, k, max_depth=None, seed=None):
    """Draw words uniformly from all Dyck-k words of a length.

    Parameters
    ----------
    n : int
        How many.
    length : int
        Tokens per word; even.
    k : int
    max_depth : int, optional
    seed : int, torch.Generator, numpy.random.Generator or None
        As in `WordLaw.sample`.

    Returns
    -------
    LongTensor (n, length)

    Raises
    ------
    ValueError
        If there is no such word, or an argument is no integer in its range.
    """
    return Uniform(length, k, max_depth).sample(n, seed)


# Reading words -------------------------------------------------------------------------------------------------------


def is_word(words, k, max_depth=None):
    """Is each row a word of the language?

    Parameters
    ----------
    words : LongTensor or array (n, length) or (length,), or a list of words
        -1 after the last token of a shorter word.
    k : int
    max_depth : int, optional

    Returns
    -------
    BoolTensor (n,), or a bool for one word

    Raises
    ------
    ValueError
        If a token is not in the alphabet or stands after the end of its word; the message names the row.
    """
    return _per_row(words, k, max_depth, full=True)


def is_prefix(words, k, max_depth=None):
    """Can each row be completed to a word of the language? Parameters, result and errors are those of `is_word`."""
    return _per_row(words, k, max_depth, full=False)


def depths(words, k):
    """The number of open brackets after each token.

    Parameters
    ----------
    words : LongTensor or array (n, length) or (length,), or a list of words
        Tokens of any order: below 0 is possible for rows that are no words.
    k : int

    Returns
    -------
    LongTensor, the shape of ``words``
        After the end of a word its last height is repeated.

    Raises
    ------
    ValueError
        If a token is not in the alphabet or stands after the end of its word.
    """
    k = checks.count("k", k)
    array = word_array(words, k=k)
    return torch.from_numpy(np.cumsum(np.where(array < 0, 0, np.where(array < k, 1, -1)), axis=-1))


def partners(words, k):
    """For each bracket the index of its match.

    Parameters
    ----------
    words : LongTensor or array (n, length) or (length,), or a list of words
        Words or viable prefixes.
    k : int

    Returns
    -------
    LongTensor, the shape of ``words``
        -1 for an opening that is never closed, and after the end of a word.

    Raises
    ------
    ValueError
        If a row is no viable prefix; the message names the row and the token.
    """
    k = checks.count("k", k)
    array = word_array(words, k=k)
    run = _read(array, k, None)
    return torch.from_numpy(np.ascontiguousarray(run.partners.T).reshape(array.shape))


def legal_tokens(words, k, max_depth=None):
    """Which tokens may come next, after every prefix.

    Parameters
    ----------
    words : LongTensor or array (n, length) or (length,), or a list of words
        Words or viable prefixes.
    k : int
    max_depth : int, optional

    Returns
    -------
    BoolTensor (n, length + 1, 2k + 1), or (length + 1, 2k + 1) for one word
        Entry ``[i, t, s]``: after the first t tokens of row i, token s is legal. The last column is the end of the
        word. Beyond the end of a shorter word nothing is legal.

    Raises
    ------
    ValueError
        If a row is no viable prefix of the language.
    """
    k, max_depth = _types_and_depth(k, max_depth)
    array = word_array(words, k=k)
    run, rows = _read(array, k, max_depth), np.atleast_2d(array)
    n, length = rows.shape
    heights = np.concatenate([np.zeros((1, n), np.int64), run.heights]).T
    legal = np.zeros((n, length + 1, 2 * k + 1), bool)
    legal[:, :, :k] = (heights < (length + 1 if max_depth is None else max_depth))[:, :, None]
    legal[:, :, 2 * k] = heights == 0
    open_rows, times = np.nonzero(heights)
    tops = rows[open_rows, run.tops[times - 1, open_rows]].astype(np.int64)  # k more needn't fit a small type
    legal[open_rows, times, k + tops] = True
    legal[:, 1:][rows == END] = False
    return torch.from_numpy(legal.reshape(*array.shape[:-1], length + 1, 2 * k + 1))


def open_stack(word, k):
    """The types of the brackets that a viable prefix leaves open, outermost first.

    Parameters
    ----------
    word : sequence of int (length,)
    k : int

    Returns
    -------
    list of int
        Empty for a full word.

    Raises
    ------
    ValueError
        If the word is no viable prefix.
    """
    k = checks.count("k", k)
    array = word_array(word, name="word", k=k, kind="word")
    matches = _read(array, k, None, "word").partners[:, 0]
    return array[(array != END) & (matches < 0)].tolist()


def to_tree(word, k):
    """The ordered tree that a Dyck word walks around: each opening steps down to a new child, its closing steps back.

    Parameters
    ----------
    word : sequence of int (length,)
        A word or a viable prefix.
    k : int

    Returns
    -------
    parents : LongTensor (nodes,)
        Node 0 is the root and its own parent; node i is the i-th opening. Parents stand before their children.
    types : LongTensor (nodes,)
        The bracket type on the edge above each node; -1 for the root.

    Raises
    ------
    ValueError
        If the word is no viable prefix.
    """
    k = checks.count("k", k)
    array = word_array(word, name="word", k=k, kind="word")
    check_words(array, k, full=False, name="word")
    parents, types, path = [0], [-1], [0]
    for token in array.tolist():
        if 0 <= token < k:
            parents.append(path[-1])
            types.append(token)
            path.append(len(parents) - 1)
        elif token != END:
            path.pop()
    return torch.tensor(parents), torch.tensor(types)


def from_tree(parents, types, k):
    """The Dyck word of an ordered tree: the inverse of `to_tree` for full words.

    Parameters
    ----------
    parents, types : sequence of int (nodes,)
        As returned by `to_tree`; siblings are visited in the order of their indices.
    k : int

    Returns
    -------
    LongTensor (2 (nodes - 1),)

    Raises
    ------
    ValueError
        If node 0 is not its own parent, a parent does not stand before its child, a type is not in 0..k-1, or an entry
        is no integer.
    """
    k = checks.count("k", k)
    parents, types = _integers(parents, "parents"), _integers(types, "types")
    if parents.ndim != 1 or parents.shape != types.shape or len(parents) == 0 or parents[0] != 0:
        raise ValueError(
            f"parents and types must have one entry per node, shape (nodes,), and node 0 must be its own parent; "
            f"got shapes {parents.shape} and {types.shape}"
        )
    parents, types = parents.tolist(), types.tolist()
    children = [[] for _ in parents]
    for node in range(1, len(parents)):
        if not 0 <= parents[node] < node or not 0 <= types[node] < k:
            raise ValueError(
                f"node {node} has parent {parents[node]} and type {types[node]}; the parent must be a node before it "
                f"and the type in 0..{k - 1}"
            )
        children[parents[node]].append(node)
    word, path = [], [(0, iter(children[0]))]
    while path:
        node, rest = path[-1]
        child = next(rest, None)
        if child is None:
            path.pop()
            if path:
                word.append(k + types[node])
        else:
            word.append(types[child])
            path.append((child, iter(children[child])))
    return torch.tensor(word, dtype=torch.long)


# Words in and out ----------------------------------------------------------------------------------------------------


def pad_words(words, *, name="words"):
    """Words of different lengths as one tensor.

    Parameters
    ----------
    words : list of sequences of int
    name : str
        What a message calls ``words``.

    Returns
    -------
    LongTensor (n, longest)
        Shorter words end in -1.

    Raises
    ------
    ValueError
        If an entry is not a flat sequence of integers; the message names the row.
    """
    if isinstance(words, str) or not isinstance(words, Iterable):
        raise ValueError(f"{name} must be a list of words, got {words!r}")
    rows = [_integers(word, f"{name}: row {i}") for i, word in enumerate(words)]
    for i, row in enumerate(rows):
        if row.ndim != 1:
            raise ValueError(f"{name}: row {i} must be one word, shape (length,), got {row.shape}")
    out = np.full((len(rows), max(map(len, rows), default=0)), END, dtype=np.int64)
    for row, word in zip(out, rows, strict=True):
        row[: len(word)] = word
    return torch.from_numpy(out)


def from_brackets(text):
    """Bracket text as Dyck-3 tokens: ``( [ {`` are 0, 1, 2 and ``) ] }`` are 3, 4, 5.

    Parameters
    ----------
    text : str or list of str
        Only ``()[]{}``. The words need not be balanced.

    Returns
    -------
    LongTensor (length,) for a string, (n, longest) for a list
        Shorter words end in -1.

    Raises
    ------
    ValueError
        If there is another character; the message names the row.

    Examples
    --------
    >>> from_brackets("([])")
    tensor([0, 1, 4, 3])
    """
    single = isinstance(text, str)
    words = []
    if not isinstance(text, Iterable):
        raise ValueError(f"text must be a string or a list of strings, got {text!r}")
    for i, word in enumerate([text] if single else text):
        if not isinstance(word, str):
            raise ValueError(f"text must be a string or a list of strings, row {i} is {word!r}")
        tokens = [BRACKETS.find(c) for c in word]
        if -1 in tokens:
            raise ValueError(f"text may hold only ()[]{{}}, row {i} has {word[tokens.index(-1)]!r} in {word!r}")
        words.append(tokens)
    padded = pad_words(words)
    return padded[0] if single else padded


def to_brackets(words, k=3):
    """Tokens as bracket text, the inverse of `from_brackets`.

    Parameters
    ----------
    words : LongTensor or array (n, length) or (length,), or a list of words
    k : int
        At most 3.

    Returns
    -------
    list of str, or a str for one word

    Raises
    ------
    ValueError
        If ``k`` is not 1, 2 or 3, or a token is not in the alphabet.
    """
    k = checks.count("k", k, most=3)
    array = word_array(words, k=k)
    letters = BRACKETS[:k] + BRACKETS[3 : 3 + k]
    out = ["".join(letters[token] for token in row if token != END) for row in np.atleast_2d(array).tolist()]
    return out if array.ndim == 2 else out[0]


def check_words(words, k, max_depth=None, *, full=True, name="words"):
    """Raise ValueError unless every row is a word of the language.

    Parameters
    ----------
    words : LongTensor or array (n, length), or a list of words
    k : int
    max_depth : int, optional
    full : bool
        False: a viable prefix is enough.
    name : str
        What the message calls ``words``.

    Raises
    ------
    ValueError
        Naming the first bad row, and the token where it goes wrong.
    """
    k, max_depth = _types_and_depth(k, max_depth)
    rows = np.atleast_2d(word_array(words, name=name, k=k))
    _refuse(rows, _verdicts(rows, k, max_depth, checks.flag("full", full)), k, max_depth, name)


def length_blocks(array, tokens=2**18):
    """Rows of like length together, without the padding that they share.

    Parameters
    ----------
    array : integer array (n, length)
        -1 after the last token of a shorter word.
    tokens : int
        At most about so many at a time.

    Yields
    ------
    rows : slice or integer array
        Which rows.
    block : integer array (rows, longest)
    """
    n, width = array.shape
    step = max(1, tokens // max(width, 1))
    ends = np.count_nonzero(array >= 0, axis=1)
    if ends.min(initial=width) == width:
        for first in range(0, n, step):
            rows = slice(first, min(first + step, n))
            yield rows, array[rows]
        return
    order = np.argsort(ends, kind="stable")
    for first in range(0, n, step):
        rows = order[first : first + step]
        yield rows, array[rows, : ends[rows[-1]]]


# Behind the scenes ---------------------------------------------------------------------------------------------------


@dataclass
class _Run:
    """What a stack machine sees, time first: ``(length, n)``."""

    heights: np.ndarray  # open brackets after each token
    partners: np.ndarray  # index of each bracket's match, or -1
    tops: np.ndarray  # index of the opening on top of the stack after each token, or -1
    fault: np.ndarray  # (n,) index of the first token that can't be read, or the length

    @property
    def length(self):
        return len(self.heights)


def _run(array, k, max_depth=None):
    """All rows at once through a stack machine, one token at a time; a row stops at its first fault."""
    n, length = array.shape
    words = np.ascontiguousarray(array.T, dtype=np.int64)
    highest = _highest(2 * length, max_depth)
    stacks = np.full((min(length, highest) + 2, n), -1, np.int64)  # slot h: index of the h-th open bracket; slot 0: -1
    heights = np.zeros(n, np.int64)
    alive = np.ones(n, bool)
    run = _Run(*(np.full((length, n), fill, np.int64) for fill in (0, -1, -1)), np.full(n, length))
    for t, tokens in enumerate(words):
        opens = np.flatnonzero((tokens >= 0) & (tokens < k) & alive)
        closes = np.flatnonzero((tokens >= k) & alive)
        matches = stacks[heights[closes], closes]
        wrong = (matches < 0) | (words[matches, closes] != tokens[closes] - k)
        too_deep = heights[opens] >= highest
        faulty = np.concatenate([closes[wrong], opens[too_deep]])
        run.fault[faulty], alive[faulty] = t, False
        opens, closes, matches = opens[~too_deep], closes[~wrong], matches[~wrong]
        heights[opens] += 1
        stacks[heights[opens], opens] = t
        heights[closes] -= 1
        run.partners[t, closes], run.partners[matches, closes] = matches, t
        run.heights[t] = heights
        run.tops[t] = stacks[heights, np.arange(n)]
    if length == 0:
        run.heights = np.zeros((0, n), np.int64)
    return run


def _read(array, k, max_depth, name="words"):
    """The run of one word or of several; raises unless all are viable prefixes."""
    rows = np.atleast_2d(array)
    run = _run(rows, k, max_depth)
    _refuse(rows, run.fault == run.length, k, max_depth, name)
    return run


def _per_row(words, k, max_depth, full):
    k, max_depth = _types_and_depth(k, max_depth)
    array = word_array(words, k=k)
    out = torch.from_numpy(_verdicts(np.atleast_2d(array), k, max_depth, full))
    return out if array.ndim == 2 else bool(out[0])


def _verdicts(array, k, max_depth, full):
    """Which rows are words (viable prefixes unless ``full``), bool (n,)."""
    out = np.ones(len(array), bool)
    for rows, block in length_blocks(array):
        run = _run(block, k, max_depth)
        good = run.fault == run.length
        out[rows] = good & (run.heights[-1] == 0) if full and run.length else good
    return out


def _refuse(array, good, k, max_depth, name):
    """Raise ValueError about the first row that is not good, if there is one."""
    if good.all():
        return
    row = int(np.argmin(good))
    word = array[row : row + 1]
    run = _run(word, k, max_depth)
    t = int(run.fault[0])
    if t == run.length:
        raise ValueError(
            f"{name} must hold balanced words, row {row} leaves {run.heights[-1, 0]} brackets open: {_show(word[0])}"
        )
    token = int(word[0, t])
    if token < k:
        reason = f"opens a bracket deeper than max_depth={max_depth}"
    elif t == 0 or run.heights[t - 1, 0] == 0:
        reason = "closes a bracket with nothing open"
    else:
        reason = f"closes type {token - k} where type {word[0, run.tops[t - 1, 0]]} is open"
    raise ValueError(f"{name}: row {row} {reason} at index {t}: {_show(word[0])}")


def word_array(words, *, name="words", k=None, kind="words", return_range=False):
    """Words as an integer array, checked: how every function here and in `howfar.wasserstein` takes words.

    Parameters
    ----------
    words : tensor or array (n, length) or (length,), a list of words of any lengths, or a list of tokens
        Tokens >= 0; -1 after the last token of a shorter word, and nowhere else.
    name : str
        What a message calls ``words``.
    k : int, optional
        Tokens must be below 2k.
    kind : {"words", "word", "sample"}
        What is wanted: one word or several, one word, or at least one row of words.
    return_range : bool
        Return the smallest and the largest entry too (0, 0 if there are none): the check knows them, and a pass over
        many tokens takes time.

    Returns
    -------
    integer array (n, length) or (length,)
        Not copied where it need not be.
    lowest, highest : int
        Only if ``return_range``.

    Raises
    ------
    ValueError
        If ``words`` isn't of that kind, holds no integers, or a row has a token out of range or after a -1: the message
        names the row.
    """
    nested = isinstance(words, Sequence) and len(words) > 0 and _is_row(words[0])
    array = pad_words(words, name=name).numpy() if nested else _integers(words, name)
    shape = {"words": array.ndim in (1, 2), "word": array.ndim == 1, "sample": array.ndim == 2 and len(array) > 0}
    if not shape[checks.choice("kind", kind, tuple(shape))]:
        wanted = {
            "words": "have shape (n, length) or (length,)",
            "word": "be one word, shape (length,)",
            "sample": "hold words, shape (n, length) with n >= 1",
        }
        raise ValueError(f"{name} must {wanted[kind]}, got {array.shape}")
    lowest, highest = _token_range(array, name)
    if k is not None and highest >= 2 * k:
        rows = np.atleast_2d(array)
        row = int(np.argmax((rows >= 2 * k).any(axis=1)))
        raise ValueError(
            f"{name} must hold tokens in 0..{2 * k - 1} for k={k}, row {row} has {rows[row].max()}: {_show(rows[row])}"
        )
    return (array, lowest, highest) if return_range else array


def _is_row(entry):
    return entry.ndim > 0 if hasattr(entry, "ndim") else isinstance(entry, Sequence) and not isinstance(entry, str)


def _integers(values, name):
    """Integers in an array, a tensor or a flat list as a plain NumPy array that int64 could hold."""
    if isinstance(values, np.ma.MaskedArray):
        raise ValueError(f"{name} must be a plain array: a mask would be ignored; got a masked array")
    if isinstance(values, torch.Tensor):
        if values.device.type == "meta" or (values.is_floating_point() and values.numel()):
            raise ValueError(f"{name} must hold integers, got a tensor of {values.dtype} on {values.device}")
        values = (values if values.numel() else values.long()).detach().cpu().numpy()
    elif not hasattr(values, "__array__") and (not isinstance(values, Sequence) or isinstance(values, (str, bytes))):
        raise ValueError(f"{name} must be a tensor, an array or a list of integers, got {values!r}")
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} must be a tensor, an array or a list of integers, got {values!r}") from None
    if array.size == 0:
        return array.astype(np.int64)  # [] has no type of its own
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} must hold integers, got dtype {array.dtype}: {_show(array.ravel())}")
    if array.dtype == np.uint64 and array.max() >= 2**63:
        raise ValueError(f"{name} must hold integers below 2^63, got {array.max()}")
    return array.astype(np.int64) if array.dtype == np.uint64 or not array.dtype.isnative else array


def _token_range(array, name):
    """The smallest and the largest entry; raises unless rows hold tokens >= 0 and then only -1."""
    if array.size == 0:
        return 0, 0
    highest = int(array.view(f"u{array.dtype.itemsize}").max())  # negative numbers look largest: one pass
    if array.dtype.kind == "u" or highest <= np.iinfo(array.dtype).max:
        return 0, highest
    rows = np.atleast_2d(array)
    lowest, highest = int(rows.min()), int(rows.max())
    if lowest < END:
        row = int(np.argmax((rows < END).any(axis=1)))
        raise ValueError(f"{name} must hold tokens >= 0, or -1 after the end; row {row} is {_show(rows[row])}")
    broken = ((rows[:, :-1] == END) & (rows[:, 1:] != END)).any(axis=1)
    if broken.any():
        row = int(np.argmax(broken))
        raise ValueError(f"{name} may hold -1 only after the last token of a word, row {row} is {_show(rows[row])}")
    return lowest, max(highest, 0)


def _show(row, most=24):
    tokens = row[:most].tolist()
    return f"{tokens}" if len(row) <= most else f"{tokens} and {len(row) - most} more"


def _highest(length, max_depth):
    return length // 2 if max_depth is None else min(length // 2, max_depth)


def _language(length, k, max_depth):
    """The arguments that name a language, as Python ints."""
    return checks.count("length", length, least=0), *_types_and_depth(k, max_depth)


def _types_and_depth(k, max_depth):
    return checks.count("k", k), None if max_depth is None else checks.count("max_depth", max_depth, least=0)
