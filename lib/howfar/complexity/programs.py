r"""Short programs for all lengths: the rival account of when a Transformer generalises to longer problems.

A question is asked at every place of a word, about the letters up to there. Two languages for programs that answer it:

- C-RASP, Yang and Chiang, arXiv:2404.04393, has two kinds of values: facts, one at each place, and how many places up
  to here have a fact (`count`). Sums of counts are compared, and comparisons are facts again.
- RASP-L, Zhou et al., arXiv:2310.16028, can also find a place and read what stands there (`latest`, `read`). Its
  published code, github.com/apple/ml-np-rasp, has these two as ``lasts`` and ``index_select``.

Words are integer arrays (words, length); facts and counts have the same shape.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from howfar import checks


def count(facts):
    """How many of the places up to here have a fact, this one included: all that attention does in C-RASP.

    Parameters
    ----------
    facts : bool array (words, length)

    Returns
    -------
    int array (words, length)
    """
    return np.cumsum(facts, axis=1)


def latest(facts):
    """The last place up to here that has a fact, counted from 0; -1 if there is none. Not in C-RASP.

    Parameters
    ----------
    facts : bool array (words, length)

    Returns
    -------
    int array (words, length)
    """
    facts = np.asarray(facts, dtype=bool)
    return np.maximum.accumulate(np.where(facts, np.arange(facts.shape[1]), -1), axis=1)


def read(values, places):
    """What stands at a place, and 0 if the place is -1. Not in C-RASP.

    Parameters
    ----------
    values, places : int arrays (words, length)

    Returns
    -------
    int array (words, length)
    """
    return np.where(places < 0, 0, np.take_along_axis(np.asarray(values), np.maximum(places, 0), axis=1))


def parity_up_to(most):
    """A program of ``most`` comparisons for parity, right on words of at most so many letters and on no longer ones.

    Parameters
    ----------
    most : int

    Returns
    -------
    callable
        From words to facts.
    """
    most = checks.count("most", most)
    return lambda words: np.logical_xor.reduce([count(words == 1) >= k for k in range(1, most + 1)])


def _mostly_ahead(words):
    ahead = count(words == 1) > count(words == 0)
    return count(ahead) > count(~ahead)


class Question(NamedTuple):
    """A question about the letters up to a place.

    Attributes
    ----------
    letters : int
        How many different ones: 0, 1, ...
    truth : callable
        The answer, True or False, about the letters of one prefix, a list: the definition.
    facts : callable
        The answers at all places of words: a program, where there is one.
    language : str or None
        The smaller language that has a program for all lengths, "C-RASP" or "RASP-L"; None if neither is known to.
    comparisons : int or None
        How many of them the program has, if it is in C-RASP.
    """

    letters: int
    truth: Callable
    facts: Callable
    language: str | None
    comparisons: int | None = None


def _mostly_ahead_truth(prefix):
    ahead = [sum(prefix[:i]) > i / 2 for i in range(1, len(prefix) + 1)]
    return sum(ahead) > len(ahead) / 2


QUESTIONS = {
    "first": Question(
        2,
        lambda prefix: prefix[0] == 1,
        lambda words: count((words == 1) & (count(words >= 0) <= 1)) >= 1,
        "C-RASP",
        2,
    ),
    "majority": Question(
        2,
        lambda prefix: prefix.count(1) > prefix.count(0),
        lambda words: count(words == 1) > count(words == 0),
        "C-RASP",
        1,
    ),
    "mostly ahead": Question(2, _mostly_ahead_truth, _mostly_ahead, "C-RASP", 2),
    "latest": Question(
        3,
        lambda prefix: [0, *(letter for letter in prefix if letter < 2)][-1] == 1,
        lambda words: read(words, latest(words < 2)) == 1,
        "RASP-L",
    ),
    "parity": Question(2, lambda prefix: sum(prefix) % 2 == 1, lambda words: count(words == 1) % 2 == 1, None),
}  # first: is the first letter 1? mostly ahead: at most places, were the ones ahead? latest: is the last 0 or 1 a 1?


def all_words(letters, length):
    """All words of a length.

    Parameters
    ----------
    letters, length : int
        At most ten million words.

    Returns
    -------
    int array (letters ** length, length)
        In lexicographic order.
    """
    letters, length = checks.count("letters", letters), checks.count("length", length)
    if letters**length > 10**7:
        raise ValueError(f"length must give at most 10,000,000 words, got {letters} letters and length {length}")
    return np.arange(letters**length)[:, None] // letters ** np.arange(length)[::-1] % letters


def mistakes(program, question, length):
    """On how many of all words of a length is a program's answer at the last place wrong?

    Parameters
    ----------
    program : callable
        From words to facts, bool arrays (words, length).
    question : str
        A name in `QUESTIONS`.
    length : int

    Returns
    -------
    int
    """
    asked = QUESTIONS[checks.choice("question", question, tuple(QUESTIONS))]
    words = all_words(asked.letters, length)
    said = np.asarray(program(words))
    if said.shape != words.shape or said.dtype != bool:
        raise ValueError(f"program must return bool of shape {words.shape}, got {said.dtype} of shape {said.shape}")
    right = np.array([asked.truth(word) for word in words.tolist()])
    return int((said[:, -1] != right).sum())
