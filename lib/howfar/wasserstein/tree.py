"""W1 on a tree given by its parents: a closed form, no linear programme."""

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import depth_first_order

from howfar import checks
from howfar.wasserstein.checks import LARGEST, same_mass

WEIGHTS = ("u_weights", "v_weights")


def tree_wasserstein(tree, length, u_weights, v_weights):
    r"""The Wasserstein-1 distance W_1 between two distributions on the nodes of a tree.

    .. math:: W_1(\mu, \nu) = \sum_{v \neq \mathrm{root}} \ell_v\, |\mu(T_v) - \nu(T_v)|

    where T_v is the subtree below v: what must cross the edge above v is the difference of the masses below it.

    Parameters
    ----------
    tree : integer array or tensor (n,)
        ``tree[v]`` is the parent of node v; the root is its own parent. Nodes may stand in any order.
    length : array or tensor (n,), float or None
        ``length[v]``, non-negative, is the length of the edge above v; the root's is not used. A float: every edge has
        that length. None: 1.
    u_weights, v_weights : array or tensor (n,) or (n, batch)
        Masses of the nodes, non-negative; the totals must agree (up to a relative 1e-6, or the rounding of float32).

    Returns
    -------
    float, or array or tensor (batch,)
        A tensor in float64 if a weight is one, and then differentiable with respect to the weights. In the unit of
        ``length``, times the total mass.

    Raises
    ------
    ValueError
        If ``tree`` is no tree, or a length or weight is negative, NaN, or of the wrong shape, or the masses differ.

    Notes
    -----
    The formula is that of Evans and Matsen (2012); the arguments follow the tree solver that is drafted for POT. For
    many problems on one tree, build a `Tree` once.

    Examples
    --------
    >>> tree_wasserstein([0, 0, 0], None, [0, 1, 0], [0, 0, 1])  # from one child of the root to the other
    2.0
    """
    return Tree(tree, length).wasserstein(u_weights, v_weights)


