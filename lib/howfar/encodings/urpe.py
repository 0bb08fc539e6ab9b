"""URPE: a learned factor per offset, applied after the softmax."""

import torch
from torch import nn

from howfar import checks
from howfar.encodings.base import ENCODINGS, Encoding, check_options, make_encoding, register
from howfar.encodings.positions import check_positions, extremes, offsets


@register("urpe")
class Urpe(Encoding):
    r"""Attention weights times a learned Toeplitz matrix: :math:`A_{ij} = \mathrm{softmax}(\cdot)_{ij}\, c_{h, j-i}`.

    The rows are not normalised again. A bias before the softmax leaves them summing to one, so that identical
    tokens have identical outputs whatever the bias; the factor breaks just that. It starts as all ones, where
    it changes nothing.

    Parameters
    ----------
    width, heads, max_length, causal
        See `Encoding`. The table covers offsets -(max_length - 1) .. max_length - 1.
    inner : str
        The encoding to combine with: any registered one that has no gate of its own.
    inner_options : dict, optional
        Its options (not its shape, which is urpe's).
    out_of_range : {"raise", "clamp"}
        What an offset beyond the table gets: a ValueError, or the factor of the last one.

    Notes
    -----
    Luo, Li et al., "Your Transformer May Not be as Powerful as You Expect", NeurIPS 2022, arXiv:2205.13401:
    one table for all layers. Positions must be integers. Shift invariant if ``inner`` is.
    """

    shift_invariant = True

    def __init__(
        self, width, heads, max_length, causal=False, *, inner="none", inner_options=None, out_of_range="raise"
    ):
        super().__init__(width, heads, max_length, causal)
        self.out_of_range = checks.choice("out_of_range", out_of_range, ("raise", "clamp"))
        checks.choice("inner", inner, sorted(ENCODINGS))
        inner_options = {} if inner_options is None else inner_options
        check_options("inner_options", inner_options)
        self.inner = make_encoding(
            inner, width=width, heads=heads, max_length=max_length, causal=causal, **inner_options
        )
        if type(self.inner).gate is not Encoding.gate:
            raise ValueError(f"inner={inner!r} has a gate of its own, which urpe's would contradict")
        self.shift_invariant = self.inner.shift_invariant
        self.factors = nn.Parameter(torch.ones(2 * self.max_length - 1, self.heads))

    def check(self, positions):
        check_positions(positions, whole=True)
        self.inner.check(positions)
        self._check_distances(positions.amax(-1) - positions.amin(-1))

    def embed(self, x, positions):
        return self.inner.embed(x, positions)

    def rotate(self, x, positions):
        return self.inner.rotate(x, positions)

    def bias(self, query_positions, key_positions):
        return self.inner.bias(query_positions, key_positions)

    def gate(self, query_positions, key_positions):
        """(heads, queries, keys) or (batch, heads, queries, keys), the dtype of the factors."""
        check_positions(query_positions, whole=True, name="query_positions")
        check_positions(key_positions, whole=True, name="key_positions")
        relative, last = offsets(query_positions, key_positions), self.max_length - 1
        self._check_distances(relative)
        factors = nn.functional.embedding(relative.clamp(-last, last) + last, self.factors).movedim(-1, -3)
        if self.out_of_range == "clamp":
            return factors
        # Where values cannot be read (vmap over positions) nothing was raised: NaN rather than silence.
        return factors.masked_fill((relative.abs() > last)[..., None, :, :], float("nan"))

    def _check_distances(self, relative):
        ends = extremes(relative) if self.out_of_range == "raise" else None
        if ends is not None and max(-ends[0], ends[1]) >= self.max_length:
            raise ValueError(
                f"positions must be less than max_length={self.max_length} apart, where urpe's table ends; "
                f"got a distance of {max(-ends[0], ends[1])} (out_of_range='clamp' allows it)"
            )
