"""Masses: the weights of two distributions, checked and brought to one total. POT answers bad ones with a number."""

import math

import numpy as np
import torch

from howfar import checks

MASS_TOLERANCE = 1e-6  # relative difference of two totals; POT's exact solver allows as much, absolutely
LARGEST = 1e100  # of a weight, a value, a cost, a length: sums and products of such numbers can't overflow


def masses(a, b, n, m, names=("a", "b")):
    """Two weight vectors of equal total mass.

    Parameters
    ----------
    a, b : array or tensor (n,) and (m,), or None
        None: 1/n (or 1/m) each.
    n, m : int
        How many points there are.
    names : pair of str
        What a message calls the weights.

    Returns
    -------
    float64 array (n,), float64 array (m,)
        The second scaled to the total of the first: within what `same_mass` allows they may differ.

    Raises
    ------
    ValueError
        For an empty sample, a wrong shape, a NaN, a negative weight or one above 1e100, or totals that are zero or
        differ.
    """
    out = []
    for name, weights, size in zip(names, (a, b), (n, m), strict=True):
        if size == 0:
            raise ValueError(f"the sample weighted by {name} is empty; a distribution needs at least one point")
        if weights is None:
            out.append(np.full(size, 1.0 / size))
            continue
        array = checks.reals(name, weights, least=0, most=LARGEST)
        if array.shape != (size,):
            raise ValueError(f"{name} must have shape ({size},), got {array.shape}")
        out.append(array)
    scale = same_mass(out[0].sum(), out[1].sum(), names, given=(a, b))
    return out[0], out[1] * scale


def same_mass(a, b, names, given):
    """The ratio of two totals (or arrays of totals) that are positive and agree.

    Parameters
    ----------
    a, b : float or array
        The totals.
    names : pair of str
        What a message calls the weights.
    given : pair
        The weights as the caller gave them: in float32 they sum to a total only up to their own rounding.

    Returns
    -------
    float or array
        ``a / b``, close to 1.

    Raises
    ------
    ValueError
        If a total is not positive, or they differ by more than a relative 1e-6 and more than rounding explains.
    """
    low, high = np.minimum(a, b), np.maximum(a, b)
    if np.all((low > 0) & (high - low <= MASS_TOLERANCE * high)):
        return a / b
    tolerance = max(MASS_TOLERANCE, *map(_rounding, given))
    bad = ~((low > 0) & (high - low <= tolerance * high))
    if np.any(bad):
        first = np.argmax(bad)
        a, b = (np.ravel(np.broadcast_to(total, np.shape(bad)))[first] for total in (a, b))
        raise ValueError(
            f"{names[0]} and {names[1]} must have the same positive total mass, got {a:.9g} and {b:.9g}, which differ "
            f"by {abs(a - b):.2g}; allowed: {tolerance * max(a, b):.2g} (left out means total 1)"
        )
    return a / b


def _rounding(weights):
    """The relative error of the total of weights that are right up to their own type's rounding.

    Each weight is rounded once, and its normaliser was a sum of n terms, in float32 at the least (torch's softmax of
    half precision is): that is off by about sqrt(n) roundings.
    """
    dtype = getattr(weights, "dtype", None)
    if dtype is None:
        return 0.0
    if isinstance(dtype, torch.dtype):
        unit = torch.finfo(dtype).eps if dtype.is_floating_point else 0.0
    else:
        unit = float(np.finfo(dtype).eps) if np.dtype(dtype).kind == "f" else 0.0
    return unit + math.sqrt(len(weights)) * min(unit, torch.finfo(torch.float32).eps)
