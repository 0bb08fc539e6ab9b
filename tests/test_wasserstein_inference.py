"""Brackets, intervals and tests: what they promise, on laws whose distance is known exactly."""

import re
from itertools import combinations
from math import comb

import numpy as np
import pytest
import scipy.stats
import torch
from scipy import sparse
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


def embedded(p, q, n, m, seed, length=32, metric="stack"):
    """Samples of two walks, embedded together."""
    rng = np.random.default_rng(seed)
    X_a, X_b = dyck.Walk(length, 2, p).sample(n, rng), dyck.Walk(length, 2, q).sample(m, rng)
    phi = tree_embedding(torch.cat([X_a, X_b]), metric=metric, k=2, length=LENGTH)
    return phi[:n], phi[n:], (X_a, X_b)


def test_the_bracket_holds_the_truth():
    truth = population_stack(dyck.Walk(32, 2, 0.5), dyck.Walk(32, 2, 0.6), length=LENGTH)
    brackets = [bracket(*embedded(0.5, 0.6, 400, 300, seed)[:2], seed=seed) for seed in range(40)]
    duals, uppers = np.array([(x.dual, x.upper) for x in brackets]).T
    standard_error = duals.std(ddof=1) / np.sqrt(40)
    assert duals.mean() < truth + 3 * standard_error  # in expectation
    assert uppers.mean() > truth
    assert sum(x.lower > truth for x in brackets) <= 7  # 95 %: two expected; eight or more has a chance of 0.1 %
    assert duals.mean() > truth / 2  # and it is not empty
    spread = np.mean([x.standard_error for x in brackets])
    assert 1 < spread / duals.std(ddof=1) < 1.9  # that of one half: sqrt(2) times as large where halves are independent


def coins(p, shape, rng):
    return (rng.random(shape) < p).astype(float)


@pytest.mark.parametrize(("p", "count", "words"), [(0.5, 1, 40), (0.5, 50, 40), (0.1, 5, 60)])
def test_the_lower_limit_holds_where_the_laws_are_equal(p, count, words):
    """Independent coins: W_1 is 0 and every lower limit above 0 is wrong; with the two halves as if independent it
    was 10 %. At most 5 %, and three standard errors of the share of 1,500 runs."""
    runs, wrong = 1500, 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        wrong += bracket(coins(p, (words, count), rng), coins(p, (words, count), rng), seed=rng).lower > 0
    assert 0.005 * runs < wrong < 0.05 * runs + 3 * np.sqrt(0.05 * 0.95 * runs)  # nor is the limit empty


@pytest.mark.parametrize("q", [0.5, 0.52, 0.6])
def test_the_lower_limit_holds_for_words(q):
    truth = population_stack(dyck.Walk(16, 2, 0.5), dyck.Walk(16, 2, q), length=LENGTH)
    limits = [bracket(*embedded(0.5, q, 60, 80, seed, 16)[:2], seed=seed).lower for seed in range(400)]
    assert np.sum(np.array(limits) > truth + 1e-12) < 0.05 * 400 + 3 * np.sqrt(0.05 * 0.95 * 400)


def test_the_bracket_of_few_words_is_that_of_welch():
    """Each half's limit is SciPy's one-sided Welch interval."""
    rng = np.random.default_rng(0)
    phi_a, phi_b = coins(0.8, (5, 3), rng), coins(0.3, (7, 3), rng)
    found = bracket(phi_a, phi_b, level=0.9, seed=1)
    split = np.random.default_rng(1)
    halves_a, halves_b = (np.array_split(split.permutation(n), 2) for n in (5, 7))
    limits, shown = [], []
    for fit, test in ((0, 1), (1, 0)):
        signs = np.sign(phi_a[halves_a[fit]].mean(0) - phi_b[halves_b[fit]].mean(0))
        x, y = phi_a[halves_a[test]] @ signs, phi_b[halves_b[test]] @ signs
        welch = scipy.stats.ttest_ind(x, y, equal_var=False, alternative="greater")
        limits.append(welch.confidence_interval(0.9).low)
        shown.append(x.mean() - y.mean())
    assert found.dual == pytest.approx(np.mean(shown)) and found.upper == pytest.approx(plug_in(phi_a, phi_b))
    assert found.lower == pytest.approx(max(0, np.mean(limits)))


def test_the_bracket_says_unknown_where_samples_cannot_tell():
    truth = population_trie(dyck.Walk(64, 2, 0.5), dyck.Walk(64, 2, 0.6), length=1 / 128)
    rng = np.random.default_rng(0)
    X = torch.cat([dyck.Walk(64, 2, p).sample(1000, rng) for p in (0.5, 0.6)])
    phi = tree_embedding(X, metric="prefix", length=1 / 128)
    found = bracket(phi[:1000], phi[1000:], seed=0)
    assert found.lower < 0.1 < truth < 0.8 < found.upper


