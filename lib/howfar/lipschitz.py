"""How much can the output move when the input does? Lower estimates, and one certified bound.

A Lipschitz constant is a supremum. What is found by trying inputs, however cleverly, lies below it; only a
proof lies above. Every function here says which of the two it gives, and so does what it returns.
"""

from dataclasses import dataclass

import torch

from howfar import checks
from howfar.encodings import Encoding, Rotary, Urpe
from howfar.transformer import Attention

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


@torch.no_grad()
def attention_bound(attention, *, radius, length, encoding=None):
    r"""A CERTIFIED UPPER BOUND on the Lipschitz constant of one attention layer, for tokens in a ball.

    For one head without biases, with rows :math:`P_i` of attention weights and logits
    :math:`s_{ij} = \langle A x_i, x_j\rangle`,

    .. math:: \|Df\| \le \|W_O W_V\| \left((1 + \|A\| R^2)\sqrt{n} + \|A\| R^2\right),
              \qquad A = W_K^\top W_Q / \sqrt{d_h}.

    Heads are added up. It grows like :math:`\sqrt n` with the length, and without limit with the radius:
    dot-product attention has no Lipschitz constant on the whole space.

    Parameters
    ----------
    attention : howfar.transformer.Attention
        The layer alone: no LayerNorm, no residual connection.
    radius : float
        R: the largest Euclidean norm of a token's vector at the layer's input.
    length : int
        n; positions are 0..n-1. Any mask is allowed.
    encoding : Encoding, optional
        Whatever is added to the logits leaves the bound alone. A gate multiplies it by its largest absolute
        factor (and lets the bias of the values in). RoPE replaces :math:`\|A\|` by
        :math:`\|W_Q\| \|W_K\| / \sqrt{d_h}`.

    Returns
    -------
    Estimate
        In exact arithmetic, for Euclidean norms of all n tokens taken as one long vector.

    Raises
    ------
    ValueError
        If an argument is of another type or out of its range, or the encoding turns queries and keys in a way that
        isn't `Rotary`.

    Notes
    -----
    :math:`Df_i(h)` has three terms: the values move (columns of P sum to at most n, hence :math:`\sqrt n`),
    the keys move (a covariance with each :math:`h_j`, again :math:`\sqrt n`), the query moves (a covariance
    with :math:`h_i`). Each is bounded by Cauchy-Schwarz, since the variance of :math:`x_j` under :math:`P_i`
    is at most :math:`R^2`. A query bias b adds :math:`|W_K^\top b| / \sqrt{d_h}` to :math:`\|A\| R` in the
    second term; a key bias does likewise in the third, with RoPE only. Sharper bounds: Castin, Ablin and
    Peyré, ICML 2024 (arXiv:2312.14820).
    """
    radius, length = checks.number("radius", radius, above=0), checks.count("length", length)
    for name, value, kind in (("attention", attention, Attention), ("encoding", encoding, (Encoding, type(None)))):
        if not isinstance(value, kind):
            raise ValueError(f"{name} must be howfar's {name.capitalize()}, got {type(value).__name__}")
    gate = None
    if encoding is not None:
        positions = torch.arange(length, device=attention.out.weight.device)
        gate = encoding.gate(positions, positions)
    largest_factor = 1.0 if gate is None else float(gate.abs().max())
    width, heads = attention.out.weight.shape[0], attention.heads
    weight = attention.qkv.weight.double().view(3, heads, width // heads, width)
    bias = attention.qkv.bias.double().view(3, heads, width // heads)
    out = attention.out.weight.double().view(width, heads, width // heads)
    total = 0.0
    for h in range(heads):
        query, key, value = weight[:, h]
        query_bias, key_bias, value_bias = bias[:, h]
        norm_a, moved_query, moved_key = _logit_norms(query, key, query_bias, key_bias, _turns(encoding))
        norm_v = _norm(out[:, h] @ value)
        # Without a gate each row of weights sums to one, and a constant in the values moves nothing.
        reach = norm_v * radius + (0.0 if gate is None else float((out[:, h] @ value_bias).norm()))
        keys_move = reach * (norm_a * radius + moved_query)
        query_moves = reach * (norm_a * radius + moved_key)
        total += (norm_v + keys_move) * length**0.5 + query_moves
    return Estimate(largest_factor * total, UPPER, f"the Lipschitz constant on tokens of norm at most {radius:g}")


def _logit_norms(query, key, query_bias, key_bias, turns):
    """|A|, and what the biases of queries and keys add to |A| R."""
    scale = query.shape[0] ** -0.5
    if not turns:  # what a key bias adds to the logits is constant along a row: the softmax doesn't see it
        return scale * _norm(key.T @ query), scale * float((key.T @ query_bias).norm()), 0.0
    norm_q, norm_k = _norm(query), _norm(key)
    return (
        scale * norm_q * norm_k,
        scale * norm_k * float(query_bias.norm()),
        scale * norm_q * float(key_bias.norm()),
    )


def _turns(encoding):
    encoding = encoding.inner if isinstance(encoding, Urpe) else encoding
    if encoding is None or type(encoding).rotate is Encoding.rotate:
        return False
    if isinstance(encoding, Rotary):
        return True
    raise ValueError(f"encoding turns queries and keys, and only RoPE is known to keep norms; got {encoding!r}")


def _check_tensors(**values):
    for name, value in values.items():
        if not isinstance(value, torch.Tensor) or value.is_complex() or value.device.type == "meta":
            got = f"{value.dtype} on {value.device}" if isinstance(value, torch.Tensor) else type(value).__name__
            raise ValueError(f"{name} must be a tensor of real numbers, got {got}")


def _norm(matrix):
    return float(torch.linalg.matrix_norm(matrix, ord=2))


def _row_norms(x):
    return x.reshape(len(x), -1).norm(dim=1)


def _to_double(x):
    return x.detach().double()
