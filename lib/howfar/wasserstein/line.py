"""W1 between distributions on a line, by sorting."""

import numpy as np
import torch

from howfar import checks
from howfar.wasserstein.checks import LARGEST, same_mass

BLOCK = 2**15  # numbers of a batch handled at a time: what stays in the cache
WEIGHTS = ("u_weights", "v_weights")
PACKED = 4096  # from this length on `_argsort` is faster than NumPy's


def wasserstein_1d(u_values, v_values, u_weights=None, v_weights=None):
    r"""The Wasserstein-1 distance W_1 between two weighted samples on a line.

    .. math:: W_1(\mu, \nu) = \int_0^1 |F_\mu^{-1}(q) - F_\nu^{-1}(q)|\, dq
                            = \int_{-\infty}^{\infty} |F_\mu(x) - F_\nu(x)|\, dx

    Without weights the sorted samples are matched in order (the first form); with weights the gap between the two
    distribution functions is integrated (the second). Both cost a sort.

    Parameters
    ----------
    u_values : array or tensor (n,) or (n, ...)
        Samples along axis 0; any further axes are a batch, each entry its own pair of distributions.
    v_values : array or tensor (m,) or (m, ...)
        The same batch axes as ``u_values``.
    u_weights, v_weights : array or tensor, optional
        Shape ``(n,)``, shared by the batch, or the shape of the values. Non-negative. The two totals must agree (up to
        a relative 1e-6, or the rounding of float32): they are neither normalised nor guessed. Left out: 1/n (or 1/m)
        each.

    Returns
    -------
    float, array or tensor
        A float for one pair, an array of the batch shape for many; a tensor if any input is a tensor, on its device
        and differentiable. The unit is that of the values, times the total mass.

    Raises
    ------
    ValueError
        If an argument is empty, has the wrong shape, a NaN, an entry beyond 1e100 or a negative weight, or if the two
        total masses differ. The message names the argument.

    Notes
    -----
    The quantile form and the distribution-function form are equal for all distributions on a line with finite mean
    (Vallender, 1974). The value counts mass: with counts as weights it is the total count times the distance between
    the shares. SciPy's ``wasserstein_distance`` divides each sample's weights by their total first; divide yours to
    have its value. Everything is computed in float64, but for float32 samples without weights.

    Examples
    --------
    >>> wasserstein_1d([0, 1, 3], [5, 6, 8])
    5.0
    >>> wasserstein_1d([0, 1], [1], u_weights=[0.25, 0.75])
    0.25
    """
    u, v = _samples("u_values", u_values), _samples("v_values", v_values)
    if u.shape[1:] != v.shape[1:]:
        raise ValueError(f"u_values {u.shape} and v_values {v.shape} must have the same batch axes (all but the first)")
    a, b = _weights("u_weights", u_weights, u.shape), _weights("v_weights", v_weights, v.shape)
    given = (u_values, v_values, u_weights, v_weights)
    tensors = [x for x in given if isinstance(x, torch.Tensor)]
    elsewhere = [x for x in tensors if x.requires_grad or x.device.type != "cpu"]
    if elsewhere:  # NumPy sorts about ten times faster than torch on a CPU; torch is for gradients and GPUs
        device = elsewhere[0].device
        arguments = (x if isinstance(x, torch.Tensor) else y for x, y in zip(given, (u, v, a, b), strict=True))
        arguments = (None if x is None else torch.as_tensor(x, device=device).double() for x in arguments)
        return _in_torch(*arguments, given[2:]).to(_float_dtype(tensors))
    distance = _in_numpy(u, v, a, b, given[2:])
    if tensors:
        return torch.as_tensor(distance, dtype=_float_dtype(tensors)).reshape(u.shape[1:])
    return distance.reshape(u.shape[1:]) if u.ndim > 1 else float(distance[0])


