"""Short programs: right on every short word; and what is learned of the questions that they answer."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from howfar.complexity import QUESTIONS, all_words, mistakes
from howfar.complexity.programs import count, latest, parity_up_to, read
from howfar.experiments import complexity
from howfar.experiments.complexity import predicates
from howfar.experiments.judging import CONTRADICTED, HOLDS, NOT_JUDGED, UNDECIDED

every = pytest.mark.parametrize("name", QUESTIONS)


@every
def test_a_program_is_right_on_every_short_word_and_at_every_place(name):
    asked = QUESTIONS[name]
    for length in range(1, 9):
        words = all_words(asked.letters, length)
        expected = [[asked.truth(word[: i + 1]) for i in range(length)] for word in words.tolist()]
        assert np.array_equal(asked.facts(words), expected)
        assert mistakes(asked.facts, name, length) == 0


@every
def test_no_question_is_answered_by_one_letter_or_always_alike(name):
    for length in (3, 6):
        words = all_words(QUESTIONS[name].letters, length)
        said = QUESTIONS[name].facts(words)[:, -1]
        assert 0.25 < said.mean() < 0.75
        assert all(len(set(said[words[:, -1] == letter])) == 2 for letter in (0, 1)) or name == "latest"


def test_steps_of_a_program_place_by_place():
    words = np.array([[0, 2, 1, 1, 0], [2, 2, 0, 1, 2]])
    assert count(words == 1).tolist() == [[0, 0, 1, 2, 2], [0, 0, 0, 1, 1]]
    assert latest(words < 2).tolist() == [[0, 0, 2, 3, 4], [-1, -1, 2, 3, 3]]
    assert read(words, latest(words < 2)).tolist() == [[0, 0, 1, 1, 0], [0, 0, 0, 1, 1]]


def test_parity_up_to_a_length_is_right_up_to_there_and_at_no_greater_one():
    for most in (1, 2, 3, 5):
        wrong = [mistakes(parity_up_to(most), "parity", length) for length in range(1, 8)]
        assert [bool(w) for w in wrong] == [length > most for length in range(1, 8)]


def test_fewer_comparisons_of_counts_do_not_decide_parity():
    """Words 1^k 0^(n-k), k = 0 .. n-1: the answer changes n-1 times, and a comparison of counts at most once."""
    n = 7
    words = np.array([[1] * k + [0] * (n - k) for k in range(n)])
    answers = QUESTIONS["parity"].facts(words)[:, -1]
    assert np.abs(np.diff(answers.astype(int))).sum() == n - 1
    ones, zeros = count(words == 1)[:, -1], count(words == 0)[:, -1]
    for a, b, c in itertools.product(range(-3, 4), repeat=3):
        assert np.abs(np.diff((a * ones + b * zeros + c > 0).astype(int))).sum() <= 1


def test_all_words_are_all():
    for letters, length in ((2, 5), (3, 3), (1, 4)):
        assert all_words(letters, length).tolist() == [
            list(w) for w in itertools.product(range(letters), repeat=length)
        ]


def test_what_is_refused():
    for call, says in (
        (lambda: mistakes(parity_up_to(2), "odd", 3), "question must be one of 'first'"),
        (lambda: mistakes(lambda words: words, "parity", 3), r"program must return bool of shape \(8, 3\), got int64"),
        (lambda: mistakes(lambda words: words[:, -1] == 1, "parity", 3), r"bool of shape \(8,\)"),
        (lambda: all_words(2, 40), "length must give at most 10,000,000 words"),
        (lambda: parity_up_to(0), "most must be a positive integer"),
    ):
        with pytest.raises(ValueError, match=says):
            call()


# --- what is learned --------------------------------------------------------------------------------------------------


@every
def test_samples_are_words_behind_a_start_with_the_answers_at_all_places(name):
    made = complexity.sample(name, 30, 6, torch.Generator().manual_seed(3))
    made.check()
    assert (made.inputs[:, 0] == complexity.START).all() and not made.mask[:, 0].any() and made.mask[:, 1:].all()
    for word, answers in zip(made.inputs[:, 1:].tolist(), made.targets[:, 1:].tolist(), strict=True):
        assert answers == [QUESTIONS[name].truth(word[: i + 1]) for i in range(6)]


def test_blind_knows_its_letter_and_no_other():
    test = complexity.sample("latest", 2000, 5, torch.Generator().manual_seed(0))
    right = complexity.blind("latest", test)
    known = test.inputs[:, 1:].numpy() < 2
    assert right[known].all() and 0.4 < right[~known].mean() < 0.8
    parity = complexity.blind("parity", complexity.sample("parity", 4000, 5, torch.Generator().manual_seed(0)))
    assert parity[:, 0].all() and abs(parity[:, 4].mean() - 0.5) < 0.04


def test_records_of_a_run():
    config = complexity.Config("first", "none", steps=60, seeds=(3, 4), trained=4)
    frame = pd.DataFrame(complexity.run(config))
    assert set(frame) == {"length", "seed", "exact_match", "last", "chance", "last_chance"}
    assert not set(frame) & set(config.__dataclass_fields__)
    assert [tuple(row) for row in frame[["length", "seed"]].to_numpy()] == list(
        itertools.product((4, 6, 8, 12), (3, 4))
    )
    assert (frame["exact_match"] <= frame["last"]).all() and frame.query("length == 4")["last"].min() > 0.8


def test_the_full_grid_asks_everything_with_every_encoding():
    full = complexity.grid("full")
    cells = {(c.question, c.encoding) for c in full}
    assert cells == set(itertools.product(QUESTIONS, complexity.ENCODINGS))
    assert [c.question for c in full if c.steps != complexity.Config.steps] == ["parity"] * 3
    assert all(len(c.seeds) == 3 and c.trained == 16 for c in full) and sum(complexity.plan(full)) < 720


def records(exact_match):
    """A row for each cell, seed and length of the full grid; ``exact_match(config, factor, seed)``."""
    rows = [
        {"question": c.question, "encoding": c.encoding, "steps": c.steps, "trained": c.trained, "seed": seed,
         "length": round(factor * c.trained), "exact_match": exact_match(c, factor, seed), "chance": 0.1}
        for c in complexity.grid("full") for factor in complexity.FACTORS for seed in c.seeds
    ]  # fmt: skip
    return pd.DataFrame(rows)


def statuses(predicate, made):
    return dict(zip(predicate(made)["setting"], predicate(made)["status"], strict=True))


def test_predicates_follow_the_records():
    in_crasp = records(lambda c, factor, seed: float(factor == 1 or QUESTIONS[c.question].language == "C-RASP"))
    assert set(statuses(predicates.counting_carries_over, in_crasp).values()) == {HOLDS}
    assert set(statuses(predicates.without_counting_it_stops, in_crasp).values()) == {HOLDS}
    found = statuses(predicates.short_programs_carry_over, in_crasp)
    assert {found["majority, none, 2 times the length"], found["latest, none, 2 times the length"]} == {
        HOLDS,
        CONTRADICTED,
    }
    assert len(found) == 4 * 4 * 3 and not any("parity" in setting for setting in found)
    assert next(iter(found)) == "majority, none, 2 times the length"
    assert next(iter(statuses(predicates.without_counting_it_stops, in_crasp))) == "latest, 3 times the length"


def test_what_was_not_learned_or_varies_decides_nothing():
    unlearned = records(lambda c, factor, seed: 0.5 if factor == 1 else 1.0)
    varying = records(lambda c, factor, seed: 1.0 if factor == 1 else (0.0, 0.6, 1.0)[seed])
    for predicate in (
        predicates.counting_carries_over,
        predicates.without_counting_it_stops,
        predicates.short_programs_carry_over,
    ):
        assert set(statuses(predicate, unlearned).values()) == {NOT_JUDGED}
        assert set(statuses(predicate, varying).values()) == {UNDECIDED}
        with pytest.raises(ValueError, match="have no number"):
            predicate(records(lambda c, factor, seed: np.nan if seed == 1 else 1.0))


def test_the_figure_has_a_panel_for_each_question_and_a_line_for_each_encoding_and_the_guesser():
    drawing = complexity.figure(records(lambda c, factor, seed: 1 / factor - 0.1 * seed))
    assert [len(axis.lines) for axis in drawing.axes] == [5] * 5
    assert drawing.axes[0].lines[0].get_ydata()[0] == pytest.approx(0.9)
    plt.close(drawing)