def test_plug_in_is_the_closed_form():
    phi_a, phi_b, (X_a, X_b) = embedded(0.5, 0.6, 70, 50, 0)
    assert plug_in(phi_a, phi_b) == pytest.approx(stack_wasserstein(X_a, X_b, 2, length=LENGTH), rel=1e-10)


def test_bootstrap_resamples_words(monkeypatch):
    phi_a, phi_b, _ = embedded(0.5, 0.7, 60, 40, 1)
    basic, naive = (bootstrap(phi_a, phi_b, replicates=400, method=m, seed=0) for m in ("basic", "percentile"))
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
    assert bootstrap(phi_a, phi_b, replicates=5, seed=0).replicates.shape == (5,)


def test_the_basic_interval_covers_where_the_naive_one_does_not():
    truth = population_stack(dyck.Walk(32, 2, 0.5), dyck.Walk(32, 2, 0.6), length=LENGTH)
    covered = {"basic": 0, "percentile": 0}
    for seed in range(30):
        phi_a, phi_b, _ = embedded(0.5, 0.6, 200, 200, 100 + seed)
        for method in covered:
            interval = bootstrap(phi_a, phi_b, replicates=200, method=method, seed=seed)
            covered[method] += interval.low <= truth <= interval.high
    assert covered["basic"] >= 24 and covered["percentile"] <= 20


def files(count, low, high, rng):
    """Rows as the docstring has them: 20 numbers of a file's own law, binomial of 8 trials."""
    values = rng.binomial(8, rng.uniform(low, high, (count, 1)), (count, 20))
    return (values[:, :, None] >= np.arange(1, 9)).mean(axis=1)


def of_files(low, high):
    rates = low + (high - low) * (np.arange(2000) + 0.5) / 2000
    law = np.array([comb(8, v) * np.mean(rates**v * (1 - rates) ** (8 - v)) for v in range(9)])
    return law[::-1].cumsum()[::-1][1:]


def column_of_files(one, other):
    truth = np.abs(of_files(*one) - of_files(*other)).sum()
    return truth, lambda n, rng: (files(n, *one, rng), files(n, *other, rng))


def column_of_words():
    truth = population_stack(dyck.Walk(32, 2, 0.5), dyck.Walk(32, 2, 0.6), length=LENGTH)
    return truth, lambda n, rng: embedded(0.5, 0.6, n, n, rng)[:2]


COLUMNS = [
    lambda: column_of_files((0.3, 0.5), (0.5, 0.7)),
    lambda: column_of_files((0.2, 0.6), (0.3, 0.7)),
    column_of_words,
]


@pytest.mark.parametrize("column", range(3))
def test_coverage_with_few_rows_is_what_the_docstring_says(column):
    lines = re.findall(r"^ +(\d+) +(\d+, \d+) +(\d+, \d+) +(\d+, \d+)$", bootstrap.__doc__, re.MULTILINE)
    assert [int(rows) for rows, *_ in lines] == [5, 10, 20, 50]
    truth, draw = COLUMNS[column]()
    runs = 300
    for rows, *cells in lines[:3]:
        rng = np.random.default_rng(int(rows))
        covered = {"basic": 0, "percentile": 0}
        for seed in range(runs):
            pair = draw(int(rows), rng)
            for method in covered:
                interval = bootstrap(*pair, method=method, seed=seed)
                covered[method] += interval.low <= truth <= interval.high
        for said, found in zip(map(int, cells[column].split(",")), covered.values(), strict=True):
            share = said / 100
            assert abs(found / runs - share) < 0.005 + 3 * np.sqrt(max(share * (1 - share), 0.001) / runs)


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


FUNCTIONS = [plug_in, bracket, bootstrap, permutation_test, embedding_witness, mean_difference]
DENSE = np.random.default_rng(0).integers(0, 4, (13, 5)) / 2.0  # exact in bfloat16 too
KINDS = {
    "lists": lambda x: x.tolist(),
    "tuples": lambda x: tuple(map(tuple, x.tolist())),
    "float32": lambda x: x.astype(np.float32),
    "integers": lambda x: (2 * x).astype(int),
    "Fortran": np.asfortranarray,
    "matrix": np.matrix,
    "torch": torch.tensor,
    "gradient": lambda x: torch.tensor(x, requires_grad=True),
    "bfloat16": lambda x: torch.tensor(x).bfloat16(),
} | {
    f"{form} {kind}": lambda x, form=form, kind=kind: getattr(sparse, f"{form}_{kind}")(x)
    for form in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
    for kind in ("matrix", "array")
}


