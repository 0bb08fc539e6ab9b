"""Laws on Dyck words: drawing, and what can be said of them exactly."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from howfar import checks
from howfar.dyck.words import END, greatest_depth, language

MOST_TYPES = 2**62  # that can be drawn: their 2k tokens fit int64


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


class WordLaw:
    """A law on Dyck-k words of one length: a Markov chain of the height, with bracket types drawn uniformly.

    A subclass has the fields ``length``, ``k``, ``max_depth`` and the method `push_table`; the rest follows.

    Raises
    ------
    ValueError
        If there is no such word, or ``k`` exceeds 2^62, so that tokens don't fit int64.
    """

    def __post_init__(self):
        length, k, max_depth = language(self.length, self.k, self.max_depth)
        checks.count("k", k, most=MOST_TYPES)
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
            None: torch's global generator. An int draws the same words every time.

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
        return _uniform_table(self.length, greatest_depth(self.length, self.max_depth))


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
        highest = greatest_depth(self.length, self.max_depth)
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
        If ``k`` or ``max_depth`` is no positive integer.

    Notes
    -----
    Hewitt, Hahn, Ganguli, Liang and Manning (2020) and Yao, Peng, Papadimitriou and Narasimhan (2021) train on this
    automaton, with further bounds on the length that are not applied here. A word has 2D brackets on average, and
    reaches depth d with chance 1/(d + 1): with D = 10, ten words in eleven never reach the greatest depth.
    """

    k: int
    max_depth: int

    def __post_init__(self):
        object.__setattr__(self, "k", checks.count("k", self.k, most=MOST_TYPES))
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
