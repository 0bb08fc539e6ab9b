"""A bias whose buckets are learned: which offsets count as one relation."""

import torch
from torch import nn

from howfar import checks
from howfar.encodings.base import Encoding, register
from howfar.encodings.positions import check_positions, offsets


@register("learned_relation")
class LearnedRelation(Encoding):
    r"""A learned relation: a small network assigns each offset to relations, and each relation has a bias per head.

    .. math:: b_h(o) = g \sum_r \operatorname{softmax}_r\bigl(W \tanh(s \odot (o - t)) + w\bigr)\, c_{r,h}

    The units of the network are soft thresholds t with slopes s, one between any two neighbouring offsets at the
    start; so it can tell neighbours apart, treats far offsets alike, and is defined between whole numbers. Where T5
    fixes which offsets share a bucket, here that is learned.

    Parameters
    ----------
    width, heads, max_length, causal
        See `Encoding`.
    relations : int
        How many there are, at least 2.
    reach : int
        Thresholds begin between -reach and reach; offsets are clipped at twice that.
    gain : float
        g: biases are multiplied by it, as those of `Relative`.

    Notes
    -----
    Chen, Liang and Lin, arXiv:2510.04130, propose a "Learning-Based Position Embedding framework that automatically
    learns positional relations"; more than that sentence of theirs we could not read. That relations of positions are
    learned, and not chosen, is theirs. All else is ours: that a relation depends on the offset only, the thresholds,
    the softmax and the gain. Whoever wants relations that depend on the length of a problem gives the model positions
    that do (`howfar.tasks.scale_hint`).

    Whole positions are looked up in a table of the 4 reach + 1 offsets, which the network fills once for each batch.
    """

    shift_invariant = True

    def __init__(self, width, heads, max_length, causal=False, *, relations=8, reach=8, gain=1.0):
        super().__init__(width, heads, max_length, causal)
        self.relations = checks.count("relations", relations, least=2)
        self.reach, self.gain = checks.count("reach", reach, most=2**10), checks.number("gain", gain, above=0)
        self.thresholds = nn.Parameter(torch.arange(-self.reach, self.reach) + 0.5)
        self.slopes = nn.Parameter(torch.full((2 * self.reach,), 4.0))
        self.assign = nn.Linear(2 * self.reach, self.relations)
        self.table = nn.Parameter(torch.randn(self.relations, self.heads) * self.width**-0.5)

    def bias(self, query_positions, key_positions):
        """(heads, queries, keys) or (batch, heads, queries, keys), the dtype of the table or float32."""
        check_positions(query_positions, name="query_positions")
        check_positions(key_positions, name="key_positions")
        last = 2 * self.reach
        relative = offsets(query_positions, key_positions).clamp(-last, last)
        if relative.is_floating_point():
            return self.of_offsets(relative).movedim(-1, -3)
        table = self.of_offsets(torch.arange(-last, last + 1, device=relative.device))
        return nn.functional.embedding(relative + last, table).movedim(-1, -3)

    def of_offsets(self, relative):
        """The bias of each head at these offsets, any shape: (..., heads)."""
        weights = self.shares(relative)
        return self.gain * (weights @ self.table.to(weights.dtype))

    def shares(self, relative):
        """How much of each relation is at these offsets, any shape: (..., relations), each row sums to one."""
        dtype = torch.promote_types(self.table.dtype, torch.float32)
        thresholds, slopes = self.thresholds.to(dtype), self.slopes.to(dtype)
        units = (slopes * (relative.to(dtype)[..., None] - thresholds)).tanh()
        logits = nn.functional.linear(units, self.assign.weight.to(dtype), self.assign.bias.to(dtype))
        return logits.softmax(-1)
