"""Brackets, intervals and tests: what they promise, on laws whose distance is known exactly."""

from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from howfar import dyck
from howfar.wasserstein import (
    bootstrap,
    bracket,
    embedding_witness,
    mean_difference,
    permutation_test,
    plug_in,
    population_stack,
    population_trie,
    stack_wasserstein,
    tree_embedding,
)

LENGTH = 0.7 ** np.arange(32)


def embedded(p, q, n, m, seed, length=32, metric="occupation"):
    """Samples of two walks, embedded together."""
    rng = np.random.default_rng(seed)
    X_a, X_b = dyck.Walk(length, 2, p).sample(n, rng), dyck.Walk(length, 2, q).sample(m, rng)
    phi = tree_embedding(torch.cat([X_a, X_b]), metric, k=2, length=LENGTH)
    return phi[:n], phi[n:], (X_a, X_b)


def test_the_bracket_holds_the_truth():
    truth = population_stack(dyck.Walk(32, 2, 0.5), dyck.Walk(32, 2, 0.6), LENGTH)
    brackets = [bracket(*embedded(0.5, 0.6, 400, 300, seed)[:2], seed=seed) for seed in range(40)]
    duals, uppers = np.array([(x.dual, x.upper) for x in brackets]).T
    standard_error = duals.std(ddof=1) / np.sqrt(40)
    assert duals.mean() < truth + 3 * standard_error  # in expectation
    assert uppers.mean() > truth
    assert sum(x.lower > truth for x in brackets) <= 7  # 95 %: two expected; eight or more has a chance of 0.1 %
    assert duals.mean() > truth / 2  # and it is not empty
    spread = np.mean([x.standard_error for x in brackets])
    assert 0.6 < spread / duals.std(ddof=1) < 1.6


def test_the_bracket_says_unknown_where_samples_cannot_tell():
    truth = population_trie(dyck.Walk(64, 2, 0.5), dyck.Walk(64, 2, 0.6), 1 / 128)
    rng = np.random.default_rng(0)
    X = torch.cat([dyck.Walk(64, 2, p).sample(1000, rng) for p in (0.5, 0.6)])
    phi = tree_embedding(X, "prefix", length=1 / 128)
    found = bracket(phi[:1000], phi[1000:], seed=0)
    assert found.lower < 0.1 < truth < 0.8 < found.upper


def test_plug_in_is_the_closed_form():
    phi_a, phi_b, (X_a, X_b) = embedded(0.5, 0.6, 70, 50, 0)
    assert plug_in(phi_a, phi_b) == pytest.approx(stack_wasserstein(X_a, X_b, 2, LENGTH), rel=1e-10)


def test_bootstrap_resamples_words(monkeypatch):
    phi_a, phi_b, _ = embedded(0.5, 0.7, 60, 40, 1)
    basic, naive = (bootstrap(phi_a, phi_b, 400, method=m, seed=0) for m in ("basic", "percentile"))
    np.testing.assert_array_equal(basic.replicates, naive.replicates)
    assert basic.low == pytest.approx(max(0, 2 * basic.value - naive.high))
    assert basic.high == pytest.approx(max(0, 2 * basic.value - naive.low))
    assert naive.replicates.mean() > naive.value  # resampling adds the upward bias once more
    rng = np.random.default_rng(5)
    slow = [
        plug_in(phi_a[rng.integers(0, 60, 60)], phi_b[rng.integers(0, 40, 40)]) for _ in range(400)
    ]  # the same, word by word
    assert np.mean(slow) == pytest.approx(basic.replicates.mean(), abs=4 * np.std(slow) / np.sqrt(200))
    assert np.std(slow) == pytest.approx(basic.replicates.std(), rel=0.2)
    monkeypatch.setattr("howfar.wasserstein.inference.BLOCK_NUMBERS", 1)
    assert bootstrap(phi_a, phi_b, 5, seed=0).replicates.shape == (5,)


def test_the_basic_interval_covers_where_the_naive_one_does_not():
    truth = population_stack(dyck.Walk(32, 2, 0.5), dyck.Walk(32, 2, 0.6), LENGTH)
    covered = {"basic": 0, "percentile": 0}
    for seed in range(30):
        phi_a, phi_b, _ = embedded(0.5, 0.6, 200, 200, 100 + seed)
        for method in covered:
            interval = bootstrap(phi_a, phi_b, 200, method=method, seed=seed)
            covered[method] += interval.low <= truth <= interval.high
    assert covered["basic"] >= 24 and covered["percentile"] <= 20


def test_every_division_of_a_small_sample():
    values = np.array([0.0, 1.0, 2.0, 5.0, 7.0, 8.0])
    phi = csr_matrix(values[:, None])
    test = permutation_test(phi[:3], phi[3:], permutations=100)
    brute = [abs(values[list(c)].mean() - np.delete(values, c).mean()) for c in combinations(range(6), 3)]
    assert test.every_division and len(test.null) == 19
    assert test.pvalue == pytest.approx(np.mean(np.array(brute) >= test.value - 1e-12)) == pytest.approx(2 / 20)
    assert sorted(np.append(test.null, test.value)) == pytest.approx(sorted(brute))


def test_the_permutation_test_keeps_its_size():
    pvalues = [
        permutation_test(*embedded(0.5, 0.5, 15, 20, seed, 16)[:2], permutations=99, seed=seed).pvalue
        for seed in range(300)
    ]
    for level in (0.05, 0.2, 0.5):  # under one law, at most this share, up to three standard errors
        assert np.mean(np.array(pvalues) <= level) < level + 3 * np.sqrt(level * (1 - level) / 300)
    assert np.mean(np.array(pvalues) <= 0.5) > 0.35  # nor is it empty
    assert min(pvalues) >= 0.01


def test_the_permutation_test_sees_a_difference():
    found = permutation_test(*embedded(0.5, 0.7, 80, 80, 0, metric="depth")[:2], permutations=199, seed=0)
    assert found.pvalue == 1 / 200 and not found.every_division and found.value > found.null.max()


PHI = csr_matrix(np.eye(5))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: bracket(PHI[:2], PHI), "at least 4 words"),
        (lambda: bracket(PHI, PHI, level=0.2), "level must lie between 0.5 and 1"),
        (lambda: bootstrap(PHI, PHI, method="magic"), "method must be"),
        (lambda: bootstrap(PHI, PHI, replicates=0), "replicates"),
        (lambda: permutation_test(PHI, PHI, permutations=0), "permutations"),
        (lambda: plug_in(PHI, PHI[:, :3]), "same columns"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_embeddings_with_nan_are_refused_by_row(dense, value):
    good = np.eye(6)[[0, 1, 2, 3, 4, 5, 0, 1]]
    bad = good.copy()
    bad[5, 2] = value
    pair = (good, bad) if dense else (csr_matrix(good), csr_matrix(bad))
    for function in (plug_in, bracket, bootstrap, permutation_test, embedding_witness, mean_difference):
        with pytest.raises(ValueError, match="phi_b must be finite, row 5"):
            function(*pair)
        with pytest.raises(ValueError, match="phi_a must be finite, row 5"):
            function(*pair[::-1])