def numbers(result):
    """All that a result holds, as one array."""
    values = vars(result).values() if hasattr(result, "__dataclass_fields__") else [result]
    return np.concatenate([np.ravel(np.asarray(x, dtype=float)) for x in values])


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_array_gives_the_same(function, kind):
    options = {"seed": 0} if function in (bracket, bootstrap, permutation_test) else {}
    unit = 2 if kind == "integers" else 1
    expected = function(unit * DENSE[:6], unit * DENSE[6:], **options)
    first, second = (KINDS[kind](x) for x in (DENSE[:6], DENSE[6:]))
    for pair in ((first, second), (first, unit * DENSE[6:]), (unit * DENSE[:6], second)):
        found = function(*pair, **options)
        np.testing.assert_allclose(numbers(found), numbers(expected), rtol=1e-12)
        assert not isinstance(found, np.matrix)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_the_test_on_a_matrix_is_the_test_on_an_array():
    """np.matrix used to make one number of the null."""
    found = permutation_test(np.matrix(DENSE[:6]), np.matrix(DENSE[6:]), permutations=99, seed=0)
    assert found.null.shape == (99,)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (None, "must hold real numbers, got NoneType"),
        ([1.0, 2.0], r"must have shape \(n, nodes\) with n >= 1, got \(2,\)"),
        (np.zeros((0, 5)), r"must have shape \(n, nodes\) with n >= 1, got \(0, 5\)"),
        (csr_matrix((0, 5)), r"must have shape \(n, nodes\) with n >= 1, got \(0, 5\)"),
        ([[1.0], [1.0, 2.0]], "must hold rows of equal lengths"),
        (DENSE + 1j, "must hold real numbers, got ndarray of dtype complex128"),
        (csr_matrix(DENSE + 1j), "must hold real numbers, got ndarray of dtype complex128"),
        (torch.tensor(DENSE) + 1j, "must hold real numbers, got a tensor of torch.complex128"),
        (torch.tensor(DENSE).to_sparse(), "must be a dense tensor, got layout torch.sparse_coo"),
        (np.ma.array(DENSE), "must be a plain array: a mask would be ignored"),
        (DENSE.astype(str), "must hold real numbers"),
        (1e308 * np.ones((13, 5)), r"must be at most 1e\+100"),
    ],
)
def test_what_is_no_embedding_is_refused_by_name(function, bad, message):
    with pytest.raises(ValueError, match=f"phi_a {message}"):
        function(bad, DENSE)
    with pytest.raises(ValueError, match=f"phi_b {message}"):
        function(DENSE, bad)


def test_every_kind_of_seed():
    for function in (bracket, bootstrap, permutation_test):
        by_number = numbers(function(DENSE[:6], DENSE[6:], seed=3))
        assert np.array_equal(by_number, numbers(function(DENSE[:6], DENSE[6:], seed=np.random.default_rng(3))))
        by_torch = [numbers(function(DENSE[:6], DENSE[6:], seed=torch.Generator().manual_seed(3))) for _ in range(2)]
        assert np.array_equal(*by_torch)
        with pytest.raises(ValueError, match="seed must be an integer"):
            function(DENSE[:6], DENSE[6:], seed="three")


def test_large_samples_are_not_divided_in_every_way():
    """The number of divisions of 2 x 300,000 words has 180,000 digits, and takes seconds to find."""
    one = sparse.csr_matrix(
        (np.ones(3 * 10**5), (np.arange(3 * 10**5), np.zeros(3 * 10**5, int))), shape=(3 * 10**5, 1)
    )
    assert permutation_test(one, one, permutations=1, seed=0).pvalue == 1.0


PHI = csr_matrix(np.eye(5))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: bracket(PHI[:2], PHI), "at least 4 words"),
        (lambda: bracket(PHI, PHI, level=0.2), "level must be a finite number, greater than 0.5, less than 1; got 0.2"),
        (lambda: bracket(PHI, PHI, level=None), "level must be a finite number"),
        (lambda: bootstrap(PHI, PHI, level=1.0), "level must be a finite number, greater than 0, less than 1"),
        (lambda: bootstrap(PHI, PHI, method="magic"), "method must be one of 'basic', 'percentile'; got 'magic'"),
        (lambda: bootstrap(PHI, PHI, replicates=0), "replicates must be a positive integer, got 0"),
        (lambda: bootstrap(PHI, PHI, replicates=2.5), "replicates must be a positive integer, got 2.5"),
        (lambda: permutation_test(PHI, PHI, permutations=0), "permutations must be a positive integer, got 0"),
        (lambda: permutation_test(PHI, PHI, permutations="all"), "permutations must be a positive integer, got 'all'"),
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
    for function in FUNCTIONS:
        with pytest.raises(ValueError, match=r"phi_b must be finite.*, entry \(5, 2\) is (nan|inf)"):
            function(*pair)
        with pytest.raises(ValueError, match=r"phi_a must be finite.*, entry \(5, 2\) is (nan|inf)"):
            function(*pair[::-1])
