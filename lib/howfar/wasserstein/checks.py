"""Input checks that the solvers share: what POT answers with a silent number is a ValueError here."""

import numpy as np
import torch

from howfar.wasserstein.line import MASS_TOLERANCE


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

    Raises
    ------
    ValueError
        For an empty sample, a wrong shape, a NaN, a negative weight, or totals that are zero or differ by more than a
        relative 1e-6.
    """
    out = []
    for name, weights, size in zip(names, (a, b), (n, m), strict=True):
        if size == 0:
            raise ValueError(f"the sample weighted by {name} is empty; a distribution needs at least one point")
        if weights is None:
            out.append(np.full(size, 1.0 / size))
            continue
        weights = reals(weights, name)
        if weights.shape != (size,):
            raise ValueError(f"{name} must have shape ({size},), got {weights.shape}")
        non_negative(weights, name)
        out.append(weights)
    same_mass(*(np.sum(w) for w in out), names)
    return out


def same_mass(a, b, names=("a", "b")):
    """Raise ValueError unless two totals (or two arrays of totals) are positive and agree."""
    bad = ~((np.abs(a - b) <= MASS_TOLERANCE * np.maximum(a, b)) & (a > 0))
    if np.any(bad):
        first = np.argmax(np.ravel(bad))
        raise ValueError(
            f"{names[0]} and {names[1]} must have the same positive total mass, "
            f"got {np.ravel(a)[first]:g} and {np.ravel(b)[first]:g} (left out means total 1)"
        )


def reals(x, name):
    """An array or tensor as float64 array with finite entries."""
    if isinstance(x, torch.Tensor):
        x = x.detach().cpu().numpy()
    x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold real numbers, got dtype {x.dtype}")
    x = x.astype(np.float64, copy=False)
    if not np.isfinite(x).all():
        raise ValueError(f"{name} must be finite, {_where(~np.isfinite(x))} is {x[~np.isfinite(x)][0]}")
    return x


def non_negative(x, name):
    """Raise ValueError if an entry is negative."""
    if x.size and x.min() < 0:
        raise ValueError(f"{name} must be non-negative, {_where(x < 0)} is {x[x < 0][0]:g}")


def _where(mask):
    """The first true entry, in words: row 3, or entry (3, 1)."""
    index = tuple(int(i) for i in np.argwhere(mask)[0])
    return f"row {index[0]}" if len(index) == 1 else f"entry {index}" if index else "it"
