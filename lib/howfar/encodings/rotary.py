"""RoPE: queries and keys are turned by an angle proportional to their position."""

import torch

from howfar import checks
from howfar.encodings.base import Encoding, check_features, register
from howfar.encodings.positions import check_positions, precise_dtype

PAIRINGS = ("interleaved", "half")
SCALINGS = (None, "linear", "ntk")


@register("rotary")
class Rotary(Encoding):
    r"""Rotary position embedding.

    The features of a head are taken in pairs, and pair i of a query or key at position t is turned by the
    angle :math:`t\,\omega_i` with :math:`\omega_i = B^{-2i/d}`. A logit then depends on the two contents and
    on the difference of the two positions.

    Parameters
    ----------
    width, heads, max_length, causal
        See `Encoding`.
    base : float
        B, greater than 1.
    pairing : {"interleaved", "half"}
        Which features form a pair: (0, 1), (2, 3), ... as in the paper, or (0, d/2), (1, d/2 + 1), ... as in
        GPT-NeoX and Llama of Hugging Face. `convert_pairing` moves weights from one to the other.
    fraction : float
        Of each head's features that are turned, the first ones; d is their number, and must come out even.
    scaling : {None, "linear", "ntk"}
        "linear" divides positions by ``factor``; "ntk" multiplies the base by ``factor ** (d / (d - 2))``,
        which divides the lowest frequency by ``factor`` and keeps the highest.
    factor : float
        More than 1 with a ``scaling``; left at 1 without.

    Raises
    ------
    ValueError
        For an odd number of features to turn, or options that contradict each other.

    Notes
    -----
    Su et al., "RoFormer", arXiv:2104.09864. Angles are computed in float64 (float32 on a device without it),
    and the turn in float32 or better, whatever the model's dtype. The logits are shift invariant, and so is a
    model whose only source of position they are; neither says that the model copes with *distances* that it
    has never met.
    """

    shift_invariant = True

    def __init__(
        self,
        width,
        heads,
        max_length,
        causal=False,
        *,
        base=10000.0,
        pairing="interleaved",
        fraction=1.0,
        scaling=None,
        factor=1.0,
    ):
        super().__init__(width, heads, max_length, causal)
        self.base, self.factor = checks.number("base", base, above=1), checks.number("factor", factor, least=1)
        self.scaling = checks.choice("scaling", scaling, SCALINGS)
        self.pairing = checks.choice("pairing", pairing, PAIRINGS)
        if scaling is None and factor != 1:
            raise ValueError(f"factor={factor!r} needs scaling='linear' or scaling='ntk', got scaling=None")
        if scaling is not None and factor == 1:
            raise ValueError(f"scaling={scaling!r} needs a factor greater than 1 (1 scales nothing), got {factor!r}")
        self.fraction = checks.number("fraction", fraction, above=0, most=1)
        self.turned = _turned(self.head_width, self.fraction)
        if scaling == "ntk" and self.turned == 2:
            raise ValueError("scaling='ntk' needs at least 4 turned features per head: with 2 there is one frequency")

    def frequencies(self, device=None):
        """Radians per position of each pair, fastest first: float64 (turned / 2,)."""
        d = self.turned
        base = self.base * self.factor ** (d / (d - 2)) if self.scaling == "ntk" else self.base
        dtype = precise_dtype(torch.device(device or "cpu"))
        frequencies = base ** (-torch.arange(0, d, 2, device=device, dtype=dtype) / d)
        return frequencies / self.factor if self.scaling == "linear" else frequencies

    def rotate(self, x, positions):
        """Turn queries or keys.

        Parameters
        ----------
        x : tensor (batch, heads, length, head_width)
            Or any leading axes, if positions are shared.
        positions : tensor (length,) or (batch, length)

        Returns
        -------
        tensor, shape and dtype of ``x``

        Raises
        ------
        ValueError
            If ``x`` is not as wide as a head, or shapes disagree.
        """
        check_features(x, "head_width", self.head_width)
        check_positions(positions, length=x.shape[-2], batch=x.shape[0] if x.ndim == 4 else None)
        if positions.ndim == 2 and x.ndim != 4:
            raise ValueError(
                f"x must be (batch, heads, length, head_width) for positions per row, got {tuple(x.shape)}"
            )
        frequencies = self.frequencies(x.device)
        angles = positions.to(frequencies.dtype)[..., None] * frequencies  # (length, d/2) or (batch, length, d/2)
        if positions.ndim == 2:
            angles = angles[:, None]  # (batch, 1, length, d/2): the same for all heads
        dtype = torch.promote_types(x.dtype, torch.float32)
        cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
        turned, kept = x[..., : self.turned].to(dtype), x[..., self.turned :]
        if self.pairing == "interleaved":
            a, b = turned[..., 0::2], turned[..., 1::2]
            turned = torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1).flatten(-2)
        else:
            a, b = turned.chunk(2, dim=-1)
            turned = torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)
        turned = turned.to(x.dtype)
        return torch.cat([turned, kept], dim=-1) if kept.shape[-1] else turned


def convert_pairing(x, *, to, heads=1, fraction=1.0, dim=-1):
    """Reorder features from one pairing of RoPE to the other.

    Apply it to the query and key projections (weights and biases, along their output axis) of a model trained
    with one pairing, and it computes the same logits with the other.

    Parameters
    ----------
    x : tensor
        ``heads * head_width`` features along ``dim``.
    to : {"interleaved", "half"}
        The pairing that ``x`` is made for; it must be in the other one.
    heads : int
        How many heads lie side by side along ``dim``.
    fraction : float
        As in `Rotary`.
    dim : int

    Returns
    -------
    tensor, the shape of ``x``
    """
    checks.choice("to", to, PAIRINGS)
    heads, fraction = checks.count("heads", heads), checks.number("fraction", fraction, above=0, most=1)
    size = x.shape[dim]
    if size % heads:
        raise ValueError(f"heads must divide the {size} features of x along dim={dim}, got heads={heads}")
    turned = _turned(size // heads, fraction)
    interleaved_first = torch.arange(turned, device=x.device).view(-1, 2).T.flatten()  # 0 2 4 ... 1 3 5 ...
    order = interleaved_first if to == "half" else interleaved_first.argsort()
    order = torch.cat([order, torch.arange(turned, size // heads, device=x.device)])
    starts = torch.arange(heads, device=x.device) * (size // heads)
    return x.index_select(dim, (starts[:, None] + order).flatten())


def _turned(head_width, fraction):
    turned = round(head_width * fraction)
    if abs(turned - head_width * fraction) > 1e-9 or turned % 2 or turned == 0:
        raise ValueError(
            f"RoPE turns pairs: fraction * head_width must be an even number, got {fraction:g} * {head_width} "
            f"(head_width = width / heads)"
        )
    return turned
