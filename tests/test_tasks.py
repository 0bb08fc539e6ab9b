"""Tasks: targets are what they say, data is fresh and repeatable."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from howfar.search import (
    FIRST,
    SEPARATOR,
    START,
    STOP,
    SubsetSum,
    breadth_first,
    depth_first,
    text_size,
    trace,
    write_prompt,
)  # fmt: skip
from howfar.tasks import (
    Batch,
    alternating_blocks,
    cross_entropy,
    k_hop,
    lag_recall,
    mean_squared_error,
    running_sum,
    search_traces,
    with_start,
)  # fmt: skip
from howfar.transformer import Transformer, TransformerConfig

few = settings(max_examples=25, deadline=None, derandomize=True)


@few
@given(
    batch=st.integers(1, 4), length=st.integers(1, 12), lag=st.integers(0, 11), vocabulary=st.integers(2, 9),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_lag_recall(batch, length, lag, vocabulary, seed):
    lag = min(lag, length - 1)
    made = lag_recall(batch, length, lag=lag, vocabulary=vocabulary, seed=seed)
    made.check()
    tokens, targets, mask, positions = made
    assert positions is None
    assert tokens.shape == targets.shape == mask.shape == (batch, length)
    assert tokens.dtype is targets.dtype is torch.int64 and mask.dtype is torch.bool
    assert tokens.min() >= 0 and tokens.max() < vocabulary
    for i in range(length):
        assert bool(mask[:, i].all()) == bool(mask[:, i].any()) == (i >= lag)
        expected = tokens[:, i - lag] if i >= lag else torch.zeros(batch, dtype=torch.int64)
        assert torch.equal(targets[:, i], expected)


def test_lag_recall_draws_all_tokens_equally_often():
    tokens = lag_recall(100, 100, vocabulary=5, seed=0).inputs
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
    made["sum"].check()
    x, total, mask, positions = made["sum"]
    assert x.shape == total.shape == (batch, length, 1) and x.dtype is total.dtype is torch.float32
    assert mask is positions is None
    for i in range(length):
        torch.testing.assert_close(total[:, i], x[:, : i + 1].sum(1), atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(made["mean"][1][:, i], x[:, : i + 1].mean(1), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(made["sum_over_n"][1] * length, total)
    fixed = running_sum(batch, length, mode="sum_over_n", n=n, inputs=inputs, seed=seed)[1]
    torch.testing.assert_close(fixed * n, total)
    assert all(torch.equal(x, other[0]) for other in made.values())


def test_the_inputs_of_the_running_sum_have_their_laws():
    for inputs, mean, variance in (("uniform", 0.5, 1 / 12), ("normal", 0.0, 1.0), ("binary", 0.5, 0.25)):
        x = running_sum(200, 200, inputs=inputs, seed=0).inputs
        assert float(x.mean()) == pytest.approx(mean, abs=0.03)
        assert float(x.var()) == pytest.approx(variance, rel=0.03)
    assert set(x.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("task", [lag_recall, running_sum, lambda n, length, seed: k_hop(n, length, 2, seed=seed)])
def test_seeds_and_generators(task):
    a, b = task(3, 8, seed=1), task(3, 8, seed=1)
    assert torch.equal(a.inputs, b.inputs) and torch.equal(a.targets, b.targets)
    assert not torch.equal(a[0], task(3, 8, seed=2)[0])
    stream = torch.Generator().manual_seed(1)
    first, second = task(3, 8, seed=stream), task(3, 8, seed=stream)
    assert torch.equal(first[0], a[0]) and not torch.equal(first[0], second[0])
    from_numpy = [task(3, 8, seed=np.random.default_rng(5)).inputs for _ in range(2)]
    assert torch.equal(*from_numpy)
    before = torch.get_rng_state()
    task(3, 8, seed=1)
    assert torch.equal(before, torch.get_rng_state())


def test_a_tiny_model_with_rope_learns_lag_one_and_does_not_care_where_it_starts():
    torch.manual_seed(0)
    m = Transformer(TransformerConfig(width=32, heads=2, vocabulary=4, outputs=4, encoding="rotary"))
    optimiser, stream = torch.optim.AdamW(m.parameters(), lr=3e-3), torch.Generator().manual_seed(0)
    for _ in range(120):
        batch = lag_recall(16, 12, lag=1, vocabulary=4, seed=stream)
        optimiser.zero_grad()
        cross_entropy(m(batch.inputs), batch).backward()
        optimiser.step()
    tokens, targets, mask, _ = lag_recall(64, 12, lag=1, vocabulary=4, seed=99)
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
        (lambda: lag_recall(2, 8, device="abacus"), "device must be cpu, cuda or cuda:N, got 'abacus'"),
        (lambda: k_hop(2, 3, -1), "hops must be an integer of at least 0, got -1"),
        (lambda: k_hop(2, 0, 1), "length"),
        (lambda: k_hop(2, 3, 1, vocabulary=1), "vocabulary"),
        (lambda: k_hop(2, 3, 1, device="abacus"), "device"),
        (lambda: running_sum(2, 3.0), "length must be a positive integer, got 3.0"),
        (lambda: running_sum(2, 3, device=3.5), "device"),
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


def test_numpy_s_integers_are_integers():
    sizes = [np.int64(2), np.int32(5)]
    assert torch.equal(lag_recall(*sizes, lag=np.int64(1), seed=np.int64(3)).inputs, lag_recall(2, 5, seed=3).inputs)


# ---------------------------------------------------------------- batches and losses


def test_a_batch_moves_as_a_whole():
    batch = Batch(torch.zeros(2, 3), torch.ones(2, 3), positions=torch.arange(3)).to("meta")
    assert isinstance(batch, Batch) and batch.mask is None
    assert all(part.device.type == "meta" for part in batch if part is not None)


@pytest.mark.parametrize("masked", [False, True])
def test_losses_are_the_means_over_what_counts(masked):
    generator = torch.Generator().manual_seed(0)
    mask = torch.rand(4, 6, generator=generator) < 0.5 if masked else None
    counts = mask if masked else torch.ones(4, 6, dtype=torch.bool)
    logits, classes = torch.randn(4, 6, 5, generator=generator), torch.randint(5, (4, 6), generator=generator)
    expected = torch.nn.functional.cross_entropy(logits[counts], classes[counts])
    torch.testing.assert_close(cross_entropy(logits, Batch(classes, classes, mask)), expected)
    for shape in ((4, 6), (4, 6, 1), (4, 6, 3)):
        outputs, targets = torch.randn(2, *shape, generator=generator)
        expected = torch.nn.functional.mse_loss(outputs[counts], targets[counts])
        torch.testing.assert_close(mean_squared_error(outputs, Batch(targets, targets, mask)), expected)


@pytest.mark.parametrize("masked", [False, True])
def test_losses_run_under_vmap_and_what_does_not_count_has_no_gradient(masked):
    mask = torch.tensor([[True, False, True]]).expand(2, 3) if masked else None
    classes, numbers = torch.tensor([[0, 4, 1], [2, 3, 3]]), torch.randn(2, 3, 5)
    for loss, targets in ((cross_entropy, classes), (mean_squared_error, numbers)):
        outputs = torch.randn(3, 2, 3, 5, requires_grad=True)
        together = torch.vmap(loss, in_dims=(0, None))(outputs, Batch(targets, targets, mask))
        torch.testing.assert_close(together, torch.stack([loss(o, Batch(targets, targets, mask)) for o in outputs]))
        gradient = torch.autograd.grad(together.sum(), outputs)[0]
        assert bool(gradient[:, :, 1].any()) is not masked and bool(gradient[:, :, 0].all())


def test_losses_refuse_shapes_that_would_be_stretched():
    batch = running_sum(2, 4, seed=0)
    with pytest.raises(ValueError, match=r"outputs must be \(2, 4, 1\) as targets are, got \(2, 4\)"):
        mean_squared_error(batch.inputs[..., 0], batch)
    words = lag_recall(2, 4, seed=0)
    with pytest.raises(ValueError, match=r"outputs must be \(2, 4, 'classes'\) for these targets, got \(2, 5, 8\)"):
        cross_entropy(torch.zeros(2, 5, 8), words)


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        (dict(inputs=[[1, 2]]), "inputs must be a tensor, got list"),
        (dict(targets=None), "targets must be a tensor, got NoneType"),
        (dict(targets=torch.zeros(2, 4)), r"targets must be \(batch, length, ...\) as inputs are, got \(2, 4\)"),
        (dict(mask=torch.ones(2, 3)), r"mask must be bool of shape \(2, 3\), got torch.float32"),
        (dict(mask=torch.ones(3, dtype=torch.bool)), "mask must be bool of shape"),
        (dict(mask=torch.zeros(2, 3, dtype=torch.bool)), "mask is False everywhere"),
        (dict(positions=3), "positions must be a tensor, got int"),
    ],
)
def test_a_batch_whose_parts_do_not_fit_is_refused(parts, says):
    good = dict(inputs=torch.zeros(2, 3, dtype=torch.int64), targets=torch.zeros(2, 3))
    with pytest.raises(ValueError, match=says):
        Batch(**(good | parts)).check()


def hop_by_definition(word, place):
    """The largest j up to this place whose letter before is the letter here, or None."""
    return max((j for j in range(1, place + 1) if word[j - 1] == word[place]), default=None)


@few
@given(
    n=st.integers(1, 4), length=st.integers(1, 14), hops=st.integers(0, 5), vocabulary=st.integers(2, 5),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_k_hop(n, length, hops, vocabulary, seed):
    made = k_hop(n, length, hops, vocabulary=vocabulary, seed=seed)
    made.check()
    assert made.inputs.shape == made.targets.shape == (n, length) and made.mask is None
    assert made.inputs.dtype is made.targets.dtype is torch.int64
    for word, targets in zip(made.inputs.tolist(), made.targets.tolist(), strict=True):
        for start in range(length):
            place = start
            for _ in range(hops):
                place = None if place is None else hop_by_definition(word, place)
            assert targets[start] == (vocabulary if place is None else word[place])


def test_k_hop_draws_all_letters_equally_often_and_no_hop_repeats_the_letter():
    made = k_hop(100, 100, 0, vocabulary=5, seed=0)
    assert torch.equal(made.inputs, made.targets)
    assert (torch.bincount(made.inputs.flatten()) / 10_000 - 0.2).abs().max() < 0.02
    first = k_hop(50, 6, 1, seed=1).targets[:, 0]
    assert (first == 4).all()  # nothing is earlier


def blocks_of(word):
    """The lengths of the blocks of equal letters, by hand."""
    return [len(list(group)) for _, group in itertools.groupby(word)]


@few
@given(
    n=st.integers(1, 5), least=st.integers(1, 9), more=st.integers(0, 6), blocks=st.integers(1, 6),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_alternating_blocks(n, least, more, blocks, seed):
    least = max(least, blocks)
    made = alternating_blocks(n, (least, least + more), blocks, seed=seed)
    made.check()
    assert made.inputs.shape == made.targets.shape == (n, least + more)
    ends = torch.full((n,), least) if made.mask is None else made.mask.sum(1)
    assert (made.mask is None) == (more == 0) and ends.min() >= least and ends.max() <= least + more
    for word, targets, end in zip(made.inputs.tolist(), made.targets.tolist(), ends.tolist(), strict=True):
        assert word[0] == 0 and len(blocks_of(word[:end])) == blocks and set(word[end:] + targets[end:]) <= {0}
        assert targets[:end] == [int(len(blocks_of(word[: i + 1])) == blocks) for i in range(end)]


def test_alternating_blocks_are_uniform_over_the_language():
    words = alternating_blocks(6_000, 5, 3, seed=0).inputs
    _, counts = torch.unique(words, dim=0, return_counts=True)
    assert len(counts) == 6 and (counts / 1_000 - 1).abs().max() < 0.12  # C(4, 2) words; 4 standard errors


def test_a_word_needs_room_for_its_blocks():
    with pytest.raises(ValueError, match="length must be at least blocks=4, got 3"):
        alternating_blocks(2, 3, 4)
    with pytest.raises(ValueError, match=r"length\[1\] must be"):
        alternating_blocks(2, (5, 4), 4)


def test_a_start_token_stands_in_front_and_does_not_count():
    batch = with_start(alternating_blocks(3, (3, 6), 2, seed=1), 2)
    batch.check()
    plain = alternating_blocks(3, (3, 6), 2, seed=1)
    assert torch.equal(batch.inputs[:, 1:], plain.inputs) and (batch.inputs[:, 0] == 2).all()
    assert torch.equal(batch.targets[:, 1:], plain.targets) and not batch.mask[:, 0].any()
    assert torch.equal(batch.mask[:, 1:], plain.mask)
    with pytest.raises(ValueError, match="positions"):
        with_start(plain._replace(positions=torch.arange(6)), 2)


def test_a_drawn_batch_keeps_rows_together():
    batch = alternating_blocks(5, (4, 9), 3, seed=0)
    batch = batch._replace(positions=torch.arange(9) + 10 * torch.arange(5)[:, None])
    drawn = batch.draw(64, seed=1)
    drawn.check()
    rows = drawn.positions[:, 0] // 10
    assert set(rows.tolist()) == set(range(5))
    for part, source in zip(drawn, batch, strict=True):
        assert torch.equal(part, source[rows])
    shared = batch._replace(positions=torch.arange(9), mask=None).draw(3, seed=1)
    assert shared.mask is None and torch.equal(shared.positions, torch.arange(9))


@pytest.mark.parametrize("strategy", ["depth-first", "breadth-first"])
def test_search_traces_count_the_trace_and_nothing_else(strategy):
    problems = [SubsetSum.random(n, largest=20, seed=n) for n in (2, 3, 4, 5)]
    made = search_traces(problems, strategy=strategy)
    made.check()
    assert int(made.inputs.max()) < text_size(2) and (made.inputs[:, 0] == START).all()
    assert ((made.inputs == SEPARATOR).sum(1) == 1).all()
    for problem, tokens, targets, mask in zip(problems, *made[:3], strict=True):
        search = (depth_first if strategy == "depth-first" else breadth_first)(problem)
        counted = targets[mask]
        assert torch.equal(counted[:-1] - FIRST, trace(search, format="echoed")) and counted[-1] == STOP
        first = len(write_prompt(problem))
        assert torch.equal(tokens[:first], write_prompt(problem)) and int(mask.nonzero()[0]) == first - 1
        assert torch.equal(tokens[first : first + len(counted) - 1], counted[:-1])  # each answer is read next
    cut = search_traces(problems, strategy=strategy, length=18)
    assert torch.equal(cut.inputs, made.inputs[:, :18]) and torch.equal(cut.mask, made.mask[:, :18])


def test_search_traces_refuse_what_they_cannot_hold():
    problem = SubsetSum((3, 4), 7)
    with pytest.raises(ValueError, match="prompt's 9 tokens, got 8"):
        search_traces([problem], length=8)
    with pytest.raises(ValueError, match="must be 'echoed'"):
        search_traces([problem], strategy="breadth-first", format="typed")
    with pytest.raises(ValueError, match="problems is empty"):
        search_traces([])
