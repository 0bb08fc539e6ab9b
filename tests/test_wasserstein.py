"""W1 on a line, against other people's code, closed forms and bad input."""

import numpy as np
import ot
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from howfar.wasserstein import wasserstein_1d
from howfar.wasserstein.line import _argsort

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
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_bad_input_is_named(arguments, message, library):
    if library == "torch":
        try:
            arguments = [None if a is None else torch.tensor(a) for a in arguments]
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


@pytest.mark.parametrize("kind", ["plain", "tied", "nearly tied", "huge range", "signed zeros", "one"])
def test_packed_argsort_sorts(kind):
    rng = np.random.default_rng(0)
    x = {
        "plain": rng.normal(size=5000),
        "tied": np.repeat(rng.normal(size=50), 40),
        "nearly tied": 1 + 1e-15 * rng.integers(0, 9, 5000),
        "huge range": rng.normal(size=5000) * 10.0 ** rng.integers(-300, 300, 5000),
        "signed zeros": rng.permutation(np.array([0.0, -0.0, 1e-320, -1e-320] * 50)),
        "one": np.array([3.0]),
    }[kind]
    order = _argsort(x)
    assert np.array_equal(np.sort(order), np.arange(len(x)))
    assert np.array_equal(x[order], np.sort(x))


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
