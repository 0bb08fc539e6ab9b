"""How an exercise is checked.

An answer is run on a list of cases, smallest first, and compared with the reference. If it fails, it is also compared
with each known wrong answer: the one that it agrees with on every case names the mistake.
"""

import copy
import functools
import inspect
from itertools import zip_longest

import numpy as np

from howfar import checks
from howfar.exercises.engine.compare import identical, same
from howfar.exercises.engine.describe import argument_name, describe, describe_case, describe_difference
from howfar.exercises.engine.exercise import SEEDS, Verdict
from howfar.exercises.engine.hints import CHANGES, general_hint, number_mistake
from howfar.exercises.engine.running import TooLongError, outcome


def examine(exercise, answer, seeds=SEEDS):
    """Run an answer to an exercise against its cases; nothing is printed.

    Parameters
    ----------
    exercise : Exercise
    answer : callable
    seeds : sequence of int
        One draw of the cases for each.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If there is no seed, or the exercise's own cases or reference are broken.
    """
    seeds = tuple(checks.count("seeds", seed, least=0) for seed in seeds)
    if not seeds:
        raise ValueError("seeds must name at least one seed, got none")
    if answer is ...:
        return _not_attempted(exercise)
    kind = "class" if inspect.isclass(exercise.reference) else "function"
    if not callable(answer) or (kind == "class" and not inspect.isclass(answer)):
        message = f"{exercise.name}: pass your {kind} itself, got {_kind_of(answer)}."
        return Verdict(exercise.name, "failed", message, got=answer)
    cases, expected = _prepare(exercise, seeds)
    theirs = _run_all(exercise, answer, cases)
    if all(o.stub for o in theirs):
        return _not_attempted(exercise)
    failing = [
        i
        for i, (o, right) in enumerate(zip(theirs, expected, strict=True))
        if o.error is not None or not same(o.value, right, exercise.tolerance)
    ]
    if failing:
        return _failed(exercise, answer, cases, expected, theirs, failing)
    meddling = next((i for i, o in enumerate(theirs) if o.changed), None)
    if meddling is not None:
        return _changes(exercise, answer, cases[meddling], expected[meddling], theirs[meddling])
    return Verdict(exercise.name, "passed", f"{exercise.name}: passed, {len(cases)} inputs.")


def _not_attempted(exercise):
    message = f"{exercise.name}: not attempted yet. Fill in the cell above, then run this one."
    return Verdict(exercise.name, "not attempted", message)


def _kind_of(answer):
    return type(answer).__name__ if not callable(answer) or not hasattr(answer, "__name__") else "a function"


@functools.lru_cache(maxsize=256)
def _prepare(exercise, seeds):
    """The cases of all seeds, smallest first and each once, and what the reference returns on them."""
    draws = [exercise.cases(np.random.default_rng(seed)) for seed in seeds]
    for case in (case for draw in draws for case in draw):
        if not isinstance(case, tuple):
            raise ValueError(f"{exercise.name}: cases must be tuples of arguments, got {describe(case)}")
    cases = []
    for rank in zip_longest(*draws):
        new = []
        for case in rank:
            if case is not None and not any(identical(case, other) for other in new):
                new.append(case)
        cases += new
    if not cases:
        raise ValueError(f"{exercise.name}: cases must give at least one case, got none")
    expected = []
    for case in cases:
        o = outcome(exercise, exercise.reference, case)
        if o.error is not None or o.changed:
            what = f"raises {describe(o.error)}" if o.error is not None else "changes its arguments"
            raise ValueError("\n".join([f"{exercise.name}: the reference {what} on", *describe_case(exercise, case)]))
        expected.append(o.value)
    return tuple(cases), tuple(expected)


def _run_all(exercise, answer, cases):
    theirs = []
    for case in cases:
        theirs.append(outcome(exercise, answer, case))
        if isinstance(theirs[-1].error, TooLongError):  # one is enough: the rest would hang, too
            return theirs + [theirs[-1]] * (len(cases) - len(theirs))
    return theirs


def _failed(exercise, answer, cases, expected, theirs, failing):
    i = failing[0]
    got = theirs[i]
    name, hint = _diagnosis(exercise, cases, expected, theirs, i)
    count = f"{len(failing)} of {len(cases)} inputs" if len(failing) < len(cases) else f"all {len(cases)} inputs"
    fail = "fails" if len(failing) == 1 else "fail"
    lines = [
        f"{exercise.name}: not yet, {count} {fail}. The first that does (they go from small to large):",
        *describe_case(exercise, cases[i]),
        *describe_difference(expected[i], got.shown, exercise.tolerance),
        *([f"  in        {got.line}"] if got.line else []),
        f"  {hint}",
        *_changed_lines(exercise, cases[i], got),
    ]
    return _verdict(exercise, answer, lines, name, cases[i], expected[i], got)


def _changes(exercise, answer, case, expected, got):
    lines = [
        f"{exercise.name}: not yet. The values are right, but your function changes what it is given:",
        *describe_case(exercise, case),
        *_changed_lines(exercise, case, got),
    ]
    return _verdict(exercise, answer, lines, CHANGES, case, expected, got)


def _changed_lines(exercise, case, got):
    if not got.changed:
        return []
    names = " and ".join(f"`{argument_name(exercise, case, i)}`" for i in got.changed)
    return [
        f"  It changes its argument {names} in place, so that its caller goes on with other values: work on a copy."
    ]


def _verdict(exercise, answer, lines, mistake, case, expected, got):
    name = getattr(answer, "__name__", "")
    mine = name if name.isidentifier() else "your_function"
    lines.append(f'  This input again: check("{exercise.name}", {mine}).inputs')
    message = "\n".join(lines)
    return Verdict(exercise.name, "failed", message, mistake, copy.deepcopy(expected), got.shown, case)


def _diagnosis(exercise, cases, expected, theirs, i):
    """``(name or None, hint)`` of the mistake."""
    for wrong in exercise.wrong:
        if _behaves_like(exercise, wrong, cases, expected, theirs):
            return wrong.name, f"Likely mistake: {wrong.hint}"
    if isinstance(theirs[i].error, TooLongError):
        return None, "Your function was stopped."
    if theirs[i].error is not None and theirs[i].line:
        return None, "Your function raised an exception there."
    if theirs[i].error is not None:
        return None, (
            "The exception was not raised in your own lines: does your function take these arguments, and is what it "
            "returns of the right kind?"
        )
    known = number_mistake(theirs[i].value, expected[i])
    if known:
        return known[0], f"Likely mistake: {known[1]}"
    pairs = [(o.shown, right) for o, right in zip(theirs, expected, strict=True)]
    return None, general_hint(theirs[i].value, expected[i], pairs, exercise.tolerance)


def _behaves_like(exercise, wrong, cases, expected, theirs):
    """Whether an answer does on every case what a wrong answer does.

    Two exceptions of one type say little: there must be a case, too, on which both return the same wrong value.
    """
    evidence = False
    for case, mine, right in zip(cases, theirs, expected, strict=True):
        other = outcome(exercise, wrong.answer, case)
        if type(mine.error) is not type(other.error):
            return False
        if mine.error is None:
            if not same(mine.value, other.value, exercise.tolerance):
                return False
            evidence = evidence or not same(mine.value, right, exercise.tolerance)
    return evidence
