"""Lower estimates: what is found by trying inputs."""

from dataclasses import dataclass

import torch

from howfar import checks

LOWER, UPPER = "lower estimate", "upper bound"


@dataclass(frozen=True)
class Estimate:
    """A number, and on which side of the Lipschitz constant it lies.

    Attributes
    ----------
    value : float
    kind : {"lower estimate", "upper bound"}
        A lower estimate was attained by some input: the constant is at least this. An upper bound is
        certified: the constant is at most this.
    of : str
        The constant that is meant, and where it holds.
    """

    value: float
    kind: str
    of: str

    def __float__(self):
        return self.value

    def __str__(self):
        return f"{self.value:.4g} ({self.kind} of {self.of})"


def largest_ratio(function, u, v, *, distances=None):
    """The largest ratio of distances, outputs over inputs, among pairs of points: a LOWER ESTIMATE, no certificate.

    Parameters
    ----------
    function : callable
        f, from a batch (n, ...) to a batch (n, ...). The ratio is ``|f(u_i) - f(v_i)| / d(u_i, v_i)``.
    u, v : tensor (n, ...)
        Row i of one is compared with row i of the other.
    distances : tensor (n,), optional
        d(u_i, v_i), in the unit of your choice; left out: the Euclidean distance of the rows.

    Returns
    -------
    Estimate
        Infinite if outputs differ at distance zero; pairs with equal outputs at distance zero say nothing.

    Raises
    ------
    ValueError
        If an argument is no tensor, shapes disagree, a distance is negative or NaN, an output is not finite, or all
        pairs have distance zero.
    """
    _check_tensors(u=u, v=v)
    if u.shape != v.shape or u.ndim == 0 or len(u) == 0:
        raise ValueError(f"u and v must be batches of the same shape, got {tuple(u.shape)} and {tuple(v.shape)}")
    at_u, at_v = function(u), function(v)
    _check_tensors(**{"function(u)": at_u, "function(v)": at_v})
    if at_u.shape != at_v.shape or at_u.ndim == 0 or len(at_u) != len(u):
        raise ValueError(f"function must give {len(u)} rows for {len(u)}, got {tuple(at_u.shape)}, {tuple(at_v.shape)}")
    moved = _row_norms(_to_double(at_u) - _to_double(at_v))
    if distances is None:
        distances = _row_norms(_to_double(u) - _to_double(v))
    else:
        distances = torch.from_numpy(checks.reals("distances", distances, finite=False)).to(moved.device)
    if distances.shape != moved.shape:
        raise ValueError(f"distances must be {tuple(moved.shape)}, one per pair, got {tuple(distances.shape)}")
    if not bool((distances >= 0).all()):
        raise ValueError("distances must not be negative or NaN")
    if not bool(moved.isfinite().all()):
        raise ValueError("function must be finite at all of u and v")
    telling = (distances > 0) | (moved > 0)
    if not bool(telling.any()):
        raise ValueError("u and v are the same points: every distance is zero")
    ratio = (moved[telling] / distances[telling]).max()
    return Estimate(float(ratio), LOWER, "the Lipschitz constant")


def jacobian_norm(function, x, *, iterations=50, tolerance=1e-6, seed=0):
    """The largest singular value of the Jacobian at ``x``, by power iteration: a LOWER ESTIMATE, no certificate.

    Lower twice: power iteration approaches the norm from below, and the norm at one point is at most the
    Lipschitz constant of any region around it.

    Parameters
    ----------
    function : callable
        From one tensor to one tensor; differentiable.
    x : floating tensor
        Any shape: inputs and outputs count as long vectors with the Euclidean norm. Finite.
    iterations : int
        At most this many; each costs one ``torch.func.jvp`` and one ``vjp``.
    tolerance : float
        Stop when the value grows by less than this fraction.
    seed : int, torch.Generator, numpy.random.Generator or None
        Of the starting direction.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        If an argument is out of its range, or x or a product with the Jacobian is not finite: of NaN no estimate can
        be made.
    """
    _check_tensors(x=x)
    if not x.is_floating_point():
        raise ValueError(f"x must be a floating tensor, got {x.dtype}")
    if not bool(x.isfinite().all()):
        raise ValueError("x must be finite, got NaN or an infinite number")
    iterations, tolerance = checks.count("iterations", iterations), checks.number("tolerance", tolerance, least=0)
    _, pull_back = torch.func.vjp(function, x)
    direction = torch.randn(x.shape, generator=checks.torch_generator(seed), dtype=torch.float64).to(x)
    norm = 0.0
    for _ in range(iterations):
        direction = direction / direction.norm()
        image = torch.func.jvp(function, (x,), (direction,))[1].detach()
        direction = pull_back(image)[0].detach()
        if not bool(image.isfinite().all() and direction.isfinite().all()):
            raise ValueError("function must have a finite Jacobian at x, got a derivative that is NaN or infinite")
        previous, norm = norm, max(norm, float(image.norm()))
        if norm - previous <= tolerance * norm or float(direction.norm()) == 0:
            break
    return Estimate(norm, LOWER, "the norm of the Jacobian at this point")


def _check_tensors(**values):
    for name, value in values.items():
        if not isinstance(value, torch.Tensor) or value.is_complex() or value.device.type == "meta":
            got = f"{value.dtype} on {value.device}" if isinstance(value, torch.Tensor) else type(value).__name__
            raise ValueError(f"{name} must be a tensor of real numbers, got {got}")


def _row_norms(x):
    return x.reshape(len(x), -1).norm(dim=1)


def _to_double(x):
    return x.detach().double()
