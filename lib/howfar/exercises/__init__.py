"""The exercises and their checkers, and a quiz for each chapter.

Behind each exercise stand a reference answer and the mistakes that readers make, each a working wrong answer with
its own hint. `check` tells a reader which of them the answer at hand behaves like; `matrix` shows that it can.
"""

import dataclasses
import pkgutil
from importlib import import_module

from howfar.exercises.engine import SEEDS, Exercise, Option, Question, Quiz, Verdict, Wrong, examine

# Every module beside the engine is a chapter's: ``line.py`` holds the exercises of ``line.ipynb``.
CHAPTERS = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "engine")
_modules = {chapter: import_module(f"{__name__}.{chapter}") for chapter in CHAPTERS}
EXERCISES = {e.name: e for module in _modules.values() for e in module.EXERCISES}
QUIZZES = {chapter: module.QUIZ for chapter, module in _modules.items() if hasattr(module, "QUIZ")}
_OURS = frozenset(EXERCISES)

__all__ = [
    "EXERCISES",
    "QUIZZES",
    "Exercise",
    "Option",
    "Question",
    "Quiz",
    "Verdict",
    "Wrong",
    "check",
    "examine",
    "find",
    "matrix",
    "quiz",
    "register",
    "use",
]


def register(exercise):
    """Add an exercise of your own, so that `check` and `use` find it by its name.

    Parameters
    ----------
    exercise : Exercise
        Registered again under the same name, it replaces the one before: a cell can be run twice.

    Returns
    -------
    Exercise
        The same.

    Raises
    ------
    ValueError
        If it is no Exercise, or has the name of one of the course's.
    """
    if not isinstance(exercise, Exercise):
        raise ValueError(f"exercise must be a howfar.exercises.Exercise, got {exercise!r}")
    if exercise.name in _OURS:
        raise ValueError(f"{exercise.name!r} is an exercise of the course: give yours another name")
    EXERCISES[exercise.name] = exercise
    return exercise


def find(name):
    """The exercise of that name; ValueError lists the names of its chapter, or all of them."""
    if not isinstance(name, str) or name not in EXERCISES:
        chapter = str(name).split("/")[0]
        near = [n for n in EXERCISES if n.split("/")[0] == chapter] or list(EXERCISES)
        raise ValueError(f"no exercise {name!r}; there are: {', '.join(near)}")
    return EXERCISES[name]


def check(name, answer, *, seeds=SEEDS):
    """Try an answer to an exercise and print what came of it.

    Prints one of: not attempted yet; passed; or the smallest input on which the answer fails, what was expected, what
    came back, the line of yours that raised an exception and, where the answer behaves like a known mistake, a hint.
    An answer that changes its inputs fails: whoever called it would go on with other values.

    Parameters
    ----------
    name : str
        The exercise, e.g. ``"line/sorting"``.
    answer : callable
        Your function. It gets copies of the inputs.
    seeds : sequence of int
        The random inputs are drawn once for each.

    Returns
    -------
    Verdict
        Its text is what was printed (a notebook shows it only once); ``inputs``, ``expected`` and ``got`` belong to
        the input that failed: ``answer(*check(name, answer).inputs)`` tries it again.

    Raises
    ------
    ValueError
        If there is no exercise of that name.
    """
    verdict = examine(find(name), answer, seeds)
    print(verdict.message)
    return dataclasses.replace(verdict, printed=True)


def use(name, answer):
    """Your answer to an exercise if it passes its check, the reference otherwise; one printed line says which.

    Parameters
    ----------
    name : str
        The exercise, e.g. ``"line/plan"``.
    answer : callable
        Your function.

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        If there is no exercise of that name.

    Examples
    --------
    >>> w1 = use("line/sorting", ...)
    using the reference w1_sorted: yours has not passed yet
    """
    exercise = find(name)
    verdict = examine(exercise, answer)
    title = getattr(exercise.reference, "__name__", name)
    if verdict.passed:
        print(f"using your {getattr(answer, '__name__', title)}")
        return answer
    print(f"using the reference {title}: yours has not passed yet")
    return exercise.reference


def quiz(chapter):
    """The questions that close a chapter; a notebook shows them with buttons that answer.

    Parameters
    ----------
    chapter : str
        E.g. ``"line"``.

    Returns
    -------
    Quiz

    Raises
    ------
    ValueError
        If that chapter has no quiz.
    """
    if not isinstance(chapter, str) or chapter not in QUIZZES:
        raise ValueError(f"no quiz for chapter {chapter!r}; there are: {', '.join(QUIZZES)}")
    return Quiz(chapter, QUIZZES[chapter])


def matrix(exercises=None, *, seeds=SEEDS):
    """Every reference and every wrong answer against its checker.

    Parameters
    ----------
    exercises : sequence of Exercise, optional
        All of them if left out.
    seeds : sequence of int
        One after the other, so that each alone must tell the mistakes apart.

    Returns
    -------
    list of dict
        A row for each answer: ``exercise, answer, expected`` ("passed", or the wrong answer's own hint), ``holds``
        (whether the checker said so on every seed).
    """
    rows = []
    for exercise in EXERCISES.values() if exercises is None else exercises:
        verdicts = [examine(exercise, exercise.reference, (seed,)) for seed in seeds]
        rows.append(_row(exercise, "reference", "passed", all(v.passed for v in verdicts)))
        for wrong in exercise.wrong:
            verdicts = [examine(exercise, wrong.answer, (seed,)) for seed in seeds]
            caught = all(v.status == "failed" and v.mistake == wrong.name for v in verdicts)
            rows.append(_row(exercise, wrong.name, wrong.hint, caught))
    return rows


def _row(exercise, answer, expected, holds):
    return {"exercise": exercise.name, "answer": answer, "expected": expected, "holds": holds}
