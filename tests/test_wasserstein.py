"""W1 on a line, against other people's code, closed forms and bad input."""

import inspect

import numpy as np
import ot
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from howfar import wasserstein
from howfar.wasserstein import line, wasserstein_1d

finite = st.floats(-1e3, 1e3, width=32)


@settings(deadline=None, max_examples=60)
@given(
    u=arrays(np.float64, st.integers(1, 30), elements=finite),
    v=arrays(np.float64, st.integers(1, 30), elements=finite),
)
def test_equals_scipy_without_weights(u, v):
    assert wasserstein_1d(u, v) == pytest.approx(scipy.stats.wasserstein_distance(u, v), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 5), (6, 6), (40, 17)])
def test_equals_exact_transport_with_weights(seed, n, m):
    rng = np.random.default_rng(seed)
    u, v = rng.integers(-4, 5, n).astype(float), rng.normal(size=m)
    a, b = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))
    exact = ot.emd2(a, b, np.abs(u[:, None] - v[None, :]))
    assert wasserstein_1d(u, v, a, b) == pytest.approx(exact, abs=1e-10)


def test_one_sided_weights_and_zero_weights():
    assert wasserstein_1d([0, 1], [1], u_weights=[0.25, 0.75]) == pytest.approx(0.25)
    assert wasserstein_1d([0, 1, 99], [0, 1], u_weights=[0.5, 0.5, 0]) == pytest.approx(0)


def test_mass_is_not_normalised():
    assert wasserstein_1d([0], [3], [2.0], [2.0]) == pytest.approx(6)


def test_is_a_metric_and_shifts_by_the_shift():
    rng = np.random.default_rng(0)
    u, v, w = rng.normal(size=(3, 50))
    assert wasserstein_1d(u, v) == pytest.approx(wasserstein_1d(v, u))
    assert wasserstein_1d(u, rng.permutation(u)) == 0
    assert wasserstein_1d(u, w) <= wasserstein_1d(u, v) + wasserstein_1d(v, w) + 1e-12
    assert wasserstein_1d(u, u + 7.5) == pytest.approx(7.5)


@pytest.mark.parametrize("library", ["numpy", "torch", "torch with gradient"])
@pytest.mark.parametrize("m", [9, 6])
@pytest.mark.parametrize("weighted", [False, True, "shared"])
def test_batches_equal_the_loop(library, m, weighted):
    rng = np.random.default_rng(1)
    u, v = rng.normal(size=(9, 2, 3)), rng.normal(size=(m, 2, 3))
    weights = [None, None]
    if weighted:
        shapes = [(9,), (m,)] if weighted == "shared" else [u.shape, v.shape]
        weights = [w / w.sum(0) for w in (rng.random(s) for s in shapes)]
    loop = np.empty((2, 3))
    for i, j in np.ndindex(2, 3):
        pair = [None if w is None else (w if w.ndim == 1 else w[:, i, j]) for w in weights]
        loop[i, j] = scipy.stats.wasserstein_distance(u[:, i, j], v[:, i, j], *pair)
    if library != "numpy":
        u, v = torch.tensor(u, requires_grad="gradient" in library), torch.tensor(v)
        weights = [None if w is None else torch.tensor(w) for w in weights]
    out = wasserstein_1d(u, v, *weights)
    assert isinstance(out, np.ndarray if library == "numpy" else torch.Tensor)
    assert out.shape == (2, 3)
    np.testing.assert_allclose(torch.as_tensor(out).detach().numpy(), loop, atol=1e-12)


def test_gradient_is_that_of_the_matching():
    u = torch.tensor([3.0, 0.0], requires_grad=True)
    wasserstein_1d(u, torch.tensor([1.0, 1.5])).backward()
    assert u.grad.tolist() == [0.5, -0.5]
    w = torch.tensor([0.5, 0.5], dtype=torch.float64, requires_grad=True)
    wasserstein_1d(
        torch.tensor([0.0, 1.0], dtype=torch.float64), torch.tensor([5.0], dtype=torch.float64), w
    ).backward()
    assert torch.isfinite(w.grad).all() and w.grad[0] != w.grad[1]


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (torch.float64,) * 2,
        (torch.float32,) * 2,
        (torch.bfloat16, torch.float32),
        (torch.int64, torch.float64),
    ],
)
def test_tensors_come_back_as_tensors(dtype, expected):
    out = wasserstein_1d(torch.tensor([0, 1, 3]).to(dtype), torch.tensor([5, 6, 8]).to(dtype))
    assert out.dtype == expected and out.shape == () and out.item() == 5


