"""Transport problems with an explicit cost matrix, solved by POT behind checks that POT leaves out."""

import warnings
from dataclasses import dataclass

import numpy as np
import ot

from howfar import checks
from howfar.wasserstein.checks import LARGEST, masses
from howfar.wasserstein.line import wasserstein_1d

MAX_ITERATIONS = 10_000_000  # of the network simplex; POT's default stops early at some thousand points


@dataclass(frozen=True)
class OTResult:
    """A solved transport problem, with the names of POT's results.

    Attributes
    ----------
    value : float
        The transport cost ``(plan * M).sum()``: W_1 if ``M`` holds distances and the solver is exact.
    plan : float64 array (n, m)
        Mass moved from each row to each column.
    potentials : pair of float64 arrays (n,), (m,)
        ``u[i] + v[j] <= M[i, j]`` for the exact solver, with equality where the plan moves mass; then
        ``a @ u + b @ v`` is the value. Of Sinkhorn: those of its scaling, for which that inequality need not hold.
    """

    value: float
    plan: np.ndarray
    potentials: tuple

    @property
    def potential_a(self):
        return self.potentials[0]

    @property
    def potential_b(self):
        return self.potentials[1]


def solve(M, a=None, b=None, reg=None, *, max_iter=None, tol=1e-9):
    """Solve an optimal transport problem, exactly or with entropic regularisation. In POT's order of arguments.

    Parameters
    ----------
    M : array or tensor (n, m)
        Cost of moving a unit from row i to column j.
    a, b : array or tensor (n,), (m,), optional
        Non-negative masses with equal totals. Left out: 1/n (1/m) each.
    reg : float, optional
        None: exact, by network simplex. A positive number, in the unit of ``M``: Sinkhorn (see `sinkhorn`).
    max_iter : int, optional
        Default 10^7 pivots, or 10^5 Sinkhorn steps.
    tol : float
        For Sinkhorn: the error allowed in the marginals, as a share of the total mass.

    Returns
    -------
    OTResult

    Raises
    ------
    ValueError
        If ``M`` or a weight has a NaN, an entry beyond 1e100 or the wrong shape, a weight is negative, the masses
        differ, or ``reg``, ``max_iter`` or ``tol`` is not positive.
    RuntimeError
        If the solver stops before it is done.

    Notes
    -----
    POT gets the problem with total mass 1 and costs of at most 1, and the result is scaled back: at a total of 1e-200
    it ends the process, and at costs of 1e-15 it stops at a plan that isn't the best, without a word.
    """
    if reg is not None:
        return sinkhorn(a, b, M, reg, max_iter=100_000 if max_iter is None else max_iter, tol=tol)
    value, plan, potentials = _exact(M, a, b, max_iter)
    return OTResult(value, plan, potentials)


def emd2(a, b, M):
    """The exact transport cost; W_1 if ``M`` holds distances. In POT's order of arguments; errors as `solve`.

    Parameters
    ----------
    a, b : array or tensor (n,), (m,), or None
    M : array or tensor (n, m)

    Returns
    -------
    float
    """
    return _exact(M, a, b, None)[0]


