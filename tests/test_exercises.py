"""The checkers: every reference passes, and every wrong answer fails with its own hint."""

import math

import pytest
import scipy.stats

from howfar import exercises
from howfar.exercises.engine import examine

ALL = list(exercises.EXERCISES.values())
SEEDS = (0, 1, 2)


@pytest.mark.parametrize("exercise", ALL, ids=lambda e: e.name)
@pytest.mark.parametrize("seed", SEEDS)
def test_reference_passes(exercise, seed):
    verdict = examine(exercise, exercise.reference, (seed,))
    assert verdict.status == "passed", verdict.message


@pytest.mark.parametrize(("exercise", "wrong"), [(e, w) for e in ALL for w in e.wrong], ids=lambda x: x.name)
@pytest.mark.parametrize("seed", SEEDS)
def test_wrong_answer_fails_with_its_own_hint(exercise, wrong, seed):
    verdict = examine(exercise, wrong.answer, (seed,))
    assert verdict.status == "failed"
    assert verdict.mistake == wrong.name
    assert wrong.hint in verdict.message


@pytest.mark.parametrize("exercise", ALL, ids=lambda e: e.name)
def test_exercise_is_complete(exercise):
    assert len(exercise.wrong) >= 3
    assert exercise.minutes <= 60
    for answer in (lambda *a: None, lambda *a: 0.0, lambda *a: 1 / 0, lambda *a: "1", lambda *a: 1j):
        assert examine(exercise, answer).status == "failed"
    if not isinstance(exercise.reference, type):
        assert examine(exercise, lambda *a: ...).status == "not attempted"


@pytest.mark.parametrize(("letter", "laws"), {"a": "0202", "b": "02xy", "c": "010z", "d": "0405"}.items())
def test_the_biases_that_line_tells_of_are_those_of_its_pairs(letter, laws):
    """By every outcome of two samples of 4 draws, each law a fair choice of two points."""
    place = {**{str(i): i for i in range(10)}, "x": 10, "y": 12, "z": 21}
    a, b, c, d = (place[x] for x in laws)
    n, exercise = 4, exercises.find("line/bias")
    mean = 0.0
    for i in range(n + 1):
        for j in range(n + 1):
            w1 = scipy.stats.wasserstein_distance([a] * i + [b] * (n - i), [c] * j + [d] * (n - j))
            mean += w1 * math.comb(n, i) * math.comb(n, j) / 4**n
    bias = mean - scipy.stats.wasserstein_distance([a, b], [c, d])
    assert exercise.run(lambda: letter, n) == pytest.approx(bias, abs=1e-12)
