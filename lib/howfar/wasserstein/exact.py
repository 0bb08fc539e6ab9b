"""Transport problems with an explicit cost matrix, solved by POT behind checks that POT leaves out."""

import warnings
from dataclasses import dataclass

import numpy as np
import ot

from howfar.wasserstein.checks import masses, reals

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
        ``a @ u + b @ v`` is the value. Of Sinkhorn: its scaling potentials, for which that inequality need not hold.
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
    """Solve an optimal transport problem, exactly or with entropic regularisation.

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
        For Sinkhorn: the error allowed in the marginals.

    Returns
    -------
    OTResult

    Raises
    ------
    ValueError
        If ``M`` or a weight has a NaN or the wrong shape, a weight is negative, the masses differ, or ``reg`` <= 0.
    RuntimeError
        If the solver stops before it is done.
    """
    if reg is not None:
        return sinkhorn(M, a, b, reg, max_iter=max_iter or 100_000, tol=tol)
    M, a, b = _problem(M, a, b)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan, log = ot.emd(a, b, M, numItermax=max_iter or MAX_ITERATIONS, log=True)
    _finished(log)
    return OTResult(float(log["cost"]), plan, (log["u"], log["v"]))


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
    M, a, b = _problem(M, a, b)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value, log = ot.emd2(a, b, M, numItermax=MAX_ITERATIONS, log=True)
    _finished(log)
    return float(value)


def sinkhorn(M, a=None, b=None, reg=0.1, *, max_iter=100_000, tol=1e-9):
    r"""The transport plan that minimises ``(plan * M).sum() - reg * entropy(plan)``, by Sinkhorn's iteration.

    Its ``value`` is the plain cost ``(plan * M).sum()`` of that plan, without the entropy: at least the exact value (up
    to ``tol``), and above it by an amount that shrinks with ``reg``. It is positive even between equal distributions.

    Parameters
    ----------
    M, a, b
        As in `solve`.
    reg : float
        Positive, in the unit of ``M``.
    max_iter : int
    tol : float
        The iteration ends when the marginals are met to this error.

    Returns
    -------
    OTResult

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
    M, a, b = _problem(M, a, b)
    if not reg > 0:
        raise ValueError(f"reg must be positive, got {reg}")
    method = "sinkhorn" if np.ptp(M) < 300 * reg else "sinkhorn_log"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan, log = ot.sinkhorn(a, b, M - M.min(), reg, method=method, numItermax=max_iter, stopThr=tol, log=True)
    error = max(np.abs(plan.sum(axis=1) - a).max(), np.abs(plan.sum(axis=0) - b).max())
    if not error <= 10 * tol * a.sum():  # a NaN fails here too
        raise RuntimeError(
            f"Sinkhorn met the marginals only to {error:.2g} after {max_iter} steps at reg={reg:g}; "
            "raise reg or max_iter, or solve exactly"
        )
    scalings = (log["log_u"], log["log_v"]) if "log_u" in log else (np.log(log["u"]), np.log(log["v"]))
    return OTResult(float((plan * M).sum()), plan, tuple(reg * np.ravel(s) for s in scalings))


def sliced_wasserstein(X_a, X_b, a=None, b=None, projections=50, seed=None):
    """The sliced Wasserstein-1 distance: the mean of W_1 on a line over random directions.

    Parameters
    ----------
    X_a, X_b : array or tensor (n, dimension), (m, dimension)
    a, b : array or tensor (n,), (m,), optional
        As in `solve`.
    projections : int
    seed : int, optional

    Returns
    -------
    float
        At most W_1 in Euclidean distance, and smaller by a factor that depends on the dimension.

    Raises
    ------
    ValueError
        For wrong shapes, NaN, and bad weights.
    """
    X_a, X_b = reals(X_a, "X_a"), reals(X_b, "X_b")
    for name, X in (("X_a", X_a), ("X_b", X_b)):
        if X.ndim != 2 or X.shape[1] == 0:
            raise ValueError(f"{name} must have shape (n, dimension), got {X.shape}")
    if X_a.shape[1] != X_b.shape[1]:
        raise ValueError(f"X_a {X_a.shape} and X_b {X_b.shape} must have the same dimension")
    if projections < 1:
        raise ValueError(f"projections must be at least 1, got {projections}")
    a, b = masses(a, b, len(X_a), len(X_b))
    total = a.sum()
    sliced = ot.sliced_wasserstein_distance(X_a, X_b, a / total, b / b.sum(), projections, p=1, seed=seed)
    return float(total * sliced)


def _problem(M, a, b):
    M = reals(M, "M")
    if M.ndim != 2:
        raise ValueError(f"M must have shape (n, m), got {M.shape}")
    a, b = masses(a, b, *M.shape)
    return np.ascontiguousarray(M), a, b * (a.sum() / b.sum())


def _finished(log):
    if log["warning"] is not None:
        raise RuntimeError(f"POT stopped before the optimum: {log['warning']}")
