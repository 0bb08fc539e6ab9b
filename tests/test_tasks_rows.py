"""Tasks with a prompt and an answer: answers by hand, ids that belong together, hints, random positions."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from howfar.search import SEPARATOR, START, STOP, SubsetSum
from howfar.tasks import (
    TOKENS,
    Batch,
    addition,
    copy_string,
    cyclic_shift,
    parity,
    prompts_and_answers,
    randomize_positions,
    reverse_string,
    running_sum,
    scale_hint,
    search_traces,
)
from howfar.tasks.rows import PLUS

few = settings(max_examples=25, deadline=None, derandomize=True)


def read_number(digits, base=10):
    return sum(d * base**i for i, d in enumerate(digits))


def write_number(value, places, base=10):
    return [value // base**i % base for i in range(places)]


def sum_of(prompt, base=10):
    at = prompt.index(PLUS)
    first, second = prompt[:at], prompt[at + 1 :]
    assert len(first) == len(second)
    return write_number(read_number(first, base) + read_number(second, base), len(first) + 1, base)


def scratchpad_parity(*args, **options):
    return parity(*args, scratchpad=True, **options)


# The task, the answer to a prompt by hand, and the id of SEPARATOR and of each token of the answer.
TASKS = {
    "copy": (copy_string, list, lambda n: [0, *range(1, n + 1)]),
    "reverse": (reverse_string, lambda x: x[::-1], lambda n: [n + 1, *range(n, 0, -1)]),
    "shift": (cyclic_shift, lambda x: x[1:] + x[:1], lambda n: [1, *range(2, n + 1), 1]),
    "parity": (parity, lambda x: [sum(x) % 2], lambda n: [0, 0]),
    "scratchpad": (
        scratchpad_parity,
        lambda x: [sum(x[: i + 1]) % 2 for i in range(len(x))],
        lambda n: [0, *range(1, n + 1)],
    ),
    "addition": (addition, sum_of, lambda n: [0, *range(1, n + 2)]),
}
every = pytest.mark.parametrize("name", TASKS)


@every
@few
@given(n=st.integers(1, 5), least=st.integers(1, 7), more=st.integers(0, 6), seed=st.integers(0, 99))
def test_a_row_asks_and_answers(name, n, least, more, seed):
    task, answer, ids = TASKS[name]
    made = task(n, (least, least + more), seed=seed)
    made.check()
    assert made.positions is None and int(made.inputs.max()) < TOKENS
    assert made.inputs.shape[1] == task(1, least + more).inputs.shape[1]  # of the longest, whatever was drawn
    coupled = task(n, (least, least + more), seed=seed, coupled=True)
    for part in range(3):
        assert torch.equal(made[part], coupled[part])
    lengths = set()
    for tokens, targets, mask, where in zip(*(part.tolist() for part in coupled), strict=True):
        at = tokens.index(SEPARATOR)
        prompt = tokens[1:at]
        expected = answer(prompt)
        row = [START, *prompt, SEPARATOR, *expected, STOP]
        padded = row + [0] * (len(tokens) + 1 - len(row))
        assert tokens == padded[:-1] and targets == padded[1:]
        assert mask == [at <= i < len(row) - 1 for i in range(len(mask))]
        size = (len(prompt) - 1) // 2 if name == "addition" else len(prompt)
        digits = list(range(1, size + 1))
        expected = [0, *digits, *([0, *digits] if name == "addition" else []), *ids(size)]
        assert where == expected + [0] * (len(where) - len(expected))
        lengths.add(size)
    assert lengths <= set(range(least, least + more + 1))


@every
def test_seeds_shapes_and_laws(name):
    task = TASKS[name][0]
    a, b = task(400, (1, 6), seed=3), task(400, (1, 6), seed=np.random.default_rng(3))
    assert torch.equal(a.inputs, task(400, (1, 6), seed=torch.Generator().manual_seed(3)).inputs)
    assert not torch.equal(a.inputs, b.inputs)
    lengths = (a.inputs == SEPARATOR).int().argmax(1)
    assert len(lengths.unique()) == 6 and torch.bincount(lengths)[lengths.unique()].min() > 40
    for base, option in ((2, "base"), (5, "base")) if name == "addition" else ((2, "symbols"), (7, "symbols")):
        if "parity" not in task.__name__:
            drawn = task(300, 4, seed=0, **{option: base})
            assert torch.bincount(drawn.inputs[:, 1]).tolist() == pytest.approx([300 / base] * base, abs=60)
    with pytest.raises(ValueError, match=r"length\[1\]"):
        task(2, (4, 3))
    with pytest.raises(ValueError, match="coupled must be True or False"):
        task(2, 3, coupled="yes")
    with pytest.raises(ValueError, match="n must be"):
        task(0, 3)


def test_addition_in_other_bases():
    for base in (2, 3, 10):
        for tokens in addition(40, 5, base=base, seed=base).inputs.tolist():
            at = tokens.index(SEPARATOR)
            assert tokens[at + 1 :] == sum_of(tokens[1:at], base)
    for call in (lambda: addition(2, 3, base=11), lambda: addition(2, 3, base=1)):
        with pytest.raises(ValueError, match="base must be an integer from 2 to 10"):
            call()
    with pytest.raises(ValueError, match="symbols must be an integer from 2 to 10"):
        copy_string(2, 3, symbols=11)


@every
def test_prompts_and_answers_take_a_row_apart(name):
    made = TASKS[name][0](6, (1, 7), seed=2)
    prompts, answers = prompts_and_answers(made)
    for tokens, prompt, said in zip(made.inputs.tolist(), prompts.tolist(), answers.tolist(), strict=True):
        prompt, said = ([token for token in part if token >= 0] for part in (prompt, said))
        assert prompt[-1] == SEPARATOR and said[-1] == STOP
        assert tokens[: len(prompt + said) - 1] == (prompt + said)[:-1]
    for part in (prompts, answers):  # -1 behind the end only
        assert not ((part == -1)[:, :-1] & (part != -1)[:, 1:]).any() and (part != -1).sum(1).max() == part.shape[1]


def test_prompts_of_searches_too_but_not_of_tasks_without_prompts():
    prompts, answers = prompts_and_answers(search_traces([SubsetSum((3, 4), 7), SubsetSum((5, 6, 2), 8)]))
    assert prompts[0][prompts[0] >= 0][-1] == SEPARATOR and answers[1][answers[1] >= 0][-1] == STOP
    with pytest.raises(ValueError, match="batch must have a mask"):
        prompts_and_answers(running_sum(2, 3))
    tokens = torch.zeros(1, 3, dtype=torch.int64)
    for mask in ([True, False, True], [False] * 3):
        with pytest.raises(ValueError, match="in one piece in every row"):
            prompts_and_answers(Batch(tokens, tokens, torch.tensor([mask])))


@every
def test_a_hint_by_subtraction_counts_prompt_and_answer_alike(name):
    made = scale_hint(TASKS[name][0](5, (2, 7), seed=1), by="subtraction")
    assert made.positions.shape == made.inputs.shape and made.positions.min() >= 0
    for tokens, where in zip(made.inputs.tolist(), made.positions.tolist(), strict=True):
        at = tokens.index(SEPARATOR)
        assert where[:at] == list(range(at)) and where[at:] == list(range(1, len(where) - at + 1))


@every
def test_a_hint_by_division_gives_all_prompts_one_stretch(name):
    made = scale_hint(TASKS[name][0](5, (2, 7), seed=1), by="division", unit=8)
    for tokens, where in zip(made.inputs.tolist(), made.positions.tolist(), strict=True):
        n = tokens.index(SEPARATOR) - 1
        assert where == pytest.approx([t * 8 / n for t in range(len(where))]) and where[n] == pytest.approx(8)


def test_hints_are_refused_by_name():
    made = copy_string(2, 3)
    for call, says in (
        (lambda: scale_hint(made, by="addition"), "by must be one of 'subtraction', 'division'"),
        (lambda: scale_hint(made, by="division"), "unit must be a finite number, greater than 0; got None"),
        (lambda: scale_hint(made, by="subtraction", unit=3), "unit=3 is only for by='division'"),
        (lambda: randomize_positions(made, 7), "most must be at least 8"),
        (lambda: randomize_positions(made, 9, gaps=1), "gaps must be True or False"),
        (lambda: randomize_positions(scale_hint(made, by="division", unit=3), 99), "whole positions"),
    ):
        with pytest.raises(ValueError, match=says):
            call()


@pytest.mark.parametrize("coupled", [False, True])
@pytest.mark.parametrize("gaps", [False, True])
def test_random_positions_keep_equal_ones_equal_and_their_order(coupled, gaps):
    made = reverse_string(50, (1, 6), coupled=coupled, seed=0)
    moved = randomize_positions(made, 40, gaps=gaps, seed=1)
    assert torch.equal(moved.inputs, made.inputs)
    ids = made.positions if coupled else torch.arange(made.inputs.shape[1]).expand_as(made.inputs)
    ends = made.mask.shape[1] - made.mask.flip(1).int().argmax(1)
    steps = set()
    for before, after, stop in zip(ids, moved.positions, ends.tolist(), strict=True):
        before, after = before[:stop], after[:stop]
        assert 0 <= after.min() and after.max() < 40
        assert torch.equal(before[:, None] < before, after[:, None] < after)
        steps |= set(after.unique().diff().tolist())
    assert (steps == {1}) != gaps
    again = randomize_positions(made, 40, gaps=gaps, seed=2)
    assert torch.equal(moved.positions, randomize_positions(made, 40, gaps=gaps, seed=1).positions)
    assert not torch.equal(moved.positions, again.positions)


@pytest.mark.parametrize("gaps", [False, True])
def test_a_short_row_beside_long_ones_is_placed_as_it_would_be_alone(gaps):
    # Short rows in training and alone in a test: the law of their positions must be one.
    def largest(batch):
        return randomize_positions(batch, 30, gaps=gaps, seed=0).positions[:, 5].double()

    short = copy_string(4000, 2, seed=0)  # six places
    beside = copy_string(4000, (2, 9), seed=0)
    beside = Batch(*(part[(beside.inputs == SEPARATOR).int().argmax(1) == 3] for part in beside[:3]))
    alone, together = largest(short), largest(beside)
    assert float(alone.mean()) == pytest.approx(31 * 6 / 7 - 1 if gaps else 5 + 12, abs=0.6)
    assert float(together.mean()) == pytest.approx(float(alone.mean()), abs=0.9)


def test_every_choice_of_positions_is_equally_likely():
    made = Batch(torch.zeros(6000, 2, dtype=torch.int64), torch.zeros(6000, 2, dtype=torch.int64))
    pairs, counts = randomize_positions(made, 4, seed=0).positions.unique(dim=0, return_counts=True)
    assert len(pairs) == 6 and (counts / 1000 - 1).abs().max() < 0.12