def sinkhorn(a, b, M, reg, *, max_iter=100_000, tol=1e-9):
    r"""The transport plan that minimises ``(plan * M).sum() - reg * entropy(plan)``, by Sinkhorn's iteration.

    Its ``value`` is the plain cost ``(plan * M).sum()`` of that plan, without the entropy: at least the exact value (up
    to ``tol``), and above it by an amount that shrinks with ``reg``. It is positive even between equal distributions.

    Parameters
    ----------
    a, b : array or tensor (n,), (m,), or None
    M : array or tensor (n, m)
        As in `solve`; the order of arguments is POT's.
    reg : float
        Positive, in the unit of ``M``.
    max_iter : int
    tol : float
        The iteration ends when the marginals are met to this share of the total mass.

    Returns
    -------
    OTResult
        With potentials for which ``plan == exp((u[:, None] + v - M) / reg)``.

    Raises
    ------
    ValueError
        As `solve`.
    RuntimeError
        If the marginals are not met after ``max_iter`` steps.

    Notes
    -----
    Where ``exp(-M / reg)`` would underflow, the slower iteration in the log domain runs.
    """
    M, a, b, total = _problem(M, a, b)
    reg, tol = checks.number("reg", reg, above=0), checks.number("tol", tol, above=0)
    max_iter = checks.count("max_iter", max_iter)
    lowest = M.min()
    method = "sinkhorn" if np.ptp(M) < 300 * reg else "sinkhorn_log"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan, log = ot.sinkhorn(a, b, M - lowest, reg, method=method, numItermax=max_iter, stopThr=tol, log=True)
    error = max(np.abs(plan.sum(axis=1) - a).max(), np.abs(plan.sum(axis=0) - b).max())
    if not error <= 10 * tol:  # a NaN fails here too
        raise RuntimeError(
            f"Sinkhorn met the marginals only to {error:.2g} of the mass after {max_iter} steps at reg={reg:g}; "
            "raise reg or max_iter, or solve exactly"
        )
    u, v = (log["log_u"], log["log_v"]) if "log_u" in log else (np.log(log["u"]), np.log(log["v"]))
    u = reg * (np.ravel(u) + np.log(total)) + lowest
    return OTResult(float(total * (plan * M).sum()), total * plan, (u, reg * np.ravel(v)))


def sliced_wasserstein(X_a, X_b, *, a=None, b=None, projections=50, seed=None):
    """The sliced Wasserstein-1 distance: the mean of W_1 on a line over random directions.

    Parameters
    ----------
    X_a, X_b : array or tensor (n, dimension), (m, dimension)
    a, b : array or tensor (n,), (m,), optional
        As in `solve`.
    projections : int
    seed : int, torch.Generator, numpy.random.Generator or None
        For the directions.

    Returns
    -------
    float
        At most W_1 in Euclidean distance, and smaller by a factor that depends on the dimension.

    Raises
    ------
    ValueError
        For wrong shapes, NaN, and bad weights.
    """
    X_a, X_b = (checks.reals(name, X, least=-LARGEST, most=LARGEST) for name, X in (("X_a", X_a), ("X_b", X_b)))
    for name, X in (("X_a", X_a), ("X_b", X_b)):
        if X.ndim != 2 or X.shape[1] == 0:
            raise ValueError(f"{name} must have shape (n, dimension), got {X.shape}")
    if X_a.shape[1] != X_b.shape[1]:
        raise ValueError(f"X_a {X_a.shape} and X_b {X_b.shape} must have the same dimension")
    a, b = masses(a, b, len(X_a), len(X_b))
    rng = checks.numpy_generator(seed)
    directions = rng.normal(size=(X_a.shape[1], checks.count("projections", projections)))
    directions /= np.linalg.norm(directions, axis=0)
    return float(wasserstein_1d(X_a @ directions, X_b @ directions, a, b).mean())


def _exact(M, a, b, max_iter):
    """The cost, the plan and the potentials."""
    M, a, b, total = _problem(M, a, b)
    max_iter = MAX_ITERATIONS if max_iter is None else checks.count("max_iter", max_iter)
    unit = np.abs(M).max() or 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan, log = ot.emd(a, b, M / unit, numItermax=max_iter, log=True)
    if log["warning"] is not None:
        raise RuntimeError(f"POT stopped before the optimum: {log['warning']}")
    return float(total * unit * log["cost"]), total * plan, (unit * log["u"], unit * log["v"])


def _problem(M, a, b):
    """Costs, masses with total 1, and the total that they had."""
    M = checks.reals("M", M, least=-LARGEST, most=LARGEST)
    if M.ndim != 2:
        raise ValueError(f"M must have shape (n, m), got {M.shape}")
    a, b = masses(a, b, *M.shape)
    total = a.sum()
    return np.ascontiguousarray(M), a / total, b / b.sum(), float(total)
