"""The checkers: every reference passes, every wrong answer fails with its own hint, and the engine is fair."""

import numpy as np
import ot
import pytest
import scipy.stats
import torch

from howfar import exercises
from howfar.exercises.engine import Exercise, Wrong, examine

ALL = list(exercises.EXERCISES.values())
SEEDS = (0, 1, 2)


@pytest.mark.parametrize("exercise", ALL, ids=lambda e: e.name)
@pytest.mark.parametrize("seed", SEEDS)
def test_reference_passes(exercise, seed):
    verdict = examine(exercise, exercise.reference, seed)
    assert verdict.status == "passed", verdict.message


@pytest.mark.parametrize(("exercise", "wrong"), [(e, w) for e in ALL for w in e.wrong], ids=lambda x: x.name)
@pytest.mark.parametrize("seed", SEEDS)
def test_wrong_answer_fails_with_its_own_hint(exercise, wrong, seed):
    verdict = examine(exercise, wrong.answer, seed)
    assert verdict.status == "failed"
    assert verdict.mistake == wrong.name
    assert wrong.hint in verdict.message


@pytest.mark.parametrize("exercise", ALL, ids=lambda e: e.name)
def test_exercise_is_complete(exercise):
    assert len(exercise.wrong) >= 3
    assert len({w.name for w in exercise.wrong}) == len(exercise.wrong)
    assert exercise.difficulty in (1, 2, 3) and 1 <= exercise.minutes <= 60
    for answer in (lambda *a: None, lambda *a: 0.0, lambda *a: 1 / 0):
        assert examine(exercise, answer).status == "failed"
    assert examine(exercise, lambda *a: ...).status == "not attempted"


def square(x):
    return x * x


SQUARE = Exercise(
    "engine/square", "Square", 1, 1, square,
    lambda rng: [(0.0,), (3.0,), (np.array([1.0, 2.0]),)],
    (
        Wrong("doubles", lambda x: 2 * x, "you double."),
        Wrong("raises", lambda x: x.nothing, "no such attribute."),
        Wrong("cube", lambda x: x**3, "one factor too many."),
    ),
)  # fmt: skip


def test_message_names_the_smallest_failing_input_and_the_mistake():
    message = examine(SQUARE, lambda x: x + x).message
    assert (
        "x         3" in message and "expected  9" in message and "got       6" in message and "you double." in message
    )


def test_unknown_mistakes_get_a_general_hint():
    assert "forget `return`" in examine(SQUARE, lambda x: None).message
    assert "shapes differ" in examine(SQUARE, lambda x: np.zeros(7)).message
    assert examine(SQUARE, lambda x: x * x + 1).mistake is None
    assert "ZeroDivisionError" in examine(SQUARE, lambda x: 1 / 0).message


def test_right_answers_pass_in_any_number_type():
    assert examine(SQUARE, lambda x: torch.as_tensor(x) ** 2).status == "passed"
    assert examine(SQUARE, lambda x: (np.asarray(x) ** 2).tolist()).status == "passed"


def test_nan_is_never_right():
    assert examine(SQUARE, lambda x: x * x * np.nan).status == "failed"


def test_stubs_and_prints(capsys):
    def stub(x):
        print("noise")
        raise NotImplementedError

    assert examine(SQUARE, stub).status == "not attempted"
    assert examine(SQUARE, ...).status == "not attempted"
    assert "pass your function itself" in examine(SQUARE, 3).message
    assert capsys.readouterr().out == ""


def test_an_answer_that_changes_its_input_is_compared_with_the_original():
    def in_place(x):
        x *= x
        return x

    assert examine(SQUARE, in_place).status == "passed"


def test_unknown_exercise_lists_its_chapter():
    with pytest.raises(ValueError, match="line/sorting"):
        exercises.check("line/nope", square)


def test_an_answer_that_never_ends_is_stopped(monkeypatch):
    monkeypatch.setattr("howfar.exercises.engine.SECONDS", 0.2)

    def endless(x):
        while True:
            pass

    verdict = examine(SQUARE, endless)
    assert verdict.status == "failed" and "does a loop never end?" in verdict.message


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
        verdict = examine(exercises.find(name), answer, seed)
        assert verdict.status == "passed", f"seed {seed}: {verdict.message}"


@pytest.mark.parametrize("answer", [[1.0, 2.0], {"a": [1.0, 2.0]}, ("x", [1.0, 2.0]), (np.ones(2), np.ones(3))])
def test_lists_dicts_and_tuples_are_compared_part_by_part(answer):
    twin = Exercise("engine/twin", "Twin", 1, 1, lambda x: answer, lambda rng: [(0,)], ())
    assert examine(twin, lambda x: answer).status == "passed"
    assert examine(twin, lambda x: [1.0, 3.0]).status == "failed"
