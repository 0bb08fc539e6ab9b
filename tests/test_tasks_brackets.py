"""Reading the whole stack: targets against a stack machine, words against the language, and what is refused."""

import numpy as np
import pytest
import torch

from howfar import dyck
from howfar.tasks import stack_readout, with_start


def class_of(stack, k):
    """The number of a stack among all, shorter ones first, in lexicographic order."""
    shorter = sum(k**d for d in range(len(stack)))
    return shorter + sum(s * k**i for i, s in enumerate(reversed(stack)))


@pytest.mark.parametrize(("k", "max_depth", "length"), [(1, 1, 5), (2, 3, 17), (3, 2, 16), (2, 9, 6)])
def test_targets_are_what_a_stack_machine_says(k, max_depth, length):
    batch = stack_readout(40, length, k, max_depth, seed=0)
    batch.check()
    assert batch.inputs.shape == batch.targets.shape == (40, length)
    assert batch.inputs.dtype is batch.targets.dtype is torch.int64 and batch.mask is batch.positions is None
    assert dyck.is_prefix(batch.inputs, k, max_depth).all()
    for word, targets in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        assert targets == [class_of(dyck.open_stack(word[: t + 1], k), k) for t in range(length)]


def test_every_stack_occurs_and_no_other():
    targets = stack_readout(500, 20, 2, 3, seed=0).targets
    assert targets.unique().tolist() == list(range(15))


def test_where_there_is_a_choice_it_is_fair_to_the_very_end():
    batch = stack_readout(4000, 12, 2, 3, seed=1)
    heights = dyck.depths(batch.inputs, 2)
    for t in (5, 10, 11):
        free = (heights[:, t - 1] > 0) & (heights[:, t - 1] < 3)
        assert (batch.inputs[:, t] < 2)[free].float().mean() == pytest.approx(0.5, abs=0.04)
    assert (heights[:, -1] > 0).any()  # prefixes, not words
    assert batch.inputs[batch.inputs < 2].float().mean() == pytest.approx(0.5, abs=0.03)


def test_seeds_and_the_start_token():
    a, b = stack_readout(3, 8, 2, 2, seed=1), stack_readout(3, 8, 2, 2, seed=1)
    assert all(map(torch.equal, a[:2], b[:2])) and not torch.equal(a[0], stack_readout(3, 8, 2, 2, seed=2)[0])
    stream = torch.Generator().manual_seed(1)
    assert not torch.equal(stack_readout(3, 8, 2, 2, seed=stream)[0], stack_readout(3, 8, 2, 2, seed=stream)[0])
    started = with_start(a, 4)
    assert (started.inputs[:, 0] == 4).all() and torch.equal(started.targets[:, 1:], a.targets)
    assert stack_readout(np.int64(3), 8, np.int32(2), 2, seed=1)[0].equal(a[0])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((0, 4, 2, 2), "n must be a positive integer"),
        ((1, 0, 2, 2), "length must be a positive integer"),
        ((1, 4.0, 2, 2), "length must be a positive integer"),
        ((1, 4, 0, 2), "k must be a positive integer"),
        ((1, 4, 2, 0), "max_depth must be a positive integer"),
        ((1, 4, 2, 20), "max_depth must leave at most 1,048,576 stacks of 2 types, got 20"),
        ((1, 4, 10**9, 10**9), "max_depth must leave at most"),
        ((1, 4, 1, 10**9), "max_depth must leave at most"),
    ],
)
def test_bad_input_is_refused(arguments, says):
    with pytest.raises(ValueError) as error:
        stack_readout(*arguments)
    assert says in str(error.value)
