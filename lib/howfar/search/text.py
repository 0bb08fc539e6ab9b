"""A problem and its search as one row of tokens: a prompt in digits, then the trace.

Tokens 0..9 are digits. `START` begins a row, `SEPARATOR` ends the prompt, `STOP` ends the trace; token t of a trace
stands as ``FIRST + t``.
"""

import torch

from howfar import checks
from howfar.search.problems import SubsetSum
from howfar.search.searchers import Search
from howfar.search.traces import FORMATS, trace, trace_size

START, SEPARATOR, STOP = 10, 11, 12
FIRST = 13
TEXT_FORMATS = (*FORMATS, "summed")


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
        Of the trace, as in `trace`; or ``"summed"``: a typed trace of a `SubsetSum` with the running sum after each
        move, the sum of the numbers taken so far, in the digits of the target.
    digits : (int, int)
        As in `write_prompt`.

    Returns
    -------
    LongTensor (length,)
        The prompt, ``FIRST + trace(search, format=format)``, STOP.

    Raises
    ------
    ValueError
        As `write_prompt` and `trace` do, or if a problem without running sums shall be ``"summed"``.

    Examples
    --------
    >>> from howfar.search import SubsetSum, depth_first
    >>> problem = SubsetSum((7, 2), 2)  # leave the first number, take the second
    >>> write_search(problem, depth_first(problem), format="summed", digits=(1, 1))
    tensor([10,  2,  7,  2, 11, 14,  0, 13,  2, 12])
    """
    if not isinstance(search, Search):
        raise ValueError(f"search must be what depth_first or breadth_first returned, got {search!r}")
    checks.choice("format", format, TEXT_FORMATS)
    prompt = write_prompt(problem, digits=digits)
    if format == "summed":
        body = _with_sums(problem, search, digits[0])
    else:
        body = FIRST + trace(search, format=format)
    return torch.cat([prompt, body, torch.tensor([STOP])])


def text_size(branching, *, format="echoed"):
    """How many different tokens such rows have: the ``vocabulary`` of a model that reads them."""
    checks.choice("format", format, TEXT_FORMATS)
    return FIRST + trace_size(branching, format="typed" if format == "summed" else format)


def _with_sums(problem, search, places):
    """The moves of a typed trace, each with the sum of the numbers taken so far."""
    if not isinstance(problem, SubsetSum):
        raise ValueError(f"format 'summed' is for a SubsetSum, which has a running sum; got {problem!r}")
    tokens = []
    for move, path in zip(trace(search).tolist(), search.addresses, strict=True):
        taken = sum(number for number, label in zip(problem.numbers, path, strict=False) if label == 0)
        tokens += [FIRST + move, *_decimal("a running sum", taken, places)]
    return torch.tensor(tokens, dtype=torch.long)


def _decimal(name, value, places):
    if value >= 10**places:
        raise ValueError(f"{name} must have at most {places} digits, got {value}")
    return [int(digit) for digit in f"{value:0{places}}"]