class Tree:
    """A tree, prepared so that every subtree is a stretch of one array.

    Parameters
    ----------
    parents, length
        As ``tree, length`` in `tree_wasserstein`.

    Attributes
    ----------
    root : int
    order : integer array (n,)
        The nodes in depth-first order.
    end : integer array (n,)
        The subtree of ``order[i]`` is ``order[i:end[i]]``.
    length : float64 array (n,)
        Edge lengths in that order; 0 for the root.
    """

    def __init__(self, parents, length=None):
        parents = _parents(parents)
        n = len(parents)
        self.root = int(np.flatnonzero(parents == np.arange(n))[0])
        below = np.delete(np.arange(n), self.root)
        graph = csr_matrix((np.ones(n - 1, np.int8), (parents[below], below)), shape=(n, n))
        self.order = depth_first_order(graph, self.root, return_predecessors=False).astype(np.int64)
        if len(self.order) < n:
            lost = np.setdiff1d(np.arange(n), self.order)[0]
            raise ValueError(f"tree must be a tree: node {lost} does not lead up to the root {self.root}")
        self.end = np.arange(n) + _subtree_sizes(parents, self.order)
        self.length = _lengths(length, n)[self.order]
        self.length[0] = 0.0

    def wasserstein(self, u_weights, v_weights):
        """W_1 between two distributions on the nodes; arguments and result as in `tree_wasserstein`."""
        if any(isinstance(x, torch.Tensor) for x in (u_weights, v_weights)):
            return self._torch_wasserstein(u_weights, v_weights)
        below = self._below(u_weights, v_weights)
        distance = self.length @ np.abs(below, out=below)
        return float(distance) if np.ndim(distance) == 0 else distance

    def potential(self, u_weights, v_weights):
        """The Kantorovich potential f: 1-Lipschitz on the tree, with ``f @ u_weights - f @ v_weights`` equal to W_1.

        Parameters
        ----------
        u_weights, v_weights : array (n,)

        Returns
        -------
        float64 array (n,)
            f of each node, 0 at the root: along each edge f rises by its length if the mass below is larger in u, and
            falls by it if the mass below is larger in v.
        """
        below = self._below(u_weights, v_weights)
        if below.ndim != 1:
            raise ValueError(f"u_weights must have shape ({len(self.order)},), got {below.shape}")
        step = self.length * np.sign(below)
        change = np.zeros(len(step) + 1)  # each step holds on its whole subtree
        change[:-1] += step
        np.subtract.at(change, self.end, step)
        f = np.empty(len(step))
        f[self.order] = np.cumsum(change)[:-1]
        return f

    def distances(self):
        """The matrix of path lengths between all nodes, float64 ``(n, n)``: for small trees and pictures."""
        n = len(self.order)
        inside = (np.arange(n) >= np.arange(n)[:, None]) & (np.arange(n) < self.end[:, None])  # edge above i, node j
        inside = inside[:, np.argsort(self.order)].astype(np.float64)
        height = self.length @ inside
        return height[:, None] + height[None, :] - 2 * (inside.T * self.length) @ inside

    def _below(self, u_weights, v_weights):
        """mu(T_v) - nu(T_v) for the nodes in depth-first order."""
        u, v, scale = self._masses(u_weights, v_weights)
        gap = np.zeros((len(u) + 1, *u.shape[1:]))
        np.cumsum(np.take(u, self.order, axis=0) - np.take(v, self.order, axis=0) * scale, axis=0, out=gap[1:])
        below = np.take(gap, self.end, axis=0)
        below -= gap[:-1]
        return below

    def _torch_wasserstein(self, u_weights, v_weights):
        *_, scale = self._masses(u_weights, v_weights)
        device = next(x.device for x in (u_weights, v_weights) if isinstance(x, torch.Tensor))
        u, v = (torch.as_tensor(x, device=device).double() for x in (u_weights, v_weights))
        order, end = (torch.as_tensor(x, device=device) for x in (self.order, self.end))
        gap = torch.cumsum((u - v * torch.as_tensor(scale, device=device))[order], dim=0)
        gap = torch.cat([torch.zeros_like(gap[:1]), gap])
        below = (gap[end] - gap[:-1]).abs()
        return torch.tensordot(torch.as_tensor(self.length, device=device), below, dims=1)

    def _masses(self, u_weights, v_weights):
        """Both as float64 arrays, and the factor that brings v to the total of u."""
        n, out = len(self.order), []
        for name, weights in zip(WEIGHTS, (u_weights, v_weights), strict=True):
            array = checks.reals(name, weights, least=0, most=LARGEST)
            if array.ndim not in (1, 2) or len(array) != n or array.size == 0:
                raise ValueError(f"{name} must have shape ({n},) or ({n}, batch), got {array.shape}")
            out.append(array)
        u, v = out
        if u.shape != v.shape:
            raise ValueError(f"u_weights {u.shape} and v_weights {v.shape} must have the same shape")
        return u, v, same_mass(u.sum(axis=0), v.sum(axis=0), WEIGHTS, (u_weights, v_weights))


def _parents(parents):
    array = checks.integers("tree", parents)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"tree must be integers of shape (n,), got shape {array.shape}")
    n = len(array)
    outside = (array < 0) | (array >= n)
    if outside.any():
        node = int(np.argmax(outside))
        raise ValueError(f"tree must hold parents in 0..{n - 1}, node {node} has {array[node]}")
    roots = np.flatnonzero(array == np.arange(n))
    if len(roots) != 1:
        raise ValueError(f"tree must have one root (a node that is its own parent), got {len(roots)}: {roots[:5]}")
    return array


def _subtree_sizes(parents, order):
    """Sizes in depth-first order. A plain loop: linear in the nodes whatever the tree's shape."""
    sizes, parent_of = [1] * len(parents), parents.tolist()
    for node in order[:0:-1].tolist():
        sizes[parent_of[node]] += sizes[node]
    return np.array(sizes)[order]


def _lengths(length, n):
    length = checks.reals("length", 1.0 if length is None else length, least=0, most=LARGEST)
    if length.shape not in ((), (n,)):
        raise ValueError(f"length must be a number or have shape ({n},), got {length.shape}")
    return np.broadcast_to(length, (n,)).copy()
