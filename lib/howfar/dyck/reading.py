"""Reading words with a stack: membership, heights, partners, what may come next."""

from dataclasses import dataclass

import numpy as np
import torch

from howfar import checks
from howfar.dyck.words import END, greatest_depth, length_blocks, show, types_and_depth, word_array


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
    k, max_depth = types_and_depth(k, max_depth)
    rows = np.atleast_2d(word_array(words, name=name, k=k))
    _refuse(rows, _verdicts(rows, k, max_depth, checks.flag("full", full)), k, max_depth, name)


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
    k, max_depth = types_and_depth(k, max_depth)
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
    highest = greatest_depth(2 * length, max_depth)
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
    return run


def _read(array, k, max_depth, name="words"):
    """The run of one word or of several; raises unless all are viable prefixes."""
    rows = np.atleast_2d(array)
    run = _run(rows, k, max_depth)
    _refuse(rows, run.fault == run.length, k, max_depth, name)
    return run


def _per_row(words, k, max_depth, full):
    k, max_depth = types_and_depth(k, max_depth)
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
            f"{name} must hold balanced words, row {row} leaves {run.heights[-1, 0]} brackets open: {show(word[0])}"
        )
    token = int(word[0, t])
    if token < k:
        reason = f"opens a bracket deeper than max_depth={max_depth}"
    elif t == 0 or run.heights[t - 1, 0] == 0:
        reason = "closes a bracket with nothing open"
    else:
        reason = f"closes type {token - k} where type {word[0, run.tops[t - 1, 0]]} is open"
    raise ValueError(f"{name}: row {row} {reason} at index {t}: {show(word[0])}")