def test_plain_numbers_come_back_as_a_float():
    assert type(wasserstein_1d([0, 1, 3], [5, 6, 8])) is float
    assert wasserstein_1d([True, False], [1, 1]) == 0.5
    assert wasserstein_1d(np.float32([0, 1]), np.float32([1, 2])) == 1


def test_inputs_are_left_alone():
    u, v, a = np.array([3.0, 1.0]), np.array([2.0, 0.0]), np.array([0.25, 0.75])
    wasserstein_1d(u, v)
    wasserstein_1d(u, v, a, a)
    assert u.tolist() == [3, 1] and v.tolist() == [2, 0] and a.tolist() == [0.25, 0.75]


BAD = [
    (([], [1.0]), "u_values is empty"),
    (([1.0], []), "v_values is empty"),
    ((1.0, [1.0]), "u_values must have shape"),
    (([np.nan, 1], [1, 2]), "u_values must be finite"),
    (([1, 2], [1, np.inf]), "v_values must be finite"),
    (([1, 2], [-np.inf, 0]), "v_values must be finite"),
    (([1, 2, 3], [1, np.nan]), "v_values must be finite"),
    (([-np.nan, 2, 3], [1, 0]), "u_values must be finite"),
    (([1j], [1]), "u_values must hold real numbers"),
    ((["a"], [1]), "u_values must hold real numbers"),
    ((np.ones((3, 2)), np.ones((3, 4))), "same batch axes"),
    (([1, 2], [1, 2], [1.0], None), "u_weights must have shape"),
    (([1, 2], [1, 2], None, [[0.5, 0.5]]), "v_weights must have shape"),
    (([1, 2], [1, 2], [1.5, -0.5], None), "u_weights must be non-negative"),
    (([1, 2], [1, 2], None, [0.5, np.nan]), "v_weights must be finite"),
    (([1, 2], [1, 2], [0.5, 0.6], None), "same positive total mass"),
    (([1, 2], [1, 2], [0.0, 0.0], [0.0, 0.0]), "same positive total mass"),
    (([1, 2], [1, 2], [0.5, 0.5001], None), r"got 1\.0001 and 1, which differ by 0\.0001; allowed: 1e-06"),
    (([1, 2], [1, 2], [1e308, 1e308], [1e308, 1e308]), "u_weights must be at most 1e\\+100, row 0 is 1e\\+308"),
    (([1, 2], [1, -1e308]), "v_values must be at least -1e\\+100, row 1 is -1e\\+308"),
    ((None, [1]), "u_values must hold real numbers, got NoneType"),
    (([[1], [1, 2]], [1]), "u_values must hold rows of equal lengths"),
    ((np.ma.array([1.0, 100.0], mask=[0, 1]), [1.0, 1.0]), "u_values must be a plain array: a mask would be ignored"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_bad_input_is_named(arguments, message, library):
    if library == "torch":
        if any(isinstance(a, np.ma.MaskedArray) for a in arguments):
            pytest.skip("torch has no masked arrays")
        try:
            arguments = [
                torch.as_tensor(np.asarray(a)) if i < 2 or a is not None else None for i, a in enumerate(arguments)
            ]
        except (ValueError, TypeError):
            pytest.skip("torch can't hold this input at all")
        if not arguments[0].is_complex():
            arguments[0] = arguments[0].double().requires_grad_()  # takes the torch branch
    with pytest.raises(ValueError, match=message):
        wasserstein_1d(*arguments)


def test_mass_of_every_batch_entry_is_checked():
    weights = np.full((2, 3), 0.5)
    weights[:, 1] = 0.7
    with pytest.raises(ValueError, match=r"same positive total mass, got 1\.4 and 1"):
        wasserstein_1d(np.zeros((2, 3)), np.ones((2, 3)), weights)


@pytest.mark.parametrize("kind", ["plain", "tied", "nearly tied", "huge range", "signed zeros", "short"])
@pytest.mark.parametrize("rows", [1, 3])
def test_packed_argsort_sorts(kind, rows):
    rng = np.random.default_rng(0)
    x = {
        "plain": rng.normal(size=5000),
        "tied": np.repeat(rng.normal(size=50), 100),
        "nearly tied": 1 + 1e-15 * rng.integers(0, 9, 5000),
        "huge range": rng.normal(size=5000) * 10.0 ** rng.integers(-300, 300, 5000),
        "signed zeros": rng.permutation(np.array([0.0, -0.0, 1e-320, -1e-320] * 1250)),
        "short": np.array([3.0]),
    }[kind]
    assert kind == "short" or len(x) >= line.PACKED
    x = np.stack([rng.permutation(x) for _ in range(rows)])
    order = line._argsort(x)
    assert np.array_equal(np.sort(order, axis=1), np.tile(np.arange(x.shape[1]), (rows, 1)))
    assert np.array_equal(np.take_along_axis(x, order, axis=1), np.sort(x, axis=1))


@pytest.mark.parametrize("block", [1, 60])
@pytest.mark.parametrize("m", [20, 13])
@pytest.mark.parametrize("weighted", ["no", "both", "shared", "one"])
def test_blocks_of_a_batch_change_nothing(monkeypatch, block, m, weighted):
    rng = np.random.default_rng(2)
    u, v = rng.normal(size=(20, 7)), rng.normal(size=(m, 7))
    a, b = rng.random((20, 1 if weighted == "shared" else 7)), rng.random((m, 7))
    a, b = a / a.sum(0), b / b.sum(0)
    weights = {"no": (), "both": (a, b), "shared": (a[:, 0], b), "one": (None, b)}[weighted]
    expected = wasserstein_1d(u, v, *weights)
    monkeypatch.setattr(line, "BLOCK", block)
    np.testing.assert_allclose(wasserstein_1d(u, v, *weights), expected, rtol=1e-13)
    columns = [[w if w is None or w.ndim == 1 else w[:, i] for w in weights] for i in range(7)]
    loop = [wasserstein_1d(u[:, i], v[:, i], *w) for i, w in enumerate(columns)]
    np.testing.assert_allclose(loop, expected, rtol=1e-13)


def test_different_sizes_by_hand():
    """The quantile functions of {0, 6} and {0, 1, 2} differ by 0, 1, 5, 4 on steps of 1/3, 1/6, 1/6, 1/3."""
    assert wasserstein_1d([6, 0], [2, 0, 1]) == pytest.approx(0 / 3 + 1 / 6 + 5 / 6 + 4 / 3)
    assert wasserstein_1d(np.zeros(10**5), np.full(99_999, 3.0)) == pytest.approx(3.0, rel=1e-12)


def test_weights_of_a_float32_softmax_have_one_mass():
    """At a million weights torch's softmax sums to 1 + 4e-6 (its normaliser is a sum in float32)."""
    generator = torch.Generator().manual_seed(0)
    u, v = torch.rand(2, 10**6, generator=generator, dtype=torch.float64)
    a = torch.softmax(2 * torch.randn(10**6, generator=generator), dim=0)
    exact = wasserstein_1d(u.numpy(), v.numpy(), a.double().numpy() / a.double().sum().item())
    off = a * ((1 + 5e-6) / a.double().sum()).float()
    assert off.double().sum() - 1 > 3e-6  # so also where softmax happens to do better
    for weights in (a, off, off.numpy()):
        assert float(wasserstein_1d(u, v, weights)) == pytest.approx(exact, rel=1e-5)
    half = torch.softmax(torch.randn(40, generator=generator), dim=0).bfloat16()
    wasserstein_1d(u[:40], v[:40], half)  # each rounded to 8 bits
    with pytest.raises(ValueError, match=r"which differ by 2.*e-05; allowed: 1e-06"):
        wasserstein_1d([0.0], [1.0], np.array([1.0]), np.array([1.00002]))


def test_totals_that_differ_by_rounding_are_brought_together():
    a = np.full(10, 0.1, np.float32)
    b = a * np.float32(1 + 3e-7)
    far = np.arange(10.0) * 1e6
    assert wasserstein_1d(far, far, a, b) == pytest.approx(0, abs=1e-2)  # not 1e6 times the difference of the masses


@pytest.mark.parametrize("scale", [1e-200, 1e-12, 1e50])
def test_tiny_and_huge_masses_scale_the_distance(scale):
    u, v, a, b = [0.0, 1.0, 4.0], [2.0, 3.0], np.array([0.2, 0.3, 0.5]), np.array([0.6, 0.4])
    assert wasserstein_1d(u, v, scale * a, scale * b) == pytest.approx(scale * wasserstein_1d(u, v, a, b), rel=1e-12)


def test_gradients_in_float32_are_those_of_float64():
    generator = torch.Generator().manual_seed(0)
    u, v = torch.randn(2, 30_000, generator=generator)
    v = v[:20_000]
    single = wasserstein_1d(u.requires_grad_(), v)
    assert single.item() == pytest.approx(wasserstein_1d(u.detach().double().numpy(), v.double().numpy()), rel=1e-6)


# Signatures

IN_ANOTHER_S_ORDER = {"wasserstein_1d", "tree_wasserstein", "emd2", "solve", "sinkhorn"}  # SciPy's and POT's
DATA = [
    "X",
    "X_a",
    "X_b",
    "stops",
    "stops_a",
    "stops_b",
    "P",
    "Q",
    "phi_a",
    "phi_b",
    "M_ab",
    "M_bb",
    "values",
    "distances",
    "k",
]
OPTIONS = "metric k a b length projections permutations replicates method level seed".split()


def public_functions():
    return [f for name in wasserstein.__all__ if inspect.isfunction(f := getattr(wasserstein, name))]


@pytest.mark.parametrize("function", public_functions(), ids=lambda f: f.__name__)
def test_everything_after_the_data_is_by_keyword_and_in_one_order(function):
    kinds = inspect.Parameter
    parameters = inspect.signature(function).parameters.values()
    positional = [p.name for p in parameters if p.kind is kinds.POSITIONAL_OR_KEYWORD]
    by_keyword = [p.name for p in parameters if p.kind is kinds.KEYWORD_ONLY]
    assert len(positional) + len(by_keyword) == len(parameters)
    if function.__name__ in IN_ANOTHER_S_ORDER:
        return
    assert positional == [name for name in DATA if name in positional]
    assert by_keyword == [name for name in OPTIONS if name in by_keyword]
    assert ("k" in positional) == (function.__name__ == "stack_wasserstein")  # without it a word says nothing there


def test_the_exceptions_follow_their_models():
    def names(function):
        return list(inspect.signature(function).parameters)

    assert names(wasserstein_1d) == names(scipy.stats.wasserstein_distance)
    assert names(wasserstein.emd2) == names(ot.emd2)[:3]
    assert names(wasserstein.solve)[:4] == names(ot.solve)[:4]
    assert names(wasserstein.sinkhorn)[:4] == names(ot.sinkhorn)[:4]
    assert names(wasserstein.tree_wasserstein) == ["tree", "length", "u_weights", "v_weights"]  # POT's draft


def test_null_distance_of_the_uniform_law_follows_the_theorem():
    """E W1 between two samples of size n: 2 / sqrt(pi n) times the integral of sqrt(F (1 - F)), which is pi / 8."""
    rng = np.random.default_rng(0)
    n, repeats = 2000, 800
    w = wasserstein_1d(rng.random((n, repeats)), rng.random((n, repeats)))
    predicted = 2 / np.sqrt(np.pi * n) * np.pi / 8
    assert abs(w.mean() - predicted) < 4 * w.std() / np.sqrt(repeats) + 0.01 * predicted


def test_the_order_of_a_sample_moves_only_the_last_digits():
    """Splits that tie may differ by rounding: what is compared with an observed value needs a tolerance."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        u, v = rng.integers(0, 4, rng.integers(1, 9)), rng.integers(0, 4, rng.integers(1, 9))
        assert abs(wasserstein_1d(u, v) - wasserstein_1d(rng.permutation(u), rng.permutation(v))) < 1e-13
