"""The exercises and their checkers.

Behind each exercise stand a reference answer and the mistakes that readers make, each a working wrong answer with
its own hint. `check` tells a reader which of them the answer at hand behaves like; `matrix` shows that it can.
"""

import pkgutil
from importlib import import_module

from howfar.exercises.engine import Exercise, Verdict, Wrong, examine

# Every module beside the engine is a chapter's: ``line.py`` holds the exercises of ``line.ipynb``.
CHAPTERS = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "engine")
EXERCISES = {e.name: e for chapter in CHAPTERS for e in import_module(f"{__name__}.{chapter}").EXERCISES}

__all__ = ["EXERCISES", "Exercise", "Verdict", "Wrong", "check", "examine", "find", "matrix"]


def find(name):
    """The exercise of that name; ValueError lists the names of its chapter, or the chapters."""
    if name not in EXERCISES:
        chapter = name.split("/")[0]
        near = [n for n in EXERCISES if n.split("/")[0] == chapter] or list(EXERCISES)
        raise ValueError(f"no exercise {name!r}; there are: {', '.join(near)}")
    return EXERCISES[name]


def check(name, answer, seed=0):
    """Try an answer to an exercise and print what came of it.

    Prints one of: not attempted yet; passed; or the smallest input on which the answer fails, what was expected, what
    came back and, where the answer behaves like a known mistake, a hint.

    Parameters
    ----------
    name : str
        The exercise, e.g. ``"line/sorting"``.
    answer : callable
        Your function. It gets copies of the inputs.
    seed : int
        Seeds the random inputs.

    Raises
    ------
    ValueError
        If there is no exercise of that name.
    """
    print(examine(find(name), answer, seed=seed).message)


def matrix(seeds=(0, 1, 2)):
    """Every reference and every wrong answer against its checker.

    Parameters
    ----------
    seeds : sequence of int

    Returns
    -------
    list of dict
        A row for each answer: ``exercise, answer, expected`` ("passed", or the wrong answer's own hint), ``holds``
        (whether the checker said so on every seed).
    """
    rows = []
    for exercise in EXERCISES.values():
        verdicts = [examine(exercise, exercise.reference, seed) for seed in seeds]
        rows.append(_row(exercise, "reference", "passed", all(v.status == "passed" for v in verdicts)))
        for wrong in exercise.wrong:
            verdicts = [examine(exercise, wrong.answer, seed) for seed in seeds]
            caught = all(v.status == "failed" and v.mistake == wrong.name for v in verdicts)
            rows.append(_row(exercise, wrong.name, wrong.hint, caught))
    return rows


def _row(exercise, answer, expected, holds):
    return {"exercise": exercise.name, "answer": answer, "expected": expected, "holds": holds}
