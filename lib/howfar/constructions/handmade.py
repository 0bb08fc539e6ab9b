"""Setting weights by name: features of the residual stream, rows that read them, columns that write them."""

import torch

from howfar.transformer import Transformer


class Handmade(Transformer):
    """A `Transformer` that refuses words for which its weights are not made.

    Parameters
    ----------
    config : TransformerConfig
        With ``encoding="none"``, tokens as inputs, and ``max_length`` the longest input, start token included.
    start : int
        The token that stands in front of every word, and nowhere else.
    refuse : callable
        ``refuse(words)`` raises a ValueError for words that are not allowed; ``words`` is an int64 tensor (batch,
        length) without the start token, -1 where the mask of `forward` is False.
    """

    def __init__(self, config, start, refuse):
        super().__init__(config)
        self.start, self.refuse = start, refuse
        for parameter in self.parameters():
            parameter.requires_grad_(False).zero_()
        for module in self.modules():
            if isinstance(module, torch.nn.LayerNorm):
                module.weight.fill_(1.0)
        self.eval()

    def check(self, inputs, positions=None, mask=None):
        """As `Transformer.check`; also for an input that is too long, or a word that the weights are not made for."""
        super().check(inputs, positions, mask)
        longest = self.config.max_length
        if inputs.shape[1] > longest:
            raise ValueError(
                f"inputs must be at most {longest} tokens long, the start token and the {longest - 1} that the weights "
                f"are made for; got {inputs.shape[1]}"
            )
        misplaced = inputs == self.start
        misplaced[:, 0] ^= True
        if misplaced.any():
            row = int(misplaced.any(1).int().argmax())
            raise ValueError(
                f"inputs must begin with the start token {self.start} and have it nowhere else, "
                f"row {row} is {inputs[row, :24].tolist()}"
            )
        words = inputs if mask is None else inputs.masked_fill(~mask, -1)
        self.refuse(words[:, 1:])


class Paired:
    """Features that stand in the residual stream twice, as ``v`` and as ``-v``.

    Their mean is 0 whatever they hold, so LayerNorm doesn't shift them: it only divides by a norm. A row reads half the
    difference of the two.

    Parameters
    ----------
    names : sequence of str
    """

    def __init__(self, names):
        self.names = list(names)
        self.width = 2 * len(self.names)

    def row(self, values):
        """Weights that read the sum of ``values[name]`` times each feature: tensor (width,), float64."""
        return self.column(values) / 2

    def column(self, values):
        """Weights that add ``values[name]`` to each feature: tensor (width,), float64."""
        out = torch.zeros(self.width, dtype=torch.float64)
        for name, value in values.items():
            place = 2 * self.names.index(name)
            out[place], out[place + 1] = value, -value
        return out


def set_attention(attention, *, queries=(), keys=(), query_biases=(), values=(), writes=()):
    """Set the weights of an attention layer with one head.

    Parameters
    ----------
    attention : howfar.transformer.Attention
    queries, keys, values : sequence of tensor (width,)
        Rows that read the stream, one for each dimension of the head that is used. Scores are the plain dot products
        of queries and keys: the division by the root of the width is undone here.
    query_biases : sequence of float
        One for each dimension from the first on.
    writes : sequence of tensor (width,)
        The column of the stream that each dimension of the values is added to.
    """
    width = attention.out.weight.shape[0]
    weight, bias = attention.qkv.weight, attention.qkv.bias
    for part, rows in enumerate((queries, keys, values)):
        for place, row in enumerate(rows):
            weight[part * width + place] = row * (width**0.5 if part == 0 else 1.0)
    for place, value in enumerate(query_biases):
        bias[place] = value * width**0.5
    for place, column in enumerate(writes):
        attention.out.weight[:, place] = column
