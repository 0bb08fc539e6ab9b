"""An upper bound for one attention layer."""

import torch

from howfar import checks
from howfar.encodings import Encoding, Rotary, Urpe
from howfar.lipschitz.estimates import UPPER, Estimate
from howfar.transformer import Attention


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
        norm_v = spectral_norm(out[:, h] @ value)
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
        return scale * spectral_norm(key.T @ query), scale * float((key.T @ query_bias).norm()), 0.0
    norm_q, norm_k = spectral_norm(query), spectral_norm(key)
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


def spectral_norm(matrix):
    """The largest singular value, as a float."""
    return float(torch.linalg.matrix_norm(matrix, ord=2))
