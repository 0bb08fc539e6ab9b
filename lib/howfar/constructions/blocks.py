"""As many uniform heads as alternating blocks need."""

from functools import partial

import torch

from howfar import checks
from howfar.constructions.handmade import Handmade, set_attention
from howfar.transformer import TransformerConfig

STRINGS = ("prefixes", "all")


def alternating_blocks(blocks, length, *, strings="prefixes"):
    r"""k - 2 layers of uniform attention that say where a prefix has reached its k-th block.

    The language :math:`L_k` has the words of exactly k non-empty blocks of equal letters that begin with the letter 0:
    :math:`L_4 = 0^+ 1^+ 0^+ 1^+`.

    Parameters
    ----------
    blocks : int
        k, at least 3; with ``strings="all"`` at least 1.
    length : int
        N: the longest string, without the start token.
    strings : {"prefixes", "all"}
        Which strings will be asked about: prefixes of words of :math:`L_k` (at most k blocks, the first of zeros), for
        which k - 2 layers are enough; or any strings of zeros and ones, for which the same recipe takes k layers.

    Returns
    -------
    Transformer
        In eval mode, float32, one head, no LayerNorm, no positional encoding, width 3 + 4 * layers. It takes strings
        with the start token 2 in front, int64 (batch, at most N + 1), and returns (batch, the same, 1): positive where
        the prefix that ends there is in :math:`L_k`, negative elsewhere.

    Raises
    ------
    ValueError
        If an argument is out of range. The model raises one for inputs longer than N + 1, for a start token that is
        missing or misplaced, and, with ``strings="prefixes"``, for a row that begins with 1 or has more than k blocks.

    Notes
    -----
    Let :math:`w^f_l` be the alternating string of l letters that begins with f: 0, 1, 0, 1, ... or 1, 0, 1, ... A
    string *has* it if it can be had by striking out letters.

    **Layer l.** From the layer before (from the embedding, for l = 1) each place j knows :math:`e^f_l(j)`: is the
    letter at j the l-th of :math:`w^f_l`, and do the letters before it have :math:`w^f_{l-1}`? That is 0 or 1. Uniform
    attention gives its mean over the i + 1 tokens so far: 0 if the string up to i doesn't have :math:`w^f_l`, else at
    least 1/(N + 1). One unit, :math:`u = \mathrm{GELU}(8 - 16 (N + 1) \cdot \text{mean} - 16\,[\text{the letter at } i
    \text{ isn't the next of } w^f_{l+1}])/8`, is 1 if the letter is the next one and nothing was found, else 0: its
    argument is 8 or at most -8. And :math:`e^f_{l+1} = [\text{the letter is the next one}] - u`, linear in the stream.

    **Prefixes.** With b blocks, the first of zeros, a string has :math:`w^1_{k-2}` iff :math:`b \ge k - 1`. If its last
    letter is moreover that of :math:`L_k`, then b and k are both even or both odd, so :math:`b \ge k`, that is b = k.
    This is :math:`e^1_{k-1}`, known after layer k - 2.

    **All strings.** A string is in :math:`L_k` iff it has :math:`w^0_k` and not :math:`w^1_k`: with f as first letter
    and b blocks it has :math:`w^f_l` iff :math:`b \ge l` and the other iff :math:`b > l`. Where the last letter is that
    of :math:`L_k` (and elsewhere the answer is no) the first is :math:`e^0_k`, and "not the second" is the unit u of
    layer k for f = 1.

    **Precision.** All that has to be told apart is 0 from 1, and 0 from 1/(N + 1): a few digits will do, the same for
    all N. But the weight 16 (N + 1) grows with N, so there is one set of weights for each N.

    Yang, Cadilhac and Chiang, "Knee-Deep in C-RASP: A Transformer Depth Hierarchy", arXiv:2506.16055: at fixed
    precision (but inside attention), and for all lengths at once, k - 2 layers are necessary, too, to predict, and k to
    recognise. (A formalisation in Lean, which we have not run, reports that two lemmas of the published proof need
    repair, and proves the theorem by another way.) For one length alone, or at a precision that grows, that theorem
    says nothing.
    """
    checks.choice("strings", strings, STRINGS)
    blocks = checks.count("blocks", blocks, least=3 if strings == "prefixes" else 1)
    length = checks.count("length", length)
    depth = blocks - 2 if strings == "prefixes" else blocks
    config = TransformerConfig(
        depth=depth, width=3 + 4 * depth, heads=1, vocabulary=3, norm="none", mlp_ratio=1, max_length=length + 1
    )
    model = Handmade(config, 2, partial(_refuse, blocks=blocks) if strings == "prefixes" else _refuse_nothing)
    model.inputs.weight.copy_(torch.eye(3, config.width))
    for layer, block in enumerate(model.blocks, start=1):
        _set_layer(block, layer, length)
    if strings == "prefixes":
        answer = _ends(blocks - 1, 1, config.width)
    else:
        answer = _ends(blocks, 0, config.width)
        answer[_unit(blocks, 1)] += 1
    model.outputs.weight.copy_(answer[None])
    model.outputs.bias.fill_(-0.5 if strings == "prefixes" else -1.5)
    return model


# The stream: letters 0 and 1, the start token, and for each layer the means for f = 0, 1 and the units for f = 0, 1.


def _mean(layer, first):
    return 3 + 4 * (layer - 1) + first


def _unit(layer, first):
    return 3 + 4 * (layer - 1) + 2 + first


def _ends(layer, first, width):
    """The row that reads whether the letter here ends ``w^first_layer``: its letter, unless the unit before says no."""
    row = torch.zeros(width)
    row[(first + layer - 1) % 2] = 1
    if layer > 1:
        row[_unit(layer - 1, first)] = -1
    return row


def _set_layer(block, layer, length):
    width = block.attention.out.weight.shape[0]
    set_attention(
        block.attention,
        values=[_ends(layer, first, width) for first in (0, 1)],
        writes=[torch.eye(width)[_mean(layer, first)] for first in (0, 1)],
    )
    for first in (0, 1):
        following = (first + layer) % 2
        weights, place = block.mlp[0].weight[first], _unit(layer, first)
        weights[_mean(layer, first)] = -16 * (length + 1)
        weights[[1 - following, 2]] = -16  # another letter, or the start token
        block.mlp[0].bias[first] = 8
        block.mlp[2].weight[place, first] = 1 / 8


def _refuse(words, blocks):
    """Raise for rows that begin with 1 or have too many blocks; -1 is padding."""
    inside = words >= 0
    begins = inside[:, 1:] & (words[:, 1:] != words[:, :-1])
    for bad, what in (
        (words[:, :1].eq(1).any(1), "begins with 1"),
        (begins.sum(1) >= blocks, f"has more than {blocks} blocks"),
    ):
        if bad.any():
            row = int(bad.int().argmax())
            raise ValueError(
                f"inputs must hold prefixes of words of {blocks} blocks that begin with 0 (strings='all' makes a net "
                f"for any strings), row {row} {what}: {words[row, :24].tolist()}"
            )


def _refuse_nothing(words):
    """Any string of zeros and ones will do."""
