"""What an exercise is, and what comes of an answer to it."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

from howfar import checks

SEEDS = (0, 1, 2)  # an answer that is lucky with one draw is rarely lucky with three


@dataclass(frozen=True)
class Wrong:
    """A mistake that a reader would make: its name, a function that makes it, and the hint that helps."""

    name: str
    answer: Callable
    hint: str


def _call(answer, *arguments):
    return answer(*arguments)


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
        ``cases(rng)`` gives a list of argument tuples, smallest first; ``rng`` is a `numpy.random.Generator`. Cases
        made by hand are the same for every ``rng`` and are run once.
    wrong : tuple of Wrong
        At least three in this course.
    run : callable
        ``run(answer, *arguments)`` gives what is compared; by default it calls the answer.
    tolerance : float
        Numbers may differ by this much, relative and absolute. Where the reference returns integers, none is allowed.

    Raises
    ------
    ValueError
        If a part is of the wrong kind, or two mistakes have one name.
    """

    name: str
    title: str
    difficulty: int
    minutes: int
    reference: Callable
    cases: Callable
    wrong: tuple
    run: Callable = _call
    tolerance: float = 1e-6

    def __post_init__(self):
        if not isinstance(self.name, str) or self.name.count("/") != 1 or not all(self.name.split("/")):
            raise ValueError(f"name must be 'chapter/exercise', got {self.name!r}")
        checks.count("difficulty", self.difficulty, most=3)
        checks.count("minutes", self.minutes)
        checks.number("tolerance", self.tolerance, least=0)
        for part in ("reference", "cases", "run"):
            if not callable(getattr(self, part)):
                raise ValueError(f"{part} must be a function, got {getattr(self, part)!r}")
        if not isinstance(self.wrong, tuple) or not all(isinstance(w, Wrong) for w in self.wrong):
            raise ValueError(f"wrong must be a tuple of Wrong, got {self.wrong!r}")
        names = [w.name for w in self.wrong]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.name}: two of its wrong answers have one name: {', '.join(names)}")


@dataclass(frozen=True, eq=False)
class Verdict:
    """What came of an answer. Its text is the message; it counts as true if the answer passed.

    Attributes
    ----------
    exercise : str
        The exercise's name.
    status : str
        ``"passed"``, ``"failed"`` or ``"not attempted"``.
    message : str
    mistake : str or None
        The name of the mistake, where it is known: one of the exercise's own, or ``"changes its input"``,
        ``"overflow"``, ``"rounded"``.
    inputs : tuple or None
        The arguments of the first case that failed, a fresh copy each time.
    expected, got : object
        What the reference and the answer return there; ``got`` is the exception if the answer raised one.
    """

    exercise: str
    status: str
    message: str
    mistake: str | None = None
    expected: object = None
    got: object = None
    case: tuple | None = None
    printed: bool = False

    @property
    def inputs(self):
        return copy.deepcopy(self.case)

    @property
    def passed(self):
        return self.status == "passed"

    def __bool__(self):
        return self.passed

    def __str__(self):
        return self.message

    def __repr__(self):
        return f"<{self.exercise}: {self.status}>"

    def _ipython_display_(self):
        """In a notebook the message stands once: here, unless `howfar.check` has printed it."""
        if not self.printed:
            print(self.message)
