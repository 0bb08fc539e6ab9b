"""What the distances between words share: edge lengths by depth, and depths."""

import numpy as np

from howfar import checks
from howfar.dyck import check_words, depths
from howfar.wasserstein.checks import LARGEST


def edge_lengths(length, depth):
    """The lengths of the edges of a tree by their depth.

    Parameters
    ----------
    length : float, array (depth,) or longer, or None
        Non-negative; one number for all; None: 1.
    depth : int

    Returns
    -------
    float64 array (depth,)
        ``(w_1, ..., w_depth)``.
    """
    length = checks.reals("length", 1.0 if length is None else length, least=0, most=LARGEST)
    if length.ndim == 0:
        return np.full(depth, float(length))
    if length.ndim != 1 or len(length) < depth:
        raise ValueError(f"length must be a number or have shape ({depth},) or longer, got {length.shape}")
    return length[:depth]


def max_depths(X, k, name):
    """The greatest depth of each Dyck-k word, integer array (n,); ``name`` is what a message calls ``X``."""
    check_words(X, k, name=name)
    return depths(X, k).numpy().max(axis=1, initial=0)
