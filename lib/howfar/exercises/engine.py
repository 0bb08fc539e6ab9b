"""How an exercise is checked.

An answer is run on a list of cases, smallest first, and compared with the reference. If it fails, it is also compared
with each known wrong answer: the one that it agrees with on every case names the mistake.
"""

import contextlib
import copy
import inspect
import io
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

SECONDS = 20  # for one input


@dataclass(frozen=True)
class Wrong:
    """A mistake that a reader would make: its name, a function that makes it, and the hint that helps."""

    name: str
    answer: Callable
    hint: str


@dataclass(frozen=True)
class Exercise:
    """An exercise.

    Attributes
    ----------
    name : str
        ``"chapter/exercise"``.
    title : str
    difficulty : int
        1 to 3.
    minutes : int
    reference : callable
        The reference answer; the solution on the page is this function, word for word.
    cases : callable
        ``cases(rng)`` gives a list of argument tuples, smallest first.
    wrong : tuple of Wrong
        At least three.
    run : callable
        ``run(answer, *arguments)`` gives what is compared; by default it calls the answer.
    tolerance : float
        Numbers may differ by this much, relative and absolute.
    """

    name: str
    title: str
    difficulty: int
    minutes: int
    reference: Callable
    cases: Callable
    wrong: tuple
    run: Callable = lambda answer, *arguments: answer(*arguments)
    tolerance: float = 1e-6


@dataclass(frozen=True)
class Verdict:
    """What came of an answer: ``"passed"``, ``"failed"`` or ``"not attempted"``; a message; the mistake, if known."""

    status: str
    message: str
    mistake: str | None = None


def examine(exercise, answer, seed=0):
    """Run an answer to an exercise against its cases.

    Parameters
    ----------
    exercise : Exercise
    answer : callable
    seed : int

    Returns
    -------
    Verdict
    """
    cases = exercise.cases(np.random.default_rng(seed))
    untouched = Verdict(
        "not attempted", f"{exercise.name}: not attempted yet. Fill in the cell above, then run this one."
    )
    if answer is ...:
        return untouched
    if not callable(answer):
        return Verdict("failed", f"{exercise.name}: pass your function itself, got {type(answer).__name__}.")
    theirs = []
    for case in cases:
        theirs.append(_outcome(exercise, answer, case))
        if isinstance(theirs[-1], TimeoutError):  # one is enough: the rest would hang, too
            theirs += [theirs[-1]] * (len(cases) - len(theirs))
            break
    if any(isinstance(o, NotImplementedError) or o is ... for o in theirs):
        return untouched
    expected = [_outcome(exercise, exercise.reference, case) for case in cases]
    failing = [i for i, (a, b) in enumerate(zip(theirs, expected, strict=True)) if not _same(exercise, a, b)]
    if not failing:
        return Verdict("passed", f"{exercise.name}: passed, {len(cases)} inputs.")
    mistake = next((w for w in exercise.wrong if _behaves_like(exercise, w, cases, theirs)), None)
    i = failing[0]
    lines = [
        f"{exercise.name}: not yet. The first input that fails (they go from small to large):",
        *_describe_case(exercise, cases[i]),
        f"  expected  {_describe(expected[i])}",
        f"  got       {_describe(theirs[i])}",
        f"  Likely mistake: {mistake.hint}" if mistake else f"  {_general_hint(theirs[i], expected[i])}",
    ]
    return Verdict("failed", "\n".join(lines), mistake.name if mistake else None)


@contextlib.contextmanager
def _time_limit(seconds):
    """Raise TimeoutError in an answer that doesn't come back. Where signals can't do that (threads): no limit."""
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_):
        raise TimeoutError(f"no answer after {seconds} s: does a loop never end?")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _outcome(exercise, answer, case):
    """What the answer returns on a case, or the exception that it raises. Its prints are dropped."""
    try:
        silence = contextlib.redirect_stdout(io.StringIO())
        with silence, np.errstate(all="ignore"), _time_limit(SECONDS):
            return exercise.run(answer, *copy.deepcopy(case))
    except Exception as error:  # a reader's function may raise anything: that is an outcome, too
        return error


def _behaves_like(exercise, wrong, cases, theirs):
    return all(_same(exercise, _outcome(exercise, wrong.answer, c), o) for c, o in zip(cases, theirs, strict=True))


def _same(exercise, a, b):
    if isinstance(a, Exception) or isinstance(b, Exception):
        return type(a) is type(b)
    if isinstance(a, dict) or isinstance(b, dict):
        return type(a) is type(b) and a.keys() == b.keys() and all(_same(exercise, a[k], b[k]) for k in a)
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)) and _numbers(b) is None:
        return len(a) == len(b) and all(_same(exercise, x, y) for x, y in zip(a, b, strict=True))
    if isinstance(b, (str, bool)) or b is None:
        return isinstance(a, (str, bool, np.bool_, type(None))) and a == b
    a, b = _numbers(a), _numbers(b)
    if a is None or b is None or a.shape != b.shape:
        return False
    return bool(np.allclose(a, b, rtol=exercise.tolerance, atol=exercise.tolerance, equal_nan=True))


def _numbers(x):
    """As a float array, or None if it isn't numbers."""
    if isinstance(x, torch.Tensor):
        x = x.detach().cpu().to(torch.float64)
    try:
        return np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError):
        return None


def _describe_case(exercise, case):
    names = list(inspect.signature(exercise.reference).parameters)
    names += [f"argument {i}" for i in range(len(names), len(case))]
    return [f"  {name:9s} {_describe(value)}" for name, value in zip(names, case, strict=False)]


def _describe(x):
    if isinstance(x, Exception):
        return f"{type(x).__name__}: {x}"
    if isinstance(x, torch.Tensor):
        x = x.detach().cpu().numpy() if x.dtype != torch.bfloat16 else x.detach().cpu().float().numpy()
    if isinstance(x, np.ndarray) and x.dtype.kind == "f":
        x = np.round(x, 6) + 0.0
    if isinstance(x, np.ndarray):
        text = np.array2string(x, threshold=20, separator=", ").replace("\n", "\n            ")
        return text if x.size <= 100 else f"{text}  shape {x.shape}"
    if isinstance(x, (float, np.floating)):
        return f"{float(x):.6g}"
    text = repr(x)
    return text if len(text) <= 300 else text[:300] + " ..."


def _general_hint(got, expected):
    if isinstance(got, Exception):
        return "Your function raised an exception."
    if got is None:
        return "Your function returned None: did you forget `return`?"
    a, b = _numbers(got), _numbers(expected)
    if a is not None and b is not None and a.shape != b.shape:
        return f"The shapes differ: expected {b.shape}, got {a.shape}."
    return "Work this input out by hand and compare."
