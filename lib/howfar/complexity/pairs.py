"""Which tokens a step reads, and how a relation labels them."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from howfar import checks
from howfar.encodings import t5_buckets
from howfar.search import SEPARATOR
from howfar.tasks import addition, copy_string, cyclic_shift, parity, reverse_string
from howfar.tasks.rows import PLUS

PROMPT, ANSWER = 0, 1  # the part that a token stands in


class Pairs(NamedTuple):
    """All pairs of a step that writes a token of the answer and a token that it could read, at one length.

    Attributes
    ----------
    n : int
        The length of the problem.
    step : int64 array (pairs,)
        Which step: 0 for the first token of the answer. The one that says STOP is left out: what it reads is open.
    query, key : int64 arrays (pairs,)
        The places of the step's own token (SEPARATOR for the first step) and of the other.
    query_id, key_id : int64 arrays (pairs,)
        Their coupled ids, those of `howfar.tasks`.
    part : int64 array (pairs,)
        Whether the key is a digit of the prompt, 0, or a token of the answer so far, 1.
    read : bool array (pairs,)
        Whether the step reads the key.
    """

    n: int
    step: np.ndarray
    query: np.ndarray
    key: np.ndarray
    query_id: np.ndarray
    key_id: np.ndarray
    part: np.ndarray
    read: np.ndarray


def _one_each(n):
    return n


class Task(NamedTuple):
    """A task as a pattern of reading.

    Attributes
    ----------
    rows : callable
        ``rows(n, length, coupled=True, seed=...)``: the task in `howfar.tasks`, for places and ids.
    reads : callable
        ``reads(n, step, digit, said)`` of integer arrays, all counted from 0: does the step read that digit of the
        prompt's strings of n digits (-1: the key is none), or that token of the answer so far (-1: none)?
    feedback : bool
        Whether the answer so far can be read.
    answers : callable
        How many tokens the answer to a problem of length n has.
    """

    rows: Callable
    reads: Callable
    feedback: bool = False
    answers: Callable = _one_each


def _reads_sum(n, step, digit, said):
    """Both digits and the carry: of both digits before them and what was said there, the same at all steps."""
    return ((digit >= 0) & ((digit == step) | (digit == step - 1))) | ((said >= 0) & (said == step - 1))


_on_paper = functools.partial(parity, scratchpad=True)
TASKS = {
    "copy": Task(copy_string, lambda n, step, digit, said: digit == step),
    "reverse": Task(reverse_string, lambda n, step, digit, said: digit == n - 1 - step),
    "cyclic shift": Task(cyclic_shift, lambda n, step, digit, said: digit == (step + 1) % n),
    "shift": Task(cyclic_shift, lambda n, step, digit, said: digit == step + 1, answers=lambda n: n - 1),
    "parity": Task(parity, lambda n, step, digit, said: digit >= 0, answers=lambda n: 1),
    "prefix parity": Task(_on_paper, lambda n, step, digit, said: digit <= step),
    "scratchpad parity": Task(
        _on_paper, lambda n, step, digit, said: (digit == step) | ((said >= 0) & (said == step - 1)), feedback=True
    ),
    "addition": Task(addition, _reads_sum, feedback=True, answers=lambda n: n + 1),
}  # "shift" leaves out what wraps around; "prefix parity" is the scratchpad without reading what was said

RELATIONS = {
    "none": lambda pairs: (np.zeros_like(pairs.key),),
    "absolute": lambda pairs: (pairs.query, pairs.key),
    "relative": lambda pairs: (pairs.query - pairs.key,),
    "coupled": lambda pairs: (pairs.query_id - pairs.key_id,),
    "coupled, by part": lambda pairs: (pairs.query_id - pairs.key_id, pairs.part),
    "by subtraction": lambda pairs: (pairs.query - pairs.key - _scale(pairs) * (pairs.part == PROMPT),),
    "by division": lambda pairs: _fraction(pairs.query - pairs.key, _scale(pairs)),
}  # name: what a pair's label is made of, whole numbers; the hints are those of `howfar.tasks.scale_hint`


def clipped(relation, most):
    """A relation whose first number is clipped to -most..most.

    Parameters
    ----------
    relation : str or callable
        A name in `RELATIONS`, or a function of `Pairs` like those.
    most : int

    Returns
    -------
    callable
    """
    most = checks.count("most", most)
    return _first_through(relation, lambda first: first.clip(-most, most))


def bucketed(relation, **options):
    """A relation whose first number is replaced by its bucket of T5; ``options`` are those of `t5_buckets`."""
    return _first_through(relation, lambda first: t5_buckets(torch.from_numpy(-first), **options).numpy())


def _first_through(relation, function):
    relation = relation_of(relation)

    def label(pairs):
        first, *rest = relation(pairs)
        return (function(first), *rest)

    return label


def pairs_of(task, n):
    """The `Pairs` of a task at length n: of each step with each digit of the prompt, and token of the answer so far.

    Parameters
    ----------
    task : str
        A name in `TASKS`.
    n : int

    Returns
    -------
    Pairs
    """
    return _pairs(checks.choice("task", task, tuple(TASKS)), checks.count("n", n))


@functools.lru_cache(maxsize=256)
def _pairs(name, n):
    task = TASKS[name]
    batch = task.rows(1, n, coupled=True, seed=0)
    tokens, ids = batch.inputs[0].numpy(), batch.positions[0].numpy()
    separator = int(np.flatnonzero(tokens == SEPARATOR)[0])
    digits = np.flatnonzero(tokens[:separator] != PLUS)[1:]  # START is no digit
    steps = task.answers(n)
    earlier = np.arange(steps - 1 if task.feedback else 0)
    keys = np.concatenate([digits, separator + 1 + earlier])
    digit = np.concatenate([np.arange(len(digits)) % n, np.full(len(earlier), -1)])
    said = np.concatenate([np.full(len(digits), -1), earlier])

    step, column = (part.ravel() for part in np.meshgrid(np.arange(steps), np.arange(len(keys)), indexing="ij"))
    there = said[column] < step  # the rest of the answer isn't there yet
    step, column = step[there], column[there]
    query, key, said = separator + step, keys[column], said[column]
    read = task.reads(n, step, digit[column], said)
    return Pairs(n, step, query, key, ids[query], ids[key], (said >= 0).astype(np.int64), read)


def relation_of(relation):
    """The function of a relation, given by its name or itself."""
    return relation if callable(relation) else RELATIONS[checks.choice("relation", relation, tuple(RELATIONS))]


def _scale(pairs):
    """The number of tokens in the prompt, as `howfar.tasks.scale_hint` counts it: the first step stands right after."""
    return int(pairs.query.min()) - 1 if len(pairs.query) else pairs.n


def _fraction(above, below):
    """A fraction in lowest terms, as two arrays of whole numbers."""
    common = np.gcd(above, below)
    return above // common, below // common
