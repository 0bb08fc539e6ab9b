"""POT behind checks, and the witness of what it finds."""

import numpy as np
import ot
import pytest
import torch

from howfar import dyck
from howfar.wasserstein import (
    dist,
    emd2,
    lipschitz_violation,
    plug_in,
    sinkhorn,
    sliced_wasserstein,
    solve,
    stack_wasserstein,
    tree_wasserstein,
    trie_wasserstein,
    witness,
)

CLOSE = dict(rel=1e-10, abs=1e-10)


def random_words(rng, n, k, most=5):
    """Dyck words of many lengths, with repetitions."""
    return dyck.pad_words([dyck.sample_words(1, 2 * rng.integers(0, most + 1), k, seed=rng)[0] for _ in range(n)])


def test_solvers_agree_with_pot_and_the_witness_closes_the_gap():
    rng = np.random.default_rng(0)
    X_a, X_b = random_words(rng, 25, 2), random_words(rng, 30, 2)
    M = dist(X_a, X_b, metric="edit")
    a, b = rng.dirichlet(np.ones(25)), rng.dirichlet(np.ones(30))
    result = solve(M, a, b)
    assert result.value == pytest.approx(ot.emd2(a, b, M), **CLOSE) == emd2(a, b, M)
    np.testing.assert_allclose(result.plan.sum(1), a, atol=1e-12)
    u, v = result.potentials
    assert a @ u + b @ v == pytest.approx(result.value, **CLOSE)
    slack = M - u[:, None] - v
    assert slack.min() >= -1e-12 and np.abs(slack[result.plan > 1e-12]).max() <= 1e-12
    f = witness(M, dist(X_b, metric="edit"), a=a, b=b)
    assert f.value == pytest.approx(result.value, **CLOSE) and abs(f.gap) < 1e-10
    union = torch.cat([torch.nn.functional.pad(X, (0, 10 - X.shape[1]), value=-1) for X in (X_a, X_b)])
    values = f(dist(union, X_b, metric="edit"))  # at points that it has not seen as well
    np.testing.assert_allclose(values, np.concatenate([f.at_a, f.at_b]))
    assert lipschitz_violation(values, dist(union, metric="edit")) <= 1e-12


def test_the_witness_is_lipschitz_where_there_is_no_mass():
    rng = np.random.default_rng(1)
    X_a, X_b = random_words(rng, 20, 2), random_words(rng, 20, 2)
    a, b = np.zeros(20), np.zeros(20)
    a[:5], b[:5] = 0.2, 0.2
    M, M_bb = dist(X_a, X_b, metric="edit"), dist(X_b, metric="edit")
    f = witness(M, M_bb, a=a, b=b)
    assert f.value == pytest.approx(ot.emd2(a[:5], b[:5], M[:5, :5].copy()), **CLOSE)
    assert lipschitz_violation((f.at_a, f.at_b), M) <= 1e-12 and lipschitz_violation(f.at_b, M_bb) <= 1e-12


def test_on_points_with_mass_the_potentials_are_one_lipschitz_function_and_elsewhere_not():
    rng = np.random.default_rng(3)
    outside = 0.0
    for _ in range(30):
        X = np.unique(random_words(rng, 12, 2).numpy(), axis=0)
        M = dist(X, metric="edit")
        n = len(M)
        a, b = (rng.dirichlet(np.ones(n)) * (rng.random(n) < 0.6) for _ in range(2))
        if min(a.sum(), b.sum()) == 0:
            continue
        a, b = a / a.sum(), b / b.sum()
        u, v = solve(M, a, b).potentials
        both = (a > 0) & (b > 0)
        assert np.abs(u + v)[both].max(initial=0) < 1e-12
        for f, mass in ((u, a), (-v, b)):
            assert lipschitz_violation(f[mass > 0], M[np.ix_(mass > 0, mass > 0)]) < 1e-12
        outside = max(outside, np.abs(u + v)[~both].max(initial=0))
        f = witness(M, M, a=a, b=b)
        assert abs(f.gap) < 1e-12 and lipschitz_violation(f.at_b, M) < 1e-12
        np.testing.assert_allclose(f.at_a[a > 0], u[a > 0], atol=1e-12)
        np.testing.assert_allclose(f.at_b[b > 0], -v[b > 0], atol=1e-12)
    assert outside > 1  # so the extension has something to mend


@pytest.mark.parametrize("mass", [1e-200, 1e-12, 1.0, 1e50])
@pytest.mark.parametrize("cost", [1e-200, 1e-15, 1.0, 1e50])
def test_solvers_work_at_any_scale(mass, cost):
    rng = np.random.default_rng(0)
    M, a, b = rng.random((20, 30)), rng.dirichlet(np.ones(20)), rng.dirichlet(np.ones(30))
    expected = ot.emd2(a, b, M)
    found = solve(cost * M, mass * a, mass * b)
    assert found.value == pytest.approx(mass * cost * expected, rel=1e-9, abs=0)
    assert emd2(mass * a, mass * b, cost * M) == found.value
    np.testing.assert_allclose(found.plan.sum(1), mass * a, rtol=1e-9)
    u, v = (x / cost for x in found.potentials)
    assert a @ u + b @ v == pytest.approx(expected, rel=1e-9)
    close = sinkhorn(mass * a, mass * b, cost * M, 0.1 * cost)
    plain = ot.sinkhorn(a, b, M, 0.1, stopThr=1e-9)
    np.testing.assert_allclose(close.plan / mass, plain, atol=1e-8)
    u, v = close.potentials
    np.testing.assert_allclose(np.exp((u[:, None] + v - cost * M) / (0.1 * cost)), close.plan, rtol=1e-6)