def _in_numpy(u, v, a, b, given):
    """One distance for each pair of samples; a batch goes in blocks that stay in the cache."""
    n, m = len(u), len(v)
    u, v = u.reshape(n, -1), v.reshape(m, -1)
    weighted = a is not None or b is not None
    if weighted:
        a, b = (np.full((size, 1), 1.0 / size) if w is None else w.reshape(size, -1) for w, size in ((a, n), (b, m)))
    grid = None if weighted or n == m else _quantile_steps(n, m)
    out, step = np.empty(u.shape[1]), max(1, BLOCK // (n + m))
    for first in range(0, len(out), step):
        here = slice(first, first + step)
        u_rows, v_rows = _rows(u, here), _rows(v, here)
        if weighted:
            a_rows, b_rows = _rows(a, here), _rows(b, here)
            scale = same_mass(a_rows.sum(axis=1), b_rows.sum(axis=1), WEIGHTS, given)
            out[here] = _between_distribution_functions(u_rows, v_rows, a_rows, b_rows * -scale[:, None])
        else:
            out[here] = _between_quantiles(u_rows, v_rows, grid)
    return out


def _rows(x, here):
    """Columns as contiguous rows, for sorting along the contiguous axis is fast. One column is shared by all."""
    return np.ascontiguousarray((x[:, here] if x.shape[1] > 1 else x).T)


def _between_quantiles(u, v, grid):
    u, v = np.sort(u), np.sort(v)
    if grid is None:
        gap = np.subtract(u, v, out=u)
        return np.abs(gap, out=gap).sum(axis=1) / gap.shape[1]
    i, j, width = grid
    gap = u.take(i, axis=1)
    gap -= v.take(j, axis=1)
    return np.einsum("ij,j->i", np.abs(gap, out=gap), width)


def _quantile_steps(n, m):
    """Where the quantile functions of n and of m points are both constant: the points i, j there, and the width."""
    ends = np.concatenate([np.arange(1, n + 1) * m, np.arange(1, m + 1) * n])  # in units of 1 / (n m)
    ends.sort(kind="stable")  # two sorted runs: merged in linear time
    width = np.diff(ends, prepend=0) / (n * m)
    ends -= 1
    return ends // m, ends // n, width


def _between_distribution_functions(u, v, a, minus_b):
    """The integral of the gap between them."""
    n = u.shape[1]
    values, mass = np.concatenate([u, v], axis=1), np.empty((len(u), n + v.shape[1]))
    mass[:, :n], mass[:, n:] = a, minus_b
    order = _argsort(values)
    if len(order) > 1:
        order += values.shape[1] * np.arange(len(order))[:, None]  # places in the flat array: `take` is fastest there
    values, mass = values.take(order), mass.take(order)
    gap = np.cumsum(mass, axis=1, out=mass)[:, :-1]
    return np.einsum("ij,ij->i", np.abs(gap, out=gap), np.diff(values))


def _argsort(x):
    """``np.argsort`` of each row, for long rows in up to two thirds of the time.

    NumPy sorts plain integers several times faster than it sorts indices. So each index rides in the low bits of its
    value's own bits, read as an integer; entries that agree in all the higher bits are put right afterwards.
    """
    n = x.shape[1]
    if n < PACKED or x.dtype != np.float64:
        return np.argsort(x, axis=1)
    low = (1 << n.bit_length()) - 1
    keys = x.view(np.int64)
    keys = keys ^ ((keys >> 63) & np.int64(0x7FFFFFFFFFFFFFFF))  # negative floats: larger bits mean smaller numbers
    keys &= ~low
    keys |= np.arange(n)
    keys.sort(axis=1)
    keys &= low
    y = np.take_along_axis(x, keys, axis=1) if len(x) > 1 else x.take(keys)
    if (y[:, 1:] < y[:, :-1]).any():
        keys = np.take_along_axis(keys, np.argsort(y, axis=1, kind="stable"), axis=1)  # nearly sorted: fast
    return keys


def _in_torch(u, v, a, b, given):
    """The same with gradients, or on a GPU."""
    u, v = u.movedim(0, -1), v.movedim(0, -1)
    weighted = a is not None or b is not None
    if not weighted and u.shape == v.shape:
        return (u.sort(dim=-1).values - v.sort(dim=-1).values).abs().mean(dim=-1)
    a, b = (
        torch.full_like(x, 1.0 / x.shape[-1]) if w is None else w.movedim(0, -1).expand(x.shape)
        for w, x in ((a, u), (b, v))
    )
    if weighted:
        scale = same_mass(*(w.detach().sum(dim=-1).cpu().numpy() for w in (a, b)), WEIGHTS, given)
        b = b * torch.as_tensor(scale, device=b.device)[..., None]
    values, order = torch.cat([u, v], dim=-1).sort(dim=-1)
    gap = torch.cat([a, -b], dim=-1).gather(-1, order).cumsum(-1)[..., :-1]
    return (gap.abs() * values.diff(dim=-1)).sum(dim=-1)


def _samples(name, values):
    array = checks.reals(name, values, least=-LARGEST, most=LARGEST, single=True)
    if array.ndim == 0:
        raise ValueError(f"{name} must have shape (n,) or (n, ...), got a single number")
    if array.size == 0:
        raise ValueError(f"{name} is empty: shape {array.shape}; a distribution needs at least one point")
    return array


def _weights(name, weights, shape):
    if weights is None:
        return None
    array = checks.reals(name, weights, least=0, most=LARGEST)
    if array.shape not in (shape, shape[:1]):
        raise ValueError(
            f"{name} must have shape {' or '.join(map(str, dict.fromkeys([shape[:1], shape])))}, got {array.shape}"
        )
    return array


def _float_dtype(tensors):
    """The widest floating type of the tensors, at least float32; float64 where all hold integers."""
    floats = [x.dtype for x in tensors if x.dtype.is_floating_point]
    return max([torch.float32, *floats], key=lambda d: torch.finfo(d).bits) if floats else torch.float64
