"""ListOps: nested lists of digits, each to be reduced to one digit. The answer is classified at the end."""

import random

import torch

from howfar import checks
from howfar.tasks.batch import Batch
from howfar.tasks.blocks import _range

CLOSE, MAX, MIN, MED, SM, ANSWER = range(10, 16)  # 0..9 are digits; ANSWER asks for the value of all before it
LIST_OPS_TOKENS = 16
OPERATORS = {
    MAX: max,
    MIN: min,
    MED: lambda values: (sorted(values)[(len(values) - 1) // 2] + sorted(values)[len(values) // 2]) // 2,
    SM: lambda values: sum(values) % 10,
}
WORDS = [*map(str, range(10)), "]", "[MAX", "[MIN", "[MED", "[SM", "="]
NESTED = 0.25  # how often an argument is a list
TRIES = 100_000  # for a row


def list_ops(n, length, *, arguments=5, depth=20, seed=None, device="cpu"):
    """Evaluate nested lists: ``[MAX 2 9 [MIN 4 7 ] 0 ]`` is 9.

    Parameters
    ----------
    n : int
        How many expressions.
    length : int, or a pair of int
        Tokens of an expression, its brackets counted, ``=`` not; with ``(least, most)`` any from that range.
    arguments : int
        A list has two to so many of them.
    depth : int
        Lists are nested at most so deep.
    seed : int, torch.Generator, numpy.random.Generator or None
        None: torch's global generator.
    device : str or torch.device

    Returns
    -------
    Batch
        ``inputs``, int64 (n, most + 1): the expression, ``=``, and padding (more of ``=``). ``targets`` is the value, a
        digit, where the mask is True: at the first ``=`` of each row. `LIST_OPS_TOKENS` is the vocabulary, ten the
        number of answers.

    Raises
    ------
    ValueError
        If a number is out of range, or no expression of such a length was found.

    Notes
    -----
    Nangia and Bowman, "ListOps: A Diagnostic Dataset for Latent Tree Learning", NAACL 2018 (student workshop),
    arXiv:1804.06028, by the rules of their program: an argument is a list with probability 1/4 and else a digit, a list
    has one of the operators MAX, MIN, MED (the median, rounded down) and SM (the sum modulo 10); all choices are
    uniform. Expressions whose length is out of the range are drawn again, so that longer ones are also deeper: see
    `list_ops_depth`. Lists are written without the extra parentheses of the original.
    """
    n, (least, most) = checks.count("n", n), _range("length", length)
    arguments, depth = checks.count("arguments", arguments, least=2), checks.count("depth", depth)
    device, generator = checks.device(device), checks.torch_generator(seed)
    draw = random.Random(int(torch.randint(2**62, (), generator=generator)))
    inputs, targets = torch.full((n, most + 1), ANSWER), torch.zeros(n, most + 1, dtype=torch.int64)
    mask = torch.zeros(n, most + 1, dtype=torch.bool)
    for row in range(n):
        tokens = _expression(draw, least, most, arguments, depth)
        inputs[row, : len(tokens)] = torch.tensor(tokens)
        targets[row, len(tokens)], mask[row, len(tokens)] = evaluate_list_ops(tokens), True
    return Batch(inputs, targets, mask).to(device)


def evaluate_list_ops(tokens):
    """The value of an expression.

    Parameters
    ----------
    tokens : sequence of int
        Without ``=``.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If it is no expression: one list, closed at the end.
    """
    open_lists = [[]]
    for token in (int(token) for token in tokens):
        if token in OPERATORS:
            open_lists.append([token])
        elif token == CLOSE and len(open_lists) > 1 and len(open_lists[-1]) > 1:
            operator, *values = open_lists.pop()
            open_lists[-1].append(OPERATORS[operator](values))
        elif 0 <= token <= 9 and len(open_lists) > 1:
            open_lists[-1].append(token)
        else:
            raise ValueError(f"tokens must be one list that is closed at its end, got {write_list_ops(tokens)!r}")
    if len(open_lists) != 1 or len(open_lists[0]) != 1:
        raise ValueError(f"tokens must be one list that is closed at its end, got {write_list_ops(tokens)!r}")
    return open_lists[0][0]


def list_ops_depth(tokens):
    """How deep the lists of an expression are nested, an int; ``tokens`` is a sequence of int, without ``=``."""
    deepest = depth = 0
    for token in (int(token) for token in tokens):
        depth += (token in OPERATORS) - (token == CLOSE)
        deepest = max(deepest, depth)
    return deepest


def write_list_ops(tokens):
    """An expression in words, ``"[MAX 2 9 ]"``; ``tokens`` is a sequence of int."""
    return " ".join(WORDS[int(token)] if 0 <= int(token) < len(WORDS) else str(int(token)) for token in tokens)


def _expression(draw, least, most, arguments, depth):
    for _ in range(TRIES):
        tokens = []
        if _list(draw, tokens, most, arguments, depth) and len(tokens) >= least:
            return tokens
    raise ValueError(f"no expression of length {least} to {most} in {TRIES:,} tries: ask for a wider range")


def _list(draw, tokens, most, arguments, depth):
    """Append a list to the tokens; False as soon as they are too many."""
    tokens.append(draw.choice((MAX, MIN, MED, SM)))
    for _ in range(draw.randint(2, arguments)):
        if len(tokens) >= most:
            return False
        if depth > 1 and draw.random() < NESTED:
            if not _list(draw, tokens, most, arguments, depth - 1):
                return False
        else:
            tokens.append(draw.randrange(10))
    tokens.append(CLOSE)
    return len(tokens) <= most
