"""Tasks: targets are what they say, data is fresh and repeatable."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from howfar.tasks import lag_recall, running_sum
from howfar.transformer import Transformer, TransformerConfig

few = settings(max_examples=25, deadline=None, derandomize=True)


@few
@given(
    batch=st.integers(1, 4), length=st.integers(1, 12), lag=st.integers(0, 11), vocabulary=st.integers(2, 9),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_lag_recall(batch, length, lag, vocabulary, seed):
    lag = min(lag, length - 1)
    tokens, targets, mask = lag_recall(batch, length, lag=lag, vocabulary=vocabulary, seed=seed)
    assert tokens.shape == targets.shape == mask.shape == (batch, length)
    assert tokens.dtype is targets.dtype is torch.int64 and mask.dtype is torch.bool
    assert tokens.min() >= 0 and tokens.max() < vocabulary
    for i in range(length):
        assert bool(mask[:, i].all()) == bool(mask[:, i].any()) == (i >= lag)
        expected = tokens[:, i - lag] if i >= lag else torch.zeros(batch, dtype=torch.int64)
        assert torch.equal(targets[:, i], expected)


def test_lag_recall_draws_all_tokens_equally_often():
    tokens, _, _ = lag_recall(100, 100, vocabulary=5, seed=0)
    assert (torch.bincount(tokens.flatten()) / 10_000 - 0.2).abs().max() < 0.02


@few
@given(
    batch=st.integers(1, 4), length=st.integers(1, 30), inputs=st.sampled_from(["uniform", "normal", "binary"]),
    seed=st.integers(0, 99), n=st.integers(1, 60),
)  # fmt: skip
def test_running_sum_in_its_three_units(batch, length, inputs, seed, n):
    made = {
        mode: running_sum(batch, length, mode=mode, inputs=inputs, seed=seed) for mode in ("sum", "sum_over_n", "mean")
    }
    x, total, mask = made["sum"]
    assert x.shape == total.shape == (batch, length, 1) and x.dtype is total.dtype is torch.float32
    assert mask.shape == (batch, length) and mask.all()
    for i in range(length):
        torch.testing.assert_close(total[:, i], x[:, : i + 1].sum(1), atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(made["mean"][1][:, i], x[:, : i + 1].mean(1), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(made["sum_over_n"][1] * length, total)
    fixed = running_sum(batch, length, mode="sum_over_n", n=n, inputs=inputs, seed=seed)[1]
    torch.testing.assert_close(fixed * n, total)
    assert all(torch.equal(x, other[0]) for other in made.values())


def test_the_inputs_of_the_running_sum_have_their_laws():
    for inputs, mean, variance in (("uniform", 0.5, 1 / 12), ("normal", 0.0, 1.0), ("binary", 0.5, 0.25)):
        x, _, _ = running_sum(200, 200, inputs=inputs, seed=0)
        assert float(x.mean()) == pytest.approx(mean, abs=0.03)
        assert float(x.var()) == pytest.approx(variance, rel=0.03)
    assert set(x.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("task", [lag_recall, running_sum])
def test_seeds_and_generators(task):
    a, b = task(3, 8, seed=1), task(3, 8, seed=1)
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    assert not torch.equal(a[0], task(3, 8, seed=2)[0])
    stream = torch.Generator().manual_seed(1)
    first, second = task(3, 8, seed=stream), task(3, 8, seed=stream)
    assert torch.equal(first[0], a[0]) and not torch.equal(first[0], second[0])
    before = torch.get_rng_state()
    task(3, 8, seed=1)
    assert torch.equal(before, torch.get_rng_state())


def test_a_tiny_model_with_rope_learns_lag_one_and_does_not_care_where_it_starts():
    torch.manual_seed(0)
    m = Transformer(TransformerConfig(width=32, heads=2, vocabulary=4, outputs=4, encoding="rotary"))
    optimiser, stream = torch.optim.AdamW(m.parameters(), lr=3e-3), torch.Generator().manual_seed(0)
    for _ in range(120):
        tokens, targets, mask = lag_recall(16, 12, lag=1, vocabulary=4, seed=stream)
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(m(tokens)[mask], targets[mask]).backward()
        optimiser.step()
    tokens, targets, mask = lag_recall(64, 12, lag=1, vocabulary=4, seed=99)
    with torch.no_grad():
        out, moved = m(tokens), m(tokens, torch.arange(12) + 200)
    assert (out.argmax(-1) == targets)[mask].float().mean() > 0.95
    assert (out - moved).abs().max() < 1e-4


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: lag_recall(2, 3, lag=3), "lag must be less than length, got lag=3 and length=3"),
        (lambda: lag_recall(2, 3, lag=-1), "lag"),
        (lambda: lag_recall(0, 3), "batch"),
        (lambda: lag_recall(2, 0), "length"),
        (lambda: lag_recall(2, 8, vocabulary=1), "vocabulary"),
        (lambda: lag_recall(2, 8, seed=1.5), "seed"),
        (lambda: running_sum(2, 3, mode="total"), "mode must be one of"),
        (lambda: running_sum(2, 3, inputs="cauchy"), "inputs must be one of"),
        (lambda: running_sum(2, 3, n=3), "n=3 is only for"),
        (lambda: running_sum(2, 3, mode="sum_over_n", n=0), "n must be"),
    ],
)
def test_bad_input_is_refused(call, says):
    with pytest.raises(ValueError) as error:
        call()
    assert says in str(error.value)
