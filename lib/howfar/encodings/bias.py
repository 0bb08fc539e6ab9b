"""Encodings that add to the attention logits: ALiBi and the buckets of T5."""

import math

import torch
from torch import nn

from howfar.encodings.base import Encoding, check_count, check_number, register
from howfar.encodings.positions import check_positions, offsets


@register("alibi")
class Alibi(Encoding):
    r"""ALiBi: a logit loses :math:`m_h |i - j|`, with a fixed slope :math:`m_h` per head.

    One formula serves both kinds of model. In a causal one it is the paper's, :math:`-m_h (i - j)` for the
    keys :math:`j \le i`; in a bidirectional one it is symmetric, and so cannot tell left from right.

    Parameters
    ----------
    width, heads, max_length, causal
        See `Encoding`.
    slopes : sequence of float, optional
        One per head, finite and not negative; left out: `alibi_slopes`.

    Notes
    -----
    Press, Smith and Lewis, "Train Short, Test Long", ICLR 2022, arXiv:2108.12409. The published slopes for
    one head are the single number 2**-8: nearly no bias at all at short lengths.
    """

    shift_invariant = True

    def __init__(self, width, heads, max_length, causal=False, *, slopes=None):
        super().__init__(width, heads, max_length, causal)
        slopes = alibi_slopes(heads) if slopes is None else _checked_slopes(slopes, heads)
        self.constants["slopes"] = torch.tensor(slopes)

    @property
    def slopes(self):
        """float32 (heads,)."""
        return self.constants["slopes"]

    def bias(self, query_positions, key_positions):
        """(heads, queries, keys) or (batch, heads, queries, keys), float32."""
        check_positions(query_positions, name="query_positions")
        check_positions(key_positions, name="key_positions")
        distances = offsets(query_positions, key_positions).abs().float()
        return distances[..., None, :, :] * -self.slopes[:, None, None]


def _checked_slopes(slopes, heads):
    try:
        slopes = [float(m) for m in slopes]
    except (TypeError, ValueError):
        raise ValueError(f"slopes must be numbers, one per head, got {slopes!r}") from None
    if len(slopes) != heads:
        raise ValueError(f"slopes must be one per head, got {len(slopes)} slopes for {heads} heads")
    if not all(0 <= m < math.inf for m in slopes):
        raise ValueError(f"slopes must be finite and not negative, got {slopes}")
    return slopes


def alibi_slopes(heads):
    """The slopes of the ALiBi paper's code, for any number of heads.

    For a power of two n: the geometric sequence that starts at, and falls by, 2**(-8/n). Otherwise those of
    the largest power of two below, then every second slope of twice that power (which the paper's code calls
    a workaround).

    Parameters
    ----------
    heads : int

    Returns
    -------
    list of float
    """
    check_count("heads", heads)
    power = 2 ** int(math.log2(heads))
    slopes = [2 ** (-8 * (h + 1) / power) for h in range(power)]
    between = [2 ** (-8 * (h + 1) / (2 * power)) for h in range(0, 2 * power, 2)]
    return slopes + between[: heads - power]


@register("relative")
class Relative(Encoding):
    """The learned relative bias of T5: one number per head and bucket of offsets.

    Small distances have a bucket each, larger ones share buckets that widen logarithmically, and everything
    at or beyond ``max_distance`` falls into the last. A bidirectional model has half of its buckets for each
    direction.

    Parameters
    ----------
    width, heads, max_length, causal
        See `Encoding`; ``causal`` chooses the causal buckets.
    buckets : int
    max_distance : int

    Notes
    -----
    Raffel et al., JMLR 21 (2020), arXiv:1910.10683. Initialised with standard deviation width**-0.5, as T5.
    Positions must be integers.
    """

    shift_invariant = True

    def __init__(self, width, heads, max_length, causal=False, *, buckets=32, max_distance=128):
        super().__init__(width, heads, max_length, causal)
        first = t5_first_distances(buckets, max_distance, bidirectional=not causal)
        self.buckets, self.max_distance = buckets, max_distance
        self.constants["first"] = torch.tensor(first, dtype=torch.int32)
        self.table = nn.Parameter(torch.randn(buckets, heads) * width**-0.5)

    def check(self, positions):
        check_positions(positions, whole=True)

    def bias(self, query_positions, key_positions):
        """(heads, queries, keys) or (batch, heads, queries, keys), the dtype of the table."""
        check_positions(query_positions, whole=True, name="query_positions")
        check_positions(key_positions, whole=True, name="key_positions")
        buckets = _buckets(offsets(query_positions, key_positions), self.constants["first"], not self.causal)
        return nn.functional.embedding(buckets, self.table).movedim(-1, -3)


def t5_buckets(relative, *, buckets=32, max_distance=128, bidirectional=True):
    """The bucket of each offset.

    Parameters
    ----------
    relative : integer tensor
        Key position minus query position.
    buckets, max_distance : int
    bidirectional : bool
        False: keys after the query all get bucket 0 (a causal mask hides them).

    Returns
    -------
    int32 tensor, the shape of ``relative``
    """
    first = torch.tensor(t5_first_distances(buckets, max_distance, bidirectional), dtype=torch.int32)
    return _buckets(relative.to(torch.int32), first.to(relative.device), bidirectional)


def t5_first_distances(buckets, max_distance, bidirectional):
    """The smallest distance of every bucket (of one direction) but the first."""
    check_count("buckets", buckets)
    check_number("max_distance", max_distance, above=0)
    if buckets < 2 or (bidirectional and (buckets < 4 or buckets % 2)):
        raise ValueError(f"buckets must be at least 2, or even and at least 4 if bidirectional; got {buckets!r}")
    per_direction = buckets // 2 if bidirectional else buckets
    exact = per_direction // 2
    if max_distance <= exact:
        raise ValueError(f"max_distance must exceed the {exact} distances with their own bucket, got {max_distance!r}")
    steps = per_direction - exact
    first, distance = list(range(1, exact + 1)), exact
    for step in range(1, steps):
        while exact + int(math.log(distance / exact) / math.log(max_distance / exact) * steps) < exact + step:
            distance += 1
        first.append(distance)
    return first


def _buckets(relative, first, bidirectional):
    distance = relative.abs() if bidirectional else (-relative).clamp(min=0)
    bucket = torch.bucketize(distance, first, right=True, out_int32=True)
    return bucket + (relative > 0).to(torch.int32) * (len(first) + 1) if bidirectional else bucket
