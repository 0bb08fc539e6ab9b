"""Encodings that add to the attention logits: ALiBi and the buckets of T5."""

import bisect

import numpy as np
import torch
from torch import nn

from howfar import checks
from howfar.encodings.base import Encoding, register
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
    beyond : {"grow", "adapt", "stop"}
        What becomes of the bias at distances of ``max_length`` or more, which training on that length hasn't met.
        "grow": the formula goes on. "adapt": a query whose farthest key is D away has its slopes multiplied by
        :math:`\min(1, (N-1)/D)`, N being ``max_length``, so that its largest bias is at most that of training. "stop":
        distances count as at most N - 1. At lengths up to ``max_length`` the three are the same.

    Notes
    -----
    Press, Smith and Lewis, "Train Short, Test Long", ICLR 2022, arXiv:2108.12409. The published slopes for
    one head are the single number 2**-8: nearly no bias at all at short lengths.

    That slopes should depend on the length is an idea of Li, arXiv:2506.06398, who gives no formula that we could read;
    ours reads only what a query may look at, so that what follows a token never changes its output.
    """

    shift_invariant = True

    def __init__(self, width, heads, max_length, causal=False, *, slopes=None, beyond="grow"):
        super().__init__(width, heads, max_length, causal)
        self.beyond = checks.choice("beyond", beyond, ("grow", "adapt", "stop"))
        slopes = alibi_slopes(self.heads) if slopes is None else _checked_slopes(slopes, self.heads)
        self.constants["slopes"] = torch.tensor(slopes, dtype=torch.float32)

    @property
    def slopes(self):
        """float32 (heads,)."""
        return self.constants["slopes"]

    def bias(self, query_positions, key_positions):
        """(heads, queries, keys) or (batch, heads, queries, keys), float32."""
        check_positions(query_positions, name="query_positions")
        check_positions(key_positions, name="key_positions")
        relative, last = offsets(query_positions, key_positions), max(self.max_length - 1, 1)
        distances = relative.abs().float()
        if self.beyond == "stop":
            distances = distances.clamp(max=last)
        if self.beyond == "adapt":  # what lies ahead of a causal model's query is hidden, and has no say in it
            reach = -relative.amin(-1, keepdim=True) if self.causal else distances.amax(-1, keepdim=True)
            distances = distances * (last / reach.clamp(min=last).float())
        return distances[..., None, :, :] * -self.slopes[:, None, None]


def _checked_slopes(slopes, heads):
    slopes = checks.reals("slopes", slopes)
    if slopes.shape != (heads,):
        raise ValueError(f"slopes must be one per head, got shape {slopes.shape} for {heads} heads")
    if (slopes < 0).any():
        raise ValueError(f"slopes must not be negative, got {slopes.tolist()}")
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
    heads = checks.count("heads", heads)
    power = 2 ** (heads.bit_length() - 1)
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
        See `Encoding`.
    buckets : int
    max_distance : int
    bidirectional : bool, optional
        Tell keys before and after the query apart. Left out: where the model is not causal, as T5. A causal model needs
        it where positions are ids that may be larger at an earlier token: all those keys are one bucket otherwise.
    clip : int, optional
        In place of T5's buckets, both directions apart: each offset from -clip to clip has a bucket, and what lies
        beyond shares the one at its end.
    gain : float
        The numbers are multiplied by it: the inverse of a temperature, for this part of the logits alone.

    Notes
    -----
    Raffel et al., JMLR 21 (2020), arXiv:1910.10683. Initialised with standard deviation width**-0.5, as T5.
    Positions must be integers. Clipping is that of Shaw, Uszkoreit and Vaswani, NAACL 2018, arXiv:1803.02155, whose
    relations are vectors. The gain is ours: Adam moves a number by at most about the learning rate in each step, so
    that how sharp a bias can become depends on how long it is trained.
    """

    shift_invariant = True

    def __init__(
        self,
        width,
        heads,
        max_length,
        causal=False,
        *,
        buckets=32,
        max_distance=128,
        bidirectional=None,
        clip=None,
        gain=1.0,
    ):
        super().__init__(width, heads, max_length, causal)
        both = not self.causal if bidirectional is None else checks.flag("bidirectional", bidirectional)
        self.gain = checks.number("gain", gain, above=0)
        if clip is None:
            self.buckets, self.max_distance = _checked_sizes(buckets, max_distance, both)
            by_offset = _buckets_by_offset(self.buckets, self.max_distance, both)
        elif (buckets, max_distance, bidirectional) != (32, 128, None):
            raise ValueError(
                f"clip={clip!r} takes the place of buckets, max_distance and bidirectional: leave them out"
            )
        else:
            self.max_distance = checks.count("clip", clip, most=2**20)
            self.buckets = 2 * self.max_distance + 1
            by_offset = torch.arange(self.buckets)
        self.constants["bucket"] = by_offset.long()  # torch 2.4 indexes with nothing shorter under vmap
        self.table = nn.Parameter(torch.randn(self.buckets, self.heads) * self.width**-0.5)

    def check(self, positions):
        check_positions(positions, whole=True)

    def bias(self, query_positions, key_positions):
        """(heads, queries, keys) or (batch, heads, queries, keys), the dtype of the table."""
        check_positions(query_positions, whole=True, name="query_positions")
        check_positions(key_positions, whole=True, name="key_positions")
        by_offset = self.gain * self.table[self.constants["bucket"]]  # (2 max_distance + 1, heads)
        last = self.max_distance
        relative = offsets(query_positions, key_positions).clamp(-last, last) + last
        return nn.functional.embedding(relative, by_offset).movedim(-1, -3)


