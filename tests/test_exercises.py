"""The checkers: every reference passes, and every wrong answer fails with its own hint."""

import numpy as np
import ot
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


# Right answers written another way: a checker must not refuse them, and no reference may be right by its own word only.
def _p_value_by_loop(u, v, shuffles):
    pool = np.concatenate([u, v])
    observed = scipy.stats.wasserstein_distance(u, v)
    hits = 0
    for order in shuffles:
        w1 = scipy.stats.wasserstein_distance(pool[order[: len(u)]], pool[order[len(u) :]])
        hits += w1 >= observed - 1e-12
    return (hits + 1) / (len(shuffles) + 1)


def _p_value_bare(u, v, shuffles):
    pool = np.concatenate([u, v])
    observed = scipy.stats.wasserstein_distance(u, v)
    heaps = [(pool[s[: len(u)]], pool[s[len(u) :]]) for s in shuffles]
    return (sum(scipy.stats.wasserstein_distance(*h) >= observed for h in heaps) + 1) / (len(shuffles) + 1)


RIGHT = [
    ("line/sorting", lambda u, v: scipy.stats.wasserstein_distance(u, v)),
    ("line/sorting", lambda u, v: sum(abs(a - b) for a, b in zip(sorted(u), sorted(v), strict=True)) / len(u)),
    ("line/cdf", lambda x, p, q: scipy.stats.wasserstein_distance(x, x, p, q)),
    ("line/plan", lambda a, b: ot.emd(a, b, np.abs(np.arange(len(a))[:, None] / 1e3 - np.arange(len(b))) ** 2)),
    ("line/p-value", _p_value_by_loop),
    ("line/p-value", _p_value_bare),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_right_answers_written_another_way_pass(name, answer):
    for seed in range(20):
        verdict = examine(exercises.find(name), answer, (seed,))
        assert verdict.status == "passed", f"seed {seed}: {verdict.message}"
