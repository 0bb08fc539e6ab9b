"""Words as arrays: the one form in which everything here takes them, padding, and bracket text.

A word is a row of integers; words of different lengths share an array by ending in -1.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch

from howfar import checks

END = -1  # fills a row after the word's last token

BRACKETS = "([{)]}"  # Dyck-3 as text

KINDS = {
    "words": "have shape (n, length) or (length,)",
    "word": "be one word, shape (length,)",
    "sample": "hold words, shape (n, length) with n >= 1",
}


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
    array = pad_words(words, name=name).numpy() if nested else integer_array(words, name)
    dimensions = {"words": (1, 2), "word": (1,), "sample": (2,)}[checks.choice("kind", kind, tuple(KINDS))]
    if array.ndim not in dimensions or (kind == "sample" and len(array) == 0):
        raise ValueError(f"{name} must {KINDS[kind]}, got {array.shape}")
    lowest, highest = _token_range(array, name)
    if k is not None and highest >= 2 * k:
        rows = np.atleast_2d(array)
        row = int(np.argmax((rows >= 2 * k).any(axis=1)))
        raise ValueError(
            f"{name} must hold tokens in 0..{2 * k - 1} for k={k}, row {row} has {rows[row].max()}: {show(rows[row])}"
        )
    return (array, lowest, highest) if return_range else array


def _is_row(entry):
    return entry.ndim > 0 if hasattr(entry, "ndim") else isinstance(entry, Sequence) and not isinstance(entry, str)


def integer_array(values, name):
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
        raise ValueError(f"{name} must hold integers, got dtype {array.dtype}: {show(array.ravel())}")
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
        raise ValueError(f"{name} must hold tokens >= 0, or -1 after the end; row {row} is {show(rows[row])}")
    broken = ((rows[:, :-1] == END) & (rows[:, 1:] != END)).any(axis=1)
    if broken.any():
        row = int(np.argmax(broken))
        raise ValueError(f"{name} may hold -1 only after the last token of a word, row {row} is {show(rows[row])}")
    return lowest, max(highest, 0)


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
    rows = [integer_array(word, f"{name}: row {i}") for i, word in enumerate(words)]
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


def show(row, most=24):
    """The first tokens of a word, for a message."""
    tokens = row[:most].tolist()
    return f"{tokens}" if len(row) <= most else f"{tokens} and {len(row) - most} more"


def language(length, k, max_depth):
    """The arguments that name a language of words of one length, as Python ints."""
    return checks.count("length", length, least=0), *types_and_depth(k, max_depth)


def types_and_depth(k, max_depth):
    """The arguments that name a language, as Python ints."""
    return checks.count("k", k), None if max_depth is None else checks.count("max_depth", max_depth, least=0)


def greatest_depth(length, max_depth):
    """The greatest depth that a word of a length can have."""
    return length // 2 if max_depth is None else min(length // 2, max_depth)
