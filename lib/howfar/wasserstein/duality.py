r"""Kantorovich duality: W_1 is the largest difference of means that a 1-Lipschitz function can show.

.. math:: W_1(\mu, \nu) = \max_{f\ \text{1-Lipschitz}} \int f\, d\mu - \int f\, d\nu
"""

from dataclasses import dataclass

import numpy as np

from howfar import checks
from howfar.wasserstein.checks import LARGEST, masses
from howfar.wasserstein.embedding import embedded
from howfar.wasserstein.exact import solve


@dataclass(frozen=True)
class Witness:
    """A function that is 1-Lipschitz in a ground metric and shows the whole distance between two samples.

    Attributes
    ----------
    heights : float64 array (m,)
        f at the points X_b of the second sample (and ``f(x) = min_j heights[j] + d(x, X_b[j])`` everywhere).
    at_a, at_b : float64 arrays (n,), (m,)
        Its values on the two samples.
    value : float
        ``a @ at_a - b @ at_b``: W_1 up to rounding.
    gap : float
        Cost of the optimal plan minus ``value``.
    """

    heights: np.ndarray
    at_a: np.ndarray
    at_b: np.ndarray
    value: float
    gap: float

    def __call__(self, distances):
        """The value at new points, given their distances ``(points, m)`` to X_b: float64 ``(points,)``."""
        distances = checks.reals("distances", distances)
        if distances.ndim != 2 or distances.shape[1] != len(self.heights):
            raise ValueError(f"distances must have shape (points, {len(self.heights)}), got {distances.shape}")
        return (distances + self.heights).min(axis=1)


def witness(M_ab, M_bb, *, a=None, b=None):
    """One 1-Lipschitz function that attains W_1 between two samples.

    Parameters
    ----------
    M_ab : array or tensor (n, m)
        Distances from the points of X_a to those of X_b, in a metric.
    M_bb : array or tensor (m, m)
        Distances within X_b.
    a, b : array or tensor (n,), (m,), optional
        Masses; left out 1/n (1/m) each.

    Returns
    -------
    Witness

    Raises
    ------
    ValueError
        As `solve`, or if ``M_bb`` has the wrong shape.

    Notes
    -----
    The function is ``f(x) = min_j d(x, y_j) - v_j`` with the solver's potential v of X_b: a minimum of 1-Lipschitz
    functions, at least u on X_a and at most -v on X_b. On points with mass it *is* u and -v: there the solver's two
    potentials are already one function, 1-Lipschitz within each sample too, for

        ``0 = u(x) + v(y) - d(x, y) + u(z) + v(x) - d(z, x) <= u(x) + v(x) <= 0``

    where the plan moves mass from x to y and from z to x. Points without mass are bound by nothing but
    ``u + v <= d``: there u and -v may differ, and each may break the Lipschitz rule. That is what f is for, beside
    being defined everywhere. It needs the triangle inequality: on a matrix that is no metric the gap shows it.
    """
    M_bb = checks.reals("M_bb", M_bb, least=-LARGEST, most=LARGEST)
    result = solve(M_ab, a, b)
    n, m = result.plan.shape
    if M_bb.shape != (m, m):
        raise ValueError(f"M_bb must have shape ({m}, {m}), got {M_bb.shape}")
    at_a = (checks.reals("M_ab", M_ab) - result.potential_b).min(axis=1)
    heights = (M_bb - result.potential_b).min(axis=1)
    a, b = masses(a, b, n, m)
    value = float(a @ at_a - b @ heights)
    return Witness(heights, at_a, heights, value, result.value - value)


def embedding_witness(phi_a, phi_b, *, a=None, b=None):
    """The signs s that attain W_1 in a tree embedding: ``f(x) = phi(x) @ s``, 1-Lipschitz in the L1 norm.

    Parameters
    ----------
    phi_a, phi_b : scipy.sparse of any format, array, tensor or nested lists (n, nodes), (m, nodes)
        Rows of one `tree_embedding`.
    a, b : array (n,), (m,), optional

    Returns
    -------
    float64 array (nodes,)
        1 where the first mean is larger, -1 where it is smaller, 0 where they agree or no word comes by.

    Raises
    ------
    ValueError
        If one is no matrix of finite real numbers, the columns differ in number, or for bad weights.
    """
    return np.sign(mean_difference(phi_a, phi_b, a=a, b=b))


def mean_difference(phi_a, phi_b, *, a=None, b=None):
    """``a @ phi_a - b @ phi_b``, float64 (nodes,); its L1 norm is W_1. Arguments as `embedding_witness`."""
    phi_a, phi_b = embedded(phi_a, phi_b)
    a, b = masses(a, b, phi_a.shape[0], phi_b.shape[0])
    return phi_a.T @ a - phi_b.T @ b


def lipschitz_violation(values, distances):
    """How far a function is from 1-Lipschitz: the largest ``|f(x) - f(y)| - d(x, y)``; at most 0 if it is.

    Parameters
    ----------
    values : array (n,), or a pair of arrays (n,), (m,)
        f on the points of the rows and of the columns; one array if these are the same.
    distances : array (n, m)

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    rows, columns = values if isinstance(values, tuple) else (values, values)
    rows, columns = checks.reals("values", rows), checks.reals("values", columns)
    distances = checks.reals("distances", distances)
    if distances.shape != (rows.size, columns.size) or rows.ndim != 1:
        raise ValueError(f"distances must have shape ({rows.size}, {columns.size}), got {distances.shape}")
    return float((np.abs(rows[:, None] - columns) - distances).max())
