"""Searches as next-token prediction: the prompt is read, the trace is learned."""

import torch

from howfar import checks
from howfar.search import SEPARATOR, breadth_first, depth_first, write_search
from howfar.tasks.batch import Batch

SEARCHERS = {"depth-first": depth_first, "breadth-first": breadth_first}
PAD = 0  # a token that no answer counts behind


def search_traces(problems, *, strategy="depth-first", format="echoed", length=None, digits=(3, 2), device="cpu"):
    """Solve problems, and make a batch of the searches: each next token of a trace is to be predicted.

    Parameters
    ----------
    problems : sequence of SubsetSum or Countdown
        Each is searched to its first solution.
    strategy : {"depth-first", "breadth-first"}
    format : str
        Of the trace, as in `howfar.search.trace`; a breadth-first search is ``"echoed"``.
    length : int, optional
        Tokens that a row has; a longer one is cut, and then its answers are those of a prefix. Left out: the longest.
    digits : (int, int)
        As in `howfar.search.write_prompt`.
    device : str or torch.device

    Returns
    -------
    Batch
        ``inputs`` and ``targets`` are int64 (problems, length), the tokens of `howfar.search.write_search` without the
        last and without the first one. The mask is True where the target is a token of the trace or STOP: neither the
        prompt nor the padding, which is on the right, counts. ``(inputs == SEPARATOR)`` is True once in each row.

    Raises
    ------
    ValueError
        If there is no problem, an argument is out of its range, or a prompt alone fills the length.
    """
    device, problems = checks.device(device), list(problems)
    if not problems:
        raise ValueError("problems is empty: a batch needs at least one")
    checks.choice("strategy", strategy, tuple(SEARCHERS))
    rows = [write_search(p, SEARCHERS[strategy](p), format=format, digits=digits) for p in problems]
    longest = max(len(row) for row in rows) - 1
    length = longest if length is None else checks.count("length", length)
    inputs, targets = (torch.full((len(rows), length), PAD) for _ in range(2))
    mask = torch.zeros(len(rows), length, dtype=torch.bool)
    for i, row in enumerate(rows):
        first, end = int((row == SEPARATOR).nonzero()[0]), min(len(row) - 1, length)
        if first >= length:
            raise ValueError(f"length must be more than the prompt's {first + 1} tokens, got {length} (row {i})")
        inputs[i, :end], targets[i, :end], mask[i, first:end] = row[:end], row[1 : end + 1], True
    return Batch(inputs, targets, mask).to(device)
