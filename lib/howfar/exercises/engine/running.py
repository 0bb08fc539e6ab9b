"""An answer is run on copies of a case's arguments: what comes back, which line raised, what was changed."""

import contextlib
import copy
import functools
import inspect
import io
import re
import signal
import threading
import traceback
from dataclasses import dataclass

import numpy as np

from howfar.exercises.engine.compare import identical

SECONDS = 20  # for one input
CELL = re.compile(r"ipykernel_\d|ipython-input")  # the "files" that a notebook's cells are


class TooLongError(BaseException):
    """No answer in time. Not an Exception: a loop that catches those must not go on."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What an answer did with one case.

    Attributes
    ----------
    value : object
        What it returned; None if it raised.
    error : BaseException or None
        What it raised.
    line : str
        The line of the answer's own code that raised, with its number; empty if none did.
    stub : bool
        Whether the answer says itself that it isn't written yet: it returns ``...`` or raises NotImplementedError.
    changed : tuple of int
        Which arguments it changed.
    """

    value: object = None
    error: BaseException | None = None
    line: str = ""
    stub: bool = False
    changed: tuple = ()

    @property
    def shown(self):
        """What a reader calls the result: the value, or the exception."""
        return self.value if self.error is None else self.error


def outcome(exercise, answer, case):
    """Run an answer on copies of a case's arguments. Its prints are dropped.

    Parameters
    ----------
    exercise : Exercise
    answer : callable
    case : tuple
        The arguments.

    Returns
    -------
    Outcome
    """
    given = [copy.deepcopy(argument) for argument in case]  # one by one: two arguments may be one object
    known = [identical(argument, twin) for argument, twin in zip(case, given, strict=True)]
    try:
        silence = contextlib.redirect_stdout(io.StringIO())
        with silence, np.errstate(all="ignore"), _time_limit(SECONDS):
            value, error = exercise.run(answer, *given), None
    # A reader's function may raise anything, and call exit(): that is an outcome, too.
    except (Exception, SystemExit, TooLongError) as raised:
        value, error = None, raised
    changed = tuple(
        i for i, (old, new) in enumerate(zip(case, given, strict=True)) if known[i] and not identical(old, new)
    )
    if error is None:
        return Outcome(value, stub=value is ..., changed=changed)
    line, last = _readers_line(error, answer)
    return Outcome(error=error, line=line, stub=last and isinstance(error, NotImplementedError), changed=changed)


def _readers_line(error, answer):
    """The last line of the reader's own code on the way to an exception, and whether it raised the exception itself."""
    own = _files(answer)
    frames = traceback.extract_tb(error.__traceback__)
    mine = [frame for frame in frames if frame.filename in own or CELL.search(frame.filename)]
    if not mine:
        return "", False
    text = f"line {mine[-1].lineno}"
    return f"{text}: {mine[-1].line}" if mine[-1].line else text, mine[-1] is frames[-1]


def _files(answer):
    """The files of a function, of what it wraps, of a class and of a callable object."""
    while isinstance(answer, functools.partial):
        answer = answer.func
    answer = inspect.unwrap(answer)
    if hasattr(answer, "__code__"):
        return {answer.__code__.co_filename}
    members = vars(answer if inspect.isclass(answer) else type(answer)).values()
    return {member.__code__.co_filename for member in members if hasattr(member, "__code__")}


@contextlib.contextmanager
def _time_limit(seconds):
    """Stop an answer that doesn't come back. Where signals can't do that (threads, Windows): no limit."""
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_):
        raise TooLongError(f"no answer after {seconds} s: does a loop never end?")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
