"""A problem and its search as one row of tokens: a prompt in digits, then the trace.

Tokens 0..9 are digits. `START` begins a row, `SEPARATOR` ends the prompt, `STOP` ends the trace; token t of a trace
stands as ``FIRST + t``.
"""

import torch

from howfar import checks
from howfar.search.searchers import Search
from howfar.search.traces import trace, trace_size

START, SEPARATOR, STOP = 10, 11, 12
FIRST = 13


def write_prompt(problem, *, digits=(3, 2)):
    """The statement of a problem with numbers and a target, as tokens.

    Parameters
    ----------
    problem : SubsetSum or Countdown
        Or another with the attributes ``numbers`` and ``target``.
    digits : (int, int)
        Of the target, and of each number.

    Returns
    -------
    LongTensor (length,)
        START, the target, the numbers in their order, SEPARATOR: ``2 + digits[0] + digits[1] * len(numbers)`` tokens.

    Raises
    ------
    ValueError
        If the problem has no numbers and target, or one of them has more digits.

    Examples
    --------
    >>> from howfar.search import SubsetSum
    >>> write_prompt(SubsetSum((7, 12), 19))
    tensor([10,  0,  1,  9,  0,  7,  1,  2, 11])
    """
    if not (hasattr(problem, "numbers") and hasattr(problem, "target")):
        raise ValueError(f"problem must have numbers and a target, got {problem!r}")
    if not isinstance(digits, (tuple, list)) or len(digits) != 2:
        raise ValueError(f"digits must be a pair, of the target and of a number, got {digits!r}")
    places = [checks.count(f"digits[{i}]", value) for i, value in enumerate(digits)]
    tokens = [START, *_decimal("target", problem.target, places[0])]
    for i, number in enumerate(problem.numbers):
        tokens += _decimal(f"numbers[{i}]", number, places[1])
    return torch.tensor([*tokens, SEPARATOR])


def write_search(problem, search, *, format="echoed", digits=(3, 2)):
    """A problem and how it was searched, as tokens.

    Parameters
    ----------
    problem : SubsetSum or Countdown
    search : Search
        Of that problem.
    format : str
        Of the trace, as in `trace`.
    digits : (int, int)
        As in `write_prompt`.

    Returns
    -------
    LongTensor (length,)
        The prompt, ``FIRST + trace(search, format=format)``, STOP.

    Raises
    ------
    ValueError
        As `write_prompt` and `trace` do.
    """
    if not isinstance(search, Search):
        raise ValueError(f"search must be what depth_first or breadth_first returned, got {search!r}")
    prompt = write_prompt(problem, digits=digits)
    return torch.cat([prompt, FIRST + trace(search, format=format), torch.tensor([STOP])])


def text_size(branching, *, format="echoed"):
    """How many different tokens such rows have: the ``vocabulary`` of a model that reads them."""
    return FIRST + trace_size(branching, format=format)


def _decimal(name, value, places):
    if value >= 10**places:
        raise ValueError(f"{name} must have at most {places} digits, got {value}")
    return [int(digit) for digit in f"{value:0{places}}"]
