"""Traces: a search written down as tokens, and its Dyck word."""

import torch

from howfar import checks
from howfar.dyck import END, check_words, word_array
from howfar.search.searchers import Search

FORMATS = ("typed", "untyped", "echoed")


def trace(search, *, format="typed"):
    """A search as the tokens that a model is trained on.

    Parameters
    ----------
    search : Search
    format : str
        With k the branching: ``"typed"``: label s when it is chosen, ``k + s`` when it is given up; 2k tokens.
        ``"untyped"``: s when it is chosen, k whatever is given up; k + 1 tokens. ``"echoed"``: after each move k, then
        the whole path of labels; k + 1 tokens, and the stack stands in the text. A breadth-first search jumps, so it
        can only be echoed.

    Returns
    -------
    LongTensor (length,)

    Raises
    ------
    ValueError
        If ``search`` is none, or ``format`` is unknown or does not fit the strategy.
    """
    if not isinstance(search, Search):
        raise ValueError(f"search must be what depth_first or breadth_first returned, got {search!r}")
    checks.choice("format", format, FORMATS)
    k = search.branching
    if format == "echoed":
        return torch.tensor([token for path in search.addresses for token in (k, *path)], dtype=torch.long)
    if search.strategy != "depth-first":
        raise ValueError(f"a {search.strategy} search does not backtrack step by step: its format must be 'echoed'")
    return from_dyck(_walk(search.addresses, k), k, format=format)


def trace_size(branching, *, format="typed"):
    """How many different tokens a format has: ``2 k`` for ``"typed"``, ``k + 1`` for the others."""
    branching = checks.count("branching", branching)
    checks.choice("format", format, FORMATS)
    return 2 * branching if format == "typed" else branching + 1


def to_dyck(tokens, k, *, format="typed"):
    """The Dyck word of a depth-first trace.

    Parameters
    ----------
    tokens : sequence of int (length,)
        A trace, or the beginning of one (an echoed trace cut at the end of a move); -1 after its end is left out.
    k : int
        Branching.
    format : str
        As in `trace`.

    Returns
    -------
    LongTensor (moves,)
        A full Dyck-k word if the search came back to the root; else a viable prefix, whose open brackets
        (`howfar.dyck.open_stack`) are the path where the search stands: the solution, if it stopped at one.

    Raises
    ------
    ValueError
        If the tokens are no such trace; the message names the index or the move.
    """
    k = checks.count("k", k)
    size = trace_size(k, format=format)
    tokens = _unpadded(tokens, "tokens")
    outside = [i for i, token in enumerate(tokens) if token >= size]
    if outside:
        i = outside[0]
        raise ValueError(f"tokens must be in 0..{size - 1} in format {format!r}, index {i} is {tokens[i]}")
    if format == "typed":
        word = torch.tensor(tokens, dtype=torch.long)
        check_words(word[None], k, full=False, name="tokens")
        return word
    if format == "echoed":
        return _walk(_addresses(tokens, k), k)
    word, path = [], []
    for i, token in enumerate(tokens):
        if token < k:
            path.append(token)
            word.append(token)
        elif path:
            word.append(k + path.pop())
        else:
            raise ValueError(f"tokens: index {i} backtracks at the root")
    return torch.tensor(word, dtype=torch.long)


def from_dyck(word, k, *, format="typed"):
    """The depth-first trace of a Dyck word: the inverse of `to_dyck`.

    Parameters
    ----------
    word : sequence of int (length,)
        A Dyck-k word or a viable prefix; -1 after its end is left out.
    k : int
    format : str
        As in `trace`.

    Returns
    -------
    LongTensor (length,)

    Raises
    ------
    ValueError
        If ``word`` is no viable prefix.
    """
    k = checks.count("k", k)
    checks.choice("format", format, FORMATS)
    word = _unpadded(word, "word")
    check_words(word, k, full=False, name="word")
    if format == "typed":
        return torch.tensor(word, dtype=torch.long)
    if format == "untyped":
        return torch.tensor(word, dtype=torch.long).clamp(max=k)
    tokens, path = [], []
    for token in word:
        path = [*path, token] if token < k else path[:-1]
        tokens += [k, *path]
    return torch.tensor(tokens, dtype=torch.long)


def _unpadded(word, name):
    """The tokens of one word as a list, without the -1 after its end."""
    array = word_array(word, name=name, kind="word")
    return array[array != END].tolist()


def _addresses(tokens, k):
    if tokens and tokens[0] != k:
        raise ValueError(f"tokens must begin with {k}, which starts every move in format 'echoed', got {tokens[0]}")
    paths = []
    for token in tokens:
        if token == k:
            paths.append(())
        else:
            paths[-1] = (*paths[-1], token)
    return paths


def _walk(addresses, k):
    """The Dyck tokens of steps from the root through neighbouring addresses."""
    word, here = [], ()
    for move, path in enumerate(addresses):
        if path[:-1] == here and path:
            word.append(path[-1])
        elif here and here[:-1] == path:
            word.append(k + here[-1])
        else:
            raise ValueError(f"move {move} goes from {here} to {path}, which is neither a child nor the parent")
        here = path
    return torch.tensor(word, dtype=torch.long)
