"""Complexity measures: what a task reads, found by experiment; the measures, counted pair by pair."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch

from howfar import complexity, tasks
from howfar.complexity import bucketed, clipped, conflicts, fan_in, measures, new_labels, pairs_of, risk, transfers
from howfar.encodings import t5_buckets
from howfar.search import SEPARATOR

LENGTHS = range(2, 5)
BUCKETS = {
    both: {d: int(t5_buckets(torch.tensor([d]), buckets=8, max_distance=6, bidirectional=both)) for d in range(-40, 40)}
    for both in (True, False)
}
RELATIONS = {name: name for name in complexity.RELATIONS} | {
    "clipped": clipped("coupled", 2),
    "clipped by part": clipped("coupled, by part", 2),
    "buckets": bucketed("relative", buckets=8, max_distance=6, bidirectional=False),
    "wide buckets": bucketed("coupled", buckets=8, max_distance=6),
}
every_task = pytest.mark.parametrize("task", complexity.TASKS)
every_relation = pytest.mark.parametrize("relation", RELATIONS)


# --- by hand: one pair at a time, with dictionaries ------------------------------------------------------------------


def label_by_hand(relation, n, task, query, key, query_id, key_id, part):
    tokens = 2 * n + 1 if task == "addition" else n  # in the prompt
    apart = query - key
    ids = query_id - key_id
    return {
        "none": 0,
        "absolute": (query, key),
        "relative": apart,
        "coupled": ids,
        "coupled, by part": (ids, part),
        "by subtraction": apart - tokens if part == 0 else apart,
        "by division": Fraction(apart, tokens),
        "clipped": max(-2, min(2, ids)),
        "clipped by part": (max(-2, min(2, ids)), part),
        "buckets": BUCKETS[False][-apart],
        "wide buckets": BUCKETS[True][-ids],
    }[relation]


def by_hand(task, relation, n):
    """(label, read) of every pair."""
    pairs = pairs_of(task, n)
    columns = zip(*(part.tolist() for part in pairs[2:]), strict=True)
    return [(label_by_hand(relation, n, task, *rest), read) for *rest, read in columns]


@every_task
@every_relation
def test_measures_are_those_counted_pair_by_pair(task, relation):
    met = {}
    for n in LENGTHS:
        for label, read in by_hand(task, relation, n):
            met.setdefault(label, []).append(read)
    for n in (4, 7):
        here = by_hand(task, relation, n)
        both = sum(0 < sum(reads) < len(reads) for reads in met.values())
        assert conflicts(task, RELATIONS[relation], LENGTHS) == both
        needed = {label for label, read in here if read} - set(met)
        assert new_labels(task, RELATIONS[relation], LENGTHS, n) == (len(needed), len({x for x, _ in here} - set(met)))
        error = sum((np.mean(met.get(label, [0])) - read) ** 2 for label, read in here)
        variance = sum(read for _, read in here)
        assert risk(task, RELATIONS[relation], LENGTHS, n) == pytest.approx(error / variance, abs=1e-12)
        assert transfers(task, RELATIONS[relation], LENGTHS, n) == (error < 1e-12)


@every_task
def test_the_risk_is_that_of_a_least_squares_fit(task):
    labels = sorted({label for n in LENGTHS for label, _ in by_hand(task, "coupled", n)})
    rows, targets = [], []
    for n in LENGTHS:
        pairs = by_hand(task, "coupled", n)
        rows += [[label == known for known in labels] for label, _ in pairs]
        targets += [read for _, read in pairs]
    weights = np.linalg.lstsq(np.array(rows, float), np.array(targets, float), rcond=None)[0]
    table = dict(zip(labels, weights, strict=True))
    # The error of its outputs on random tokens, step by step.
    n, generator = 7, np.random.default_rng(0)
    pairs, here = pairs_of(task, n), by_hand(task, "coupled", n)
    tokens = generator.standard_normal((10_000, int(pairs.key.max()) + 1))
    wrong, power = 0.0, 0.0
    for step in np.unique(pairs.step):
        at = np.flatnonzero(pairs.step == step)
        read = tokens[:, pairs.key[at]]
        output = read @ np.array([table.get(here[i][0], 0.0) for i in at])
        target = read @ pairs.read[at].astype(float)
        wrong, power = wrong + np.mean((output - target) ** 2), power + np.mean(target**2)
    assert risk(task, "coupled", LENGTHS, n) == pytest.approx(wrong / power, rel=0.05)


# --- what a task reads ------------------------------------------------------------------------------------------------


def answers_and_tokens(task, n, rows=1500):
    """Random rows of a task in base 2: the token that each step writes, and all that is read."""
    made = complexity.TASKS[task]
    base = {"addition": {"base": 2}, "parity": {}, "prefix parity": {}, "scratchpad parity": {}}.get(
        task, {"symbols": 2}
    )
    batch = made.rows(rows, n, seed=5, **base)
    separator = int((batch.inputs[0] == SEPARATOR).int().argmax())
    return batch.targets[:, separator : separator + made.answers(n)], batch.inputs


@every_task
@pytest.mark.parametrize("n", [1, 2, 4])
def test_a_step_is_a_function_of_what_it_reads_and_of_nothing_less(task, n):
    if task == "shift" and n == 1:
        return  # it has no step
    answers, tokens = answers_and_tokens(task, n)
    pairs = pairs_of(task, n)
    for step in range(answers.shape[1]):
        keys = pairs.key[(pairs.step == step) & pairs.read]
        assert is_function(answers[:, step], tokens[:, keys])
        if task == "addition" and step == 1:
            continue  # no carry comes into the first digit, so that any two of its three tokens give the third
        for left_out in range(len(keys)):
            assert not is_function(answers[:, step], tokens[:, np.delete(keys, left_out)])


def is_function(values, of):
    seen = {}
    return all(
        seen.setdefault(tuple(key), value) == value for key, value in zip(of.tolist(), values.tolist(), strict=True)
    )


@every_task
def test_places_and_ids_are_those_of_the_task(task):
    pairs, made = pairs_of(task, 4), complexity.TASKS[task]
    batch = made.rows(1, 4, coupled=True, seed=0)
    assert np.array_equal(batch.positions[0][pairs.query], pairs.query_id)
    assert np.array_equal(batch.positions[0][pairs.key], pairs.key_id)
    assert (pairs.key <= pairs.query).all() and batch.inputs[0][pairs.key].max() < 10  # digits, and seen
    hinted = tasks.scale_hint(made.rows(1, 4, seed=0), by="subtraction").positions[0]
    (label,) = complexity.RELATIONS["by subtraction"](pairs)
    assert np.array_equal(hinted[pairs.query] - hinted[pairs.key], label)
    hinted = tasks.scale_hint(made.rows(1, 4, seed=0), by="division", unit=1).positions[0]
    above, below = complexity.RELATIONS["by division"](pairs)
    torch.testing.assert_close(
        (hinted[pairs.query] - hinted[pairs.key]).double(), torch.tensor(above / below), atol=1e-5, rtol=0
    )


# --- what they say ----------------------------------------------------------------------------------------------------


def test_numbers_for_training_to_8_and_24():
    lengths = range(2, 9)

    def of(task, relation):
        found = measures(task, relation, lengths, 24)
        return [
            found["conflicts"],
            found["new_needed"],
            found["new_any"],
            round(found["risk"], 2),
            round(found["risk_new"], 2),
        ]

    near = clipped("coupled", 6)
    assert of("copy", "absolute") == [32, 24, 576, 0.48, 1.0]
    assert of("copy", "relative") == [7, 1, 32, 0.55, 1.12]
    assert of("copy", "coupled") == [0, 0, 32, 0.0, 0.0]
    assert of("copy", near) == of("reverse", near) == [0, 0, 0, 0.0, 0.0]
    assert of("reverse", "relative")[1] == 16
    assert of("cyclic shift", near)[:3] == [6, 0, 0]
    assert of("prefix parity", "by subtraction")[1] == 16 and of("prefix parity", "by subtraction")[4] == 0.45
    assert [fan_in("prefix parity", n) for n in (8, 24)] == [8, 24] and fan_in("addition", 24) == 5


def test_predictions():
    near, lengths = clipped("coupled", 6), range(2, 9)
    says = {task: complexity.predicted(task, near, lengths, 24) for task in complexity.TASKS}
    assert says == {
        "copy": True, "reverse": True, "cyclic shift": False, "shift": True, "parity": False, "prefix parity": False,
        "scratchpad parity": True, "addition": True,
    }  # fmt: skip
    assert not any(complexity.predicted(task, "relative", lengths, 24) for task in complexity.TASKS)
    assert not complexity.predicted("copy", "coupled", lengths, 24)  # new labels, though none is needed
    assert transfers("copy", "coupled", lengths, 24) and transfers("parity", "none", lengths, 24)


@every_task
@every_relation
def test_objections_are_those_found_pair_by_pair(task, relation):
    chosen, n = RELATIONS[relation], 7
    met, new = {}, set()
    for m in [*LENGTHS, n]:
        pairs = pairs_of(task, m)
        for (label, reads), own in zip(by_hand(task, relation, m), pairs.key == pairs.query, strict=True):
            if not own:
                new |= {label} - set(met) if m == n else set()
                met.setdefault(label, set()).add(reads)
    expected = ["conflict"] if any(len(reads) == 2 for reads in met.values()) else []
    expected += ["new label"] if new else []
    expected += ["growing fan-in"] if fan_in(task, n) > fan_in(task, max(LENGTHS)) else []
    assert list(complexity.objections(task, chosen, LENGTHS, n)) == expected
    assert complexity.predicted(task, chosen, LENGTHS, n) == (not expected)
    assert measures(task, chosen, LENGTHS, n)["objections"] == ", ".join(expected)


def test_a_task_without_steps_reads_nothing():
    assert fan_in("shift", 1) == 0
    for relation in RELATIONS.values():
        assert conflicts("shift", relation, [1]) == 0
        assert conflicts("shift", relation, [1, 2, 3]) == conflicts("shift", relation, [2, 3])


def test_a_conflict_at_other_lengths_does_no_harm():
    def relation(pairs):  # tells nothing apart below 5, everything from there on
        return (np.where(pairs.n < 5, -1, pairs.query * 100 + pairs.key),)

    assert conflicts("copy", relation, [3, 4, 6]) == 1
    assert transfers("copy", relation, [3, 4, 6], 6) and risk("copy", relation, [3, 4, 6], 6) == 0


def test_what_is_refused():
    for call, says in (
        (lambda: pairs_of("sort", 3), "task must be one of 'copy'"),
        (lambda: pairs_of("copy", 0), "n must be a positive integer"),
        (lambda: conflicts("copy", "far", [3]), "relation must be one of 'none'"),
        (lambda: conflicts("copy", "none", []), "lengths is empty"),
        (lambda: new_labels("copy", "none", [2.0], 3), "lengths must be a positive integer, got 2.0"),
        (lambda: clipped("coupled", 0), "most must be a positive integer"),
    ):
        with pytest.raises(ValueError, match=says):
            call()


def test_every_relation_gives_whole_numbers_for_every_pair():
    for task, relation in itertools.product(complexity.TASKS, complexity.RELATIONS.values()):
        pairs = pairs_of(task, 3)
        assert all(part.shape == pairs.key.shape and part.dtype.kind == "i" for part in relation(pairs))
