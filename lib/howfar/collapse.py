r"""Three things that are called collapse, each with a measure of its own; they can go opposite ways.

Aliasing
    States that should differ are alike: two classes of inputs get the same vector. `class_separation`.
Loss of rank
    All tokens of *one* input get the same vector, as layers are added. `rank_residual`.
Loss with length
    The last tokens of *two* inputs get nearly the same vector, as both grow. `last_distance`.
"""

from typing import NamedTuple

import torch

from howfar import checks
from howfar.transformer import Transformer, record


class Separation(NamedTuple):
    """How far apart the two nearest classes are.

    Attributes
    ----------
    ratio : float
        The smallest distance of two class means, over ``spread``. Infinite if nothing is spread; 0 if the two means
        are equal.
    pair : (int, int)
        The two classes.
    distance, spread : float
        The distance of their means, and the root mean square distance of a state to the mean of its class, over all
        states.
    """

    ratio: float
    pair: tuple
    distance: float
    spread: float


def read_states(model, inputs, positions=None):
    """The hidden states that a model's read-out sees: after the last layer, and its LayerNorm if it has one.

    Parameters
    ----------
    model : Transformer
    inputs, positions
        As the model takes them.

    Returns
    -------
    tensor (batch, length, width)
        Detached from the graph.

    Raises
    ------
    ValueError
        If it is another model, or the model refuses the inputs.
    """
    if not isinstance(model, Transformer):
        raise ValueError(f"model must be a howfar.Transformer, got {type(model).__name__}")
    with torch.no_grad(), record(model) as seen:
        model(inputs, positions)
        return model.norm(seen.hidden[-1])


def class_separation(states, classes):
    """Aliasing: is there a pair of classes that the states don't tell apart? The nearest pair decides.

    Parameters
    ----------
    states : real tensor (n, width)
    classes : integer tensor (n,)
        What each state should tell. Each class needs two states at least: a single one has no spread.

    Returns
    -------
    Separation

    Raises
    ------
    ValueError
        If shapes disagree, a state is not finite, there are fewer than two classes, or a class has a single state.

    Notes
    -----
    The mean of m states misses the mean of their law by about spread / sqrt(m), so that two classes of m states each
    that follow the same law have a ratio of about sqrt(2 / m), not 0. Numbers of different m are not to be compared.
    The spread counts all directions, so that a linear read-out may tell classes apart whose ratio is below 1.
    """
    states = _states(states, 2, "(n, width)")
    labels = torch.from_numpy(checks.integers("classes", classes)).to(states.device)
    if labels.shape != states.shape[:1]:
        raise ValueError(f"classes must be ({len(states)},), one for each state, got {tuple(labels.shape)}")
    names, place, counts = labels.unique(return_inverse=True, return_counts=True)
    if len(names) < 2 or int(counts.min()) < 2:
        got = f"{len(names)} classes" if len(names) < 2 else f"1 of class {int(names[counts.argmin()])}"
        raise ValueError(f"classes must be two or more, with two or more states each, got {got}")
    means = torch.zeros(len(names), states.shape[1], dtype=states.dtype, device=states.device)
    means = means.index_add(0, place, states) / counts[:, None]
    spread = float((states - means[place]).square().sum(1).mean().sqrt())
    first, second = torch.triu_indices(len(names), len(names), 1, device=states.device)
    distances = (means[first] - means[second]).norm(dim=1)
    nearest = int(distances.argmin())
    distance = float(distances[nearest])
    ratio = distance / spread if spread else (float("inf") if distance else 0.0)
    return Separation(ratio, (int(names[first[nearest]]), int(names[second[nearest]])), distance, spread)


def rank_residual(states):
    r"""Loss of rank: how far are the tokens of one input from all being the same vector?

    Parameters
    ----------
    states : real tensor (..., length, width)
        H, the states of one input's tokens. Use float64: in float32 a residual below about 1e-7 is rounding.

    Returns
    -------
    float64 tensor (...)
        :math:`\|H - \mathbf{1} \bar h^\top\|_F / \|H\|_F`, where :math:`\bar h` is the mean over the tokens: from 0
        (one vector, a matrix of rank at most 1) to 1. NaN where all states are 0.

    Raises
    ------
    ValueError
        If it is no such tensor, or a state is not finite.

    Notes
    -----
    Dong, Cordonnier and Loukas, "Attention is not all you need", arXiv:2103.03404, bound the numerator in another
    norm, and not relative to :math:`\|H\|`.
    """
    states = _states(states, None, "(..., length, width)")
    if states.ndim < 2:
        raise ValueError(f"states must be (..., length, width), got {tuple(states.shape)}")
    centred = states - states.mean(-2, keepdim=True)
    return torch.linalg.matrix_norm(centred) / torch.linalg.matrix_norm(states)


def last_distance(states_u, states_v):
    """Loss with length: how far apart are the last states of two inputs?

    Parameters
    ----------
    states_u, states_v : real tensor (..., length, width)
        Their lengths may differ.

    Returns
    -------
    float64 tensor (...)
        The distance of the last tokens' states over the mean of their norms: from 0 (equal) to 2 (opposite); NaN
        where both are 0. Two numbers that differ by less than 2^-8 (bfloat16) or 2^-24 (float32) of their size may be
        rounded to one.

    Raises
    ------
    ValueError
        If the tensors don't fit together, or a state is not finite.

    Notes
    -----
    Barbero et al., "Transformers need glasses!", arXiv:2406.04267.
    """
    u, v = (_states(s, None, "(..., length, width)", name) for s, name in ((states_u, "u"), (states_v, "v")))
    if u.ndim < 2 or v.ndim < 2 or u.shape[:-2] != v.shape[:-2] or u.shape[-1] != v.shape[-1]:
        raise ValueError(f"states must be (..., length, width) alike, got {tuple(u.shape)} and {tuple(v.shape)}")
    u, v = u[..., -1, :], v[..., -1, :]
    return (u - v).norm(dim=-1) / (0.5 * (u.norm(dim=-1) + v.norm(dim=-1)))


def _states(states, axes, shape, name=""):
    name = f"states_{name}" if name else "states"
    if not isinstance(states, torch.Tensor) or states.is_complex() or (axes and states.ndim != axes):
        got = tuple(states.shape) if isinstance(states, torch.Tensor) else type(states).__name__
        raise ValueError(f"{name} must be a real tensor {shape}, got {got}")
    if not states.numel():
        raise ValueError(f"{name} must hold at least one state, got {tuple(states.shape)}")
    states = states.detach().double()
    if not bool(states.isfinite().all()):
        raise ValueError(f"{name} must be finite")
    return states
