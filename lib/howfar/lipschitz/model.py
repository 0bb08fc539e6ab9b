"""Upper bounds for a whole Transformer: of its Lipschitz constant, and of its loss."""

import math
from dataclasses import dataclass

import torch

from howfar import checks
from howfar.lipschitz.attention import attention_bound, spectral_norm
from howfar.lipschitz.estimates import UPPER, Estimate
from howfar.transformer import Transformer

# The steepest slope of GELU, x Phi(x): its derivative Phi(x) + x phi(x) is largest at the square root of 2.
GELU = 0.5 * (1 + math.erf(1)) + math.exp(-1) / math.sqrt(math.pi)


@dataclass(frozen=True)
class ModelBound(Estimate):
    """An upper bound, and what it is a product of.

    Attributes
    ----------
    parts : tuple of dict
        From the first sublayer to the outputs: ``part`` ("attention 1", "feed-forward 1", ..., "outputs"); ``norm``,
        the constant of its LayerNorm; ``layer``, that of the sublayer alone; ``factor``, what the two contribute.
    """

    parts: tuple = ()


@torch.no_grad()
def model_bound(model, *, length):
    r"""A CERTIFIED UPPER BOUND on the Lipschitz constant of a pre-norm Transformer, from embedded tokens to logits.

    .. math:: \prod_{\text{sublayers}} \Bigl(1 + \Lambda\, \frac{\max|\gamma|}{\sqrt\varepsilon}\Bigr)
              \cdot \|W\|\, \frac{\max|\gamma|}{\sqrt\varepsilon}

    with :math:`\Lambda` the constant of the attention or the feed-forward layer alone, and :math:`\gamma` and
    :math:`\varepsilon` those of the LayerNorm before it.

    Parameters
    ----------
    model : Transformer
        With ``norm="pre"``.
    length : int
        Tokens; positions are 0..length-1. Any mask is allowed.

    Returns
    -------
    ModelBound
        In exact arithmetic, on the whole space: ``|logits(x) - logits(x')| <= value * |x - x'|`` with x (length, width)
        what `howfar.record` sees first, the vectors of the tokens with their positions' codes added. Both norms are
        Euclidean, of all positions taken as one long vector.

    Raises
    ------
    ValueError
        If ``model`` is no Transformer with ``norm="pre"``, its encoding turns queries and keys otherwise than RoPE
        does, or ``length`` is no positive integer.

    Notes
    -----
    Dot-product attention has no Lipschitz constant on the whole space (Kim, Papamakarios and Mnih, ICML 2021,
    arXiv:2006.04710). The LayerNorm before it gives it one: whatever comes in, its outputs have norm at most
    :math:`R = \max|\gamma| \sqrt d + \|\beta\|`, where `attention_bound` holds. Its own constant is attained at inputs
    with equal features, which no model meets in practice.
    """
    _check_model(model)
    length, skip = checks.count("length", length), int(model.config.skip)
    parts = []
    for i, block in enumerate(model.blocks, start=1):
        radius = max(_radius(block.attention_norm), math.ulp(0.0))
        alone = attention_bound(block.attention, radius=radius, length=length, encoding=model.encoding).value
        parts.append(_part(f"attention {i}", block.attention_norm, alone, skip))
        if model.config.mlp_ratio:
            alone = GELU * _norm(block.mlp[0]) * _norm(block.mlp[2])
            parts.append(_part(f"feed-forward {i}", block.mlp_norm, alone, skip))
    parts.append(_part("outputs", model.norm, _norm(model.outputs), 0))
    value = math.prod(part["factor"] for part in parts)
    return ModelBound(value, UPPER, f"the Lipschitz constant from {length} embedded tokens to logits", tuple(parts))


@torch.no_grad()
def loss_ceiling(model):
    r"""A CERTIFIED UPPER BOUND on the cross-entropy of one prediction of a pre-norm Transformer, whatever it reads.

    The last LayerNorm keeps what the outputs see in an ellipsoid, :math:`h = \gamma \odot u + \beta` with u of mean 0
    and norm at most :math:`\sqrt d`. So no logit is above the target's by more than a computable amount, and

    .. math:: \ell \le \max_y \log \sum_{y'} \exp \bigl( \sqrt d\, \|P(\gamma \odot (W_{y'} - W_y))\|
              + \langle W_{y'} - W_y, \beta\rangle + b_{y'} - b_y \bigr),

    where P takes the mean away.

    Parameters
    ----------
    model : Transformer
        With ``norm="pre"``.

    Returns
    -------
    Estimate
        In nats, for each token and so for any mean over tokens.

    Raises
    ------
    ValueError
        If ``model`` is no Transformer with ``norm="pre"``.
    """
    _check_model(model)
    weight, bias = model.outputs.weight.double(), model.outputs.bias.double()
    gamma, beta = model.norm.weight.double(), model.norm.bias.double()
    steps = weight[None, :, :] - weight[:, None, :]  # (target, other, width)
    turned = steps * gamma
    reach = math.sqrt(model.config.width) * (turned - turned.mean(-1, keepdim=True)).norm(dim=-1)
    above = reach + steps @ beta + bias[None, :] - bias[:, None]
    return Estimate(float(above.logsumexp(-1).max()), UPPER, "the cross-entropy of a token, in nats")


def from_embedded(model, positions=None):
    """A Transformer as a function of the vectors that it adds up before its first layer.

    Parameters
    ----------
    model : Transformer
        With token inputs.
    positions : tensor (length,), optional
        Left out: 0, 1, 2, ... The vectors have the positions' codes in them already; what is left for positions to do
        is to turn queries and keys, or to enter a bias or a gate.

    Returns
    -------
    callable
        From x (batch, length, width) to logits (batch, length, outputs); differentiable, for `jacobian_norm`.

    Raises
    ------
    ValueError
        If ``model`` is no Transformer with token inputs.
    """
    if not isinstance(model, Transformer) or model.config.vocabulary is None:
        raise ValueError(f"model must be a howfar.Transformer with token inputs, got {type(model).__name__}")

    def logits(x):
        handle = model.embedded.register_forward_hook(lambda *_: x)  # its own embedding is thrown away
        try:
            return model(torch.zeros(x.shape[:2], dtype=torch.int64, device=x.device), positions)
        finally:
            handle.remove()

    return logits


def _part(name, norm, alone, skip):
    steepest = float(norm.weight.double().abs().max()) / math.sqrt(norm.eps)
    return {"part": name, "norm": steepest, "layer": alone, "factor": skip + alone * steepest}


def _radius(norm):
    """The largest norm of what a LayerNorm puts out."""
    gamma, beta = norm.weight.double(), norm.bias.double()
    return float(gamma.abs().max()) * math.sqrt(len(gamma)) + float(beta.norm())


def _norm(linear):
    return spectral_norm(linear.weight.double())


def _check_model(model):
    if not isinstance(model, Transformer):
        raise ValueError(f"model must be a howfar.Transformer, got {type(model).__name__}")
    if model.config.norm != "pre":
        raise ValueError(f"model must have norm='pre' for a bound on the whole space, got {model.config.norm!r}")
