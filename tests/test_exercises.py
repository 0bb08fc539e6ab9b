"""The checkers: every reference passes, and every wrong answer fails with its own hint."""

import pytest

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