def t5_buckets(relative, *, buckets=32, max_distance=128, bidirectional=True):
    r"""The bucket of each offset.

    Of the b buckets of one direction, :math:`e = \lfloor b/2 \rfloor` hold one distance each, 0 to e - 1. The next
    ones start at the smallest whole d for which :math:`(b - e) \log(d/e) / \log(D/e)` reaches 1, 2, ..., where D is
    ``max_distance``; from D on, all share the last. Edges are found in whole numbers: a distance exactly on one belongs
    to the bucket that starts there.

    Parameters
    ----------
    relative : integer tensor
        Key position minus query position.
    buckets, max_distance : int
        ``max_distance`` is more than e and at most 2**20.
    bidirectional : bool
        Half of the buckets for each direction. False: keys after the query all get bucket 0 (a causal mask hides them).

    Returns
    -------
    int32 tensor, the shape of ``relative``

    Raises
    ------
    ValueError
        If an argument is out of its range or no integer.
    """
    if not isinstance(relative, torch.Tensor) or relative.dtype not in (torch.int32, torch.int64):
        got = relative.dtype if isinstance(relative, torch.Tensor) else type(relative).__name__
        raise ValueError(f"relative must be a tensor of int64 or int32, got {got}")
    bidirectional = checks.flag("bidirectional", bidirectional)
    buckets, last = _checked_sizes(buckets, max_distance, bidirectional)
    table = _buckets_by_offset(buckets, last, bidirectional).to(relative.device)
    return table[relative.clamp(-last, last).long() + last]


def _checked_sizes(buckets, max_distance, bidirectional):
    buckets = checks.count("buckets", buckets, least=4 if bidirectional else 2)
    if bidirectional and buckets % 2:
        raise ValueError(f"buckets must be even where each direction has half of them, got {buckets}")
    exact = (buckets // 2 if bidirectional else buckets) // 2
    most = 2**20  # what is tabulated
    max_distance = checks.count("max_distance", max_distance, most=most)
    if max_distance <= exact:
        raise ValueError(f"max_distance must exceed the {exact} distances with their own bucket, got {max_distance}")
    return buckets, max_distance


def _buckets_by_offset(buckets, max_distance, bidirectional):
    """int32 (2 max_distance + 1,): the bucket of each offset from -max_distance to max_distance."""
    per_direction = buckets // 2 if bidirectional else buckets
    first = _first_distances(per_direction, max_distance)
    by_distance = np.searchsorted(first, np.arange(max_distance + 1), side="right")
    after = by_distance[1:] + per_direction if bidirectional else np.zeros(max_distance, int)
    return torch.from_numpy(np.concatenate([by_distance[::-1], after]).astype(np.int32))


def _first_distances(buckets, max_distance):
    """The smallest distance of every bucket of one direction but the first."""
    exact = buckets // 2
    steps = buckets - exact
    first = list(range(1, exact + 1))
    for step in range(1, steps):
        # log(d / exact) / log(max / exact) >= step / steps, as powers of whole numbers.
        bound = max_distance**step * exact ** (steps - step)
        first.append(bisect.bisect_left(range(max_distance + 1), bound, key=lambda d: d**steps))
    return first