def test_half_precision_in_every_distance():
    """0, 1/2, 1 and 2 are exact in bfloat16."""
    M, w, phi = torch.tensor([[0.0, 2.0], [1.0, 0.5]]), torch.tensor([0.5, 0.5]), torch.eye(2)
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        M_, w_, phi_ = M.to(dtype), w.to(dtype), phi.to(dtype)
        assert emd2(w_, w_, M_) == solve(M_, w_, w_).value == 0.25
        assert sinkhorn(w_, w_, M_, 0.01).value == pytest.approx(0.25)
        assert sliced_wasserstein(M_[:, :1], 2 + M_[:, :1], a=w_, b=w_) == pytest.approx(2.0)
        assert tree_wasserstein([0, 0], None, w_, torch.tensor([1.0, 0.0]).to(dtype)) == 0.5
        assert (
            trie_wasserstein([[0], [1]], [[0]], a=w_) == stack_wasserstein([[0, 2], [1, 3]], [[0, 2]], 2, a=w_) * 2 == 1
        )
        assert witness(M_ := (1 - phi_), M_, a=torch.tensor([1.0, 0.0]).to(dtype), b=w_).value == 0.5
        assert lipschitz_violation(w_, M_) == 0.0
        assert plug_in(phi_[:1], phi_[1:]) == 2.0


def test_sliced_takes_every_kind_of_seed():
    x, y = np.random.default_rng(0).normal(size=(2, 20, 3))
    by_number = sliced_wasserstein(x, y, seed=5)
    assert by_number == sliced_wasserstein(x, y, seed=np.random.default_rng(5))
    assert by_number != sliced_wasserstein(x, y, seed=torch.Generator().manual_seed(5))


def test_sinkhorn_comes_from_above():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 30))
    M = np.abs(x[:, None] - y)
    exact, loose, close = emd2(None, None, M), sinkhorn(None, None, M, 1.0), solve(M, reg=0.005)
    assert exact < close.value < loose.value
    assert close.value == pytest.approx(exact, rel=0.02)
    np.testing.assert_allclose(close.plan.sum(0), 1 / 30, atol=1e-7)
    u, v = loose.potentials
    np.testing.assert_allclose(np.exp((u[:, None] + v - M) / 1.0), loose.plan, rtol=1e-6)
    assert sinkhorn(None, None, M - M.min() + 5.0, 1.0).value == pytest.approx(loose.value - M.min() + 5.0)


def test_sliced_on_a_shift():
    x = np.random.default_rng(0).normal(size=(50, 2))
    sliced = sliced_wasserstein(x, x + np.array([3.0, 4.0]), projections=4000, seed=0)
    assert sliced == pytest.approx(5 * 2 / np.pi, rel=0.03)  # the mean of |cos| times the shift
    assert sliced_wasserstein(x[:, :1], 2 + x[:, :1]) == pytest.approx(2.0)


M3 = np.ones((2, 3))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: solve([[0.0, np.nan]]), r"M must be finite, entry \(0, 1\)"),
        (lambda: emd2([0.5, 0.5], None, M3.T), r"a must have shape \(3,\)"),
        (lambda: emd2([2, 0], None, M3), "same positive total mass"),
        (lambda: emd2([-1, 2], None, M3), "a must be non-negative, row 0"),
        (lambda: solve(np.ones(3)), r"M must have shape \(n, m\)"),
        (lambda: solve(np.ones((0, 3))), "empty"),
        (lambda: solve(M3, reg=0.0), "reg must be a finite number, greater than 0; got 0.0"),
        (lambda: sliced_wasserstein(M3, np.ones((2, 2))), "same dimension"),
        (lambda: sliced_wasserstein(M3 * np.nan, M3), "X_a must be finite"),
        (lambda: witness(M3, np.ones((2, 2))), r"M_bb must have shape \(3, 3\)"),
        (lambda: solve([[1e308, 0.0]]), r"M must be at most 1e\+100, entry \(0, 0\)"),
        (lambda: sinkhorn(None, None, [[1e308, -1e308]], 0.1), "M must be at least -1e|M must be at most 1e"),
        (lambda: witness([[1e308]], [[0.0]]), "M must be at most 1e"),
        (lambda: witness([[1.0]], [[1e308]]), "M_bb must be at most 1e"),
        (lambda: solve(None), "M must hold real numbers"),
        (lambda: solve(np.ma.array(M3)), "M must be a plain array"),
        (lambda: solve(M3, max_iter=0), "max_iter must be a positive integer, got 0"),
        (lambda: solve(M3, reg=1.0, max_iter=0), "max_iter must be a positive integer, got 0"),
        (lambda: sinkhorn(None, None, M3, 0.1, max_iter=0), "max_iter must be a positive integer, got 0"),
        (lambda: sinkhorn(None, None, M3, 0.1, max_iter=2.5), "max_iter must be a positive integer, got 2.5"),
        (lambda: sinkhorn(None, None, M3, "small"), "reg must be a finite number, greater than 0; got 'small'"),
        (lambda: sinkhorn(None, None, M3, 0.1, tol=None), "tol must be a finite number"),
        (lambda: sinkhorn(M3, None, None, 0.1), "M must hold real numbers, got NoneType"),  # the order before
        (lambda: sliced_wasserstein(M3, M3, projections=0), "projections must be a positive integer, got 0"),
        (lambda: sliced_wasserstein(M3, M3, seed=1.5), "seed must be an integer, a torch.Generator"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_solver_that_stops_early_says_so():
    M = np.random.default_rng(0).random((200, 200))
    with pytest.raises(RuntimeError, match="before the optimum"):
        solve(M, max_iter=10)
    with pytest.raises(RuntimeError, match="marginals"):
        sinkhorn(None, None, M, 0.05, max_iter=3)
