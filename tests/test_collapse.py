"""Three measures of collapse: against numbers worked out by hand, and each blind to what the others see."""

import math

import pytest
import torch

from howfar import Transformer, TransformerConfig, collapse
from howfar.collapse import class_separation, last_distance, rank_residual, read_states


def test_the_nearest_two_classes_over_the_spread_by_hand():
    states = torch.tensor([[0.0, 1], [0, -1], [4, 1], [4, -1], [9, 3], [9, -3]])
    found = class_separation(states, torch.tensor([7, 7, 2, 2, 5, 5]))
    spread = math.sqrt((1 + 1 + 1 + 1 + 9 + 9) / 6)
    assert found.pair == (2, 7) and found.distance == 4 and found.spread == pytest.approx(spread)
    assert found.ratio == pytest.approx(4 / spread)
    moved = class_separation(10 * states + 3, [7, 7, 2, 2, 5, 5])
    assert moved.ratio == pytest.approx(found.ratio)


def test_one_merged_pair_is_enough_and_the_median_does_not_hide_it():
    generator = torch.Generator().manual_seed(0)
    classes = torch.arange(10).repeat(200)
    means = 100 * torch.eye(10)
    states = means[classes] + torch.randn(2000, 10, generator=generator)
    apart = class_separation(states, classes).ratio
    means[4] = means[9]
    merged = class_separation(means[classes] + states - 100 * torch.eye(10)[classes], classes)
    assert apart > 10 and merged.ratio < 0.2 and merged.pair == (4, 9)
    assert merged.ratio == pytest.approx(math.sqrt(2 / 200), rel=0.9)  # the floor that the docstring names


def test_states_without_spread():
    classes = torch.tensor([0, 0, 1, 1])
    assert class_separation(torch.tensor([[0.0], [0], [1], [1]]), classes).ratio == math.inf
    assert class_separation(torch.zeros(4, 3), classes).ratio == 0


def test_the_residual_of_rank_by_hand():
    row = torch.tensor([3.0, 4.0])
    assert float(rank_residual(row.expand(5, 2))) == 0
    states = torch.stack([torch.stack([row, -row]), torch.stack([row, 0 * row])])
    assert rank_residual(states).tolist() == pytest.approx([1.0, math.sqrt(0.5)])
    assert rank_residual(states.float()).dtype is torch.float64


def test_the_distance_of_last_states_by_hand():
    u = torch.tensor([[[9.0, 9], [1, 0]], [[0, 0], [2, 0]]])
    v = torch.tensor([[[0.0, 1]], [[2.0, 0]]])
    assert last_distance(u, v).tolist() == pytest.approx([math.sqrt(2), 0])
    assert float(last_distance(u[0], -u[0])) == 2


def test_the_three_are_three():
    """Each of the three can be total where the other two see nothing."""
    generator = torch.Generator().manual_seed(0)
    word = torch.randn(6, 4, generator=generator)
    assert float(rank_residual(word)) > 0.5 and float(last_distance(word, word)) == 0  # the same last state, full rank
    flat, other = torch.ones(6, 4), torch.ones(6, 4) * torch.tensor([1.0, -1, 1, -1])
    assert float(rank_residual(flat)) == 0 and float(last_distance(flat, other)) > 1  # rank one, far apart
    states = torch.cat([flat, other])
    assert class_separation(states, torch.arange(12) // 6).ratio == math.inf  # rank one, and told apart
    assert class_separation(word.repeat(2, 1), torch.arange(12) // 6).ratio == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("norm", ["pre", "none"])
def test_what_the_read_out_sees(norm):
    torch.manual_seed(0)
    model = Transformer(TransformerConfig(depth=2, width=8, heads=2, vocabulary=5, outputs=3, norm=norm))
    inputs = torch.randint(5, (3, 7))
    states = read_states(model, inputs)
    assert states.shape == (3, 7, 8) and not states.requires_grad
    torch.testing.assert_close(model.outputs(states), model(inputs))
    positions = torch.arange(7) + 3
    torch.testing.assert_close(model.outputs(read_states(model, inputs, positions)), model(inputs, positions))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: class_separation([[1.0]], [0]), "states must be a real tensor (n, width), got list"),
        (lambda: class_separation(torch.zeros(3), [0, 0, 1]), "states must be a real tensor (n, width), got (3,)"),
        (lambda: class_separation(torch.zeros(0, 3), []), "states must hold at least one state"),
        (lambda: class_separation(torch.full((4, 1), math.nan), [0, 0, 1, 1]), "states must be finite"),
        (lambda: class_separation(torch.zeros(4, 1), [0, 0, 1]), "classes must be (4,)"),
        (lambda: class_separation(torch.zeros(4, 1), [0.0] * 4), "classes must hold integers"),
        (lambda: class_separation(torch.zeros(4, 1), [0] * 4), "got 1 classes"),
        (lambda: class_separation(torch.zeros(4, 1), [0, 0, 0, 6]), "got 1 of class 6"),
        (lambda: rank_residual(torch.zeros(4)), "states must be (..., length, width), got (4,)"),
        (lambda: rank_residual(torch.full((2, 2), math.inf)), "states must be finite"),
        (lambda: last_distance(torch.zeros(2, 3), torch.zeros(2, 4)), "alike, got (2, 3) and (2, 4)"),
        (lambda: last_distance(torch.ones(1, 2, 3), torch.ones(2, 2, 3)), "alike, got"),
        (lambda: last_distance(torch.ones(2, 3), 1), "states_v must be a real tensor"),
        (lambda: read_states("gpt", torch.zeros(1, 1)), "model must be a howfar.Transformer, got str"),
    ],
)
def test_bad_input_is_refused(call, says):
    with pytest.raises(ValueError) as error:
        call()
    assert says in str(error.value)


def test_it_is_public():
    import howfar

    assert howfar.collapse is collapse
