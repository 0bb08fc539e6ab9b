"""The one model of the course: a Transformer that asks its positional encoding four questions."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from howfar.encodings import check_positions, make_encoding
from howfar.encodings.base import check_count, check_number, check_options
from howfar.encodings.positions import extremes, trusted_positions

NORMS = ("pre", "post", "none")


@dataclass(frozen=True)
class TransformerConfig:
    """The shape of a `Transformer`.

    Attributes
    ----------
    depth, width, heads : int
        Layers, features of the residual stream, attention heads (which must divide the width).
    vocabulary : int or None
        Token inputs: how many different tokens.
    features : int or None
        Continuous inputs: how many numbers per position. Exactly one of ``vocabulary`` and ``features`` is
        given.
    outputs : int
        Numbers per position at the end: logits of classes, or predictions.
    causal : bool
        Whether a token sees only itself and what lies before it in the sequence.
    norm : {"pre", "post", "none"}
        LayerNorm before each sublayer (and once at the end), after each residual sum, or nowhere.
    mlp_ratio : float
        Hidden units of each feed-forward layer, in widths; 0 leaves the feed-forward layers out.
    skip : bool
        Residual connections. Without them (and without feed-forward layers) the rank of the hidden states collapses.
    encoding : str
        A name in ``howfar.ENCODINGS``.
    encoding_options : mapping
        What the encoding takes beyond its shape (width, heads, max_length and causal are the model's).
    max_length : int
        The length that the encoding is made for: normally the training length.
    """

    depth: int = 2
    width: int = 64
    heads: int = 4
    vocabulary: int | None = None
    features: int | None = None
    outputs: int = 1
    causal: bool = True
    norm: str = "pre"
    mlp_ratio: float = 4
    skip: bool = True
    encoding: str = "none"
    encoding_options: Mapping = field(default_factory=dict, hash=False)
    max_length: int = 512

    def __post_init__(self):
        for name in ("depth", "width", "heads", "outputs", "max_length"):
            check_count(name, getattr(self, name))
        if self.width % self.heads:
            raise ValueError(f"heads must divide width, got heads={self.heads} and width={self.width}")
        if (self.vocabulary is None) == (self.features is None):
            raise ValueError(
                "give either vocabulary (token inputs) or features (continuous inputs), "
                f"got vocabulary={self.vocabulary!r} and features={self.features!r}"
            )
        name = "features" if self.vocabulary is None else "vocabulary"
        check_count(name, getattr(self, name))
        if self.norm not in NORMS:
            raise ValueError(f"norm must be one of {', '.join(map(repr, NORMS))}; got {self.norm!r}")
        check_number("mlp_ratio", self.mlp_ratio, least=0)
        for name in ("causal", "skip"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be True or False, got {getattr(self, name)!r}")
        check_options("encoding_options", self.encoding_options)


class Transformer(nn.Module):
    """A Transformer, causal or not, for tokens or for numbers.

    Parameters
    ----------
    config : TransformerConfig

    Notes
    -----
    Attention is written out (no fused kernel), because its weights are recorded, encodings may multiply them
    after the softmax, and ensembles run the model under ``torch.vmap``. Positions are an argument: the model
    never invents others than 0, 1, 2, ... The encoding is made last, so that two models with the same seed
    and different encodings start with the same weights elsewhere.
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        if config.vocabulary is not None:
            self.inputs = nn.Embedding(config.vocabulary, config.width)
        else:
            self.inputs = nn.Linear(config.features, config.width)
        self.embedded = nn.Identity()  # where `record` listens
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width) if config.norm == "pre" else nn.Identity()
        self.outputs = nn.Linear(config.width, config.outputs)
        self.encoding = make_encoding(
            config.encoding,
            width=config.width,
            heads=config.heads,
            max_length=config.max_length,
            causal=config.causal,
            **config.encoding_options,
        )

    def forward(self, inputs, positions=None, mask=None):
        """Predict at every position.

        Parameters
        ----------
        inputs : integer tensor (batch, length) or real tensor (batch, length, features)
            Tokens or numbers, as the config says.
        positions : tensor (length,) or (batch, length), optional
            Zero or more; integers, or real numbers if the encoding takes them. Left out: 0, 1, 2, ...
        mask : bool tensor (batch, length), optional
            False where a token is padding: nobody attends to it.

        Returns
        -------
        tensor (batch, length, outputs)

        Raises
        ------
        ValueError
            If an argument has the wrong shape or dtype, a token is not in the vocabulary (not read on a GPU),
            or a position is negative or one that the encoding cannot represent.
        """
        self._check_inputs(inputs, mask)
        batch, length = inputs.shape[:2]
        encoding = self.encoding
        if positions is None:
            encoding.check(torch.arange(length, device="cpu"))  # where reading costs no wait for a GPU
            positions = torch.arange(length, device=inputs.device)
        else:
            check_positions(positions, length=length, batch=batch)
            encoding.check(positions)
        hides = self._hidden_pairs(length, mask, inputs.device)
        with trusted_positions():
            hidden = self.embedded(encoding.embed(self.inputs(inputs), positions))  # (batch, length, width)
            bias, gate = encoding.bias(positions, positions), encoding.gate(positions, positions)
            for block in self.blocks:
                hidden = block(hidden, encoding, positions, bias, gate, hides)
        return self.outputs(self.norm(hidden))

    def _hidden_pairs(self, length, mask, device):
        """True where a query must not see a key: (length, length), (batch, 1, 1 or length, length), or None."""
        hides = None
        if self.config.causal:
            hides = torch.ones(length, length, dtype=torch.bool, device=device).triu(1)
        if mask is not None:
            padding = ~mask[:, None, None, :]
            hides = padding if hides is None else hides | padding
        return hides

    def _check_inputs(self, inputs, mask):
        for name, value in (("inputs", inputs), ("mask", mask)):
            if not isinstance(value, torch.Tensor) and not (name == "mask" and value is None):
                raise ValueError(f"{name} must be a tensor, got {type(value).__name__}")
        if self.config.vocabulary is not None:
            if inputs.ndim != 2 or inputs.dtype not in (torch.int64, torch.int32):
                raise ValueError(
                    f"inputs must be int64 tokens of shape (batch, length), got {inputs.dtype} {tuple(inputs.shape)}"
                )
            ends = None if inputs.is_cuda else extremes(inputs)  # a GPU would have to be waited for
            if ends is not None and not (ends[0] >= 0 and ends[1] < self.config.vocabulary):
                raise ValueError(
                    f"inputs must be tokens from 0 to {self.config.vocabulary - 1}, got {ends[0]} to {ends[1]}"
                )
        elif inputs.ndim != 3 or inputs.shape[-1] != self.config.features or not inputs.is_floating_point():
            raise ValueError(
                f"inputs must be real numbers of shape (batch, length, {self.config.features}), "
                f"got {inputs.dtype} {tuple(inputs.shape)}"
            )
        if mask is not None and (mask.dtype is not torch.bool or mask.shape != inputs.shape[:2]):
            raise ValueError(
                f"mask must be bool of shape {tuple(inputs.shape[:2])}, got {mask.dtype} {tuple(mask.shape)}"
            )


class Block(nn.Module):
    """Attention, then a feed-forward layer."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.attention = Attention(config.width, config.heads)
        self.attention_norm = nn.LayerNorm(config.width) if config.norm != "none" else nn.Identity()
        if config.mlp_ratio:
            units = round(config.mlp_ratio * config.width)
            self.mlp = nn.Sequential(nn.Linear(config.width, units), nn.GELU(), nn.Linear(units, config.width))
            self.mlp_norm = nn.LayerNorm(config.width) if config.norm != "none" else nn.Identity()

    def forward(self, x, encoding, positions, bias, gate, hides):
        x = self._sublayer(x, self.attention_norm, self.attention, encoding, positions, bias, gate, hides)
        return self._sublayer(x, self.mlp_norm, self.mlp) if self.config.mlp_ratio else x

    def _sublayer(self, x, norm, layer, *arguments):
        pre = self.config.norm == "pre"
        y = layer(norm(x) if pre else x, *arguments)
        y = x + y if self.config.skip else y
        return y if pre else norm(y)


class Attention(nn.Module):
    """Multi-head self-attention, written out."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.weights = nn.Identity()  # where `record` listens

    def forward(self, x, encoding, positions, bias=None, gate=None, hides=None):
        """x (batch, length, width) -> the same shape."""
        batch, length, width = x.shape
        parts = self.qkv(x).chunk(3, dim=-1)  # queries, keys, values, each (batch, length, width)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        # Now each is (batch, heads, length, head_width).
        q, k = encoding.rotate(q, positions), encoding.rotate(k, positions)
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)  # (batch, heads, queries, keys)
        if bias is not None:
            scores = scores + bias  # (heads, queries, keys) or (batch, heads, queries, keys)
        if hides is not None:
            # Finite, so that a row without any visible key is uniform rather than NaN.
            scores = scores.masked_fill(hides, torch.finfo(scores.dtype).min)
        weights = scores.softmax(dim=-1)
        if gate is not None:
            weights = weights * gate
        weights = self.weights(weights).to(v.dtype)
        mixed = weights @ v  # (batch, heads, queries, head_width)
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width))


@dataclass
class Recording:
    """What `record` saw in the most recent forward pass.

    Attributes
    ----------
    attention : list of tensor (batch, heads, queries, keys)
        Per layer: the weights that multiply the values (after the gate, if the encoding has one).
    hidden : list of tensor (batch, length, width)
        The embeddings, then the output of each layer: depth + 1 of them.
    """

    attention: list = field(default_factory=list)
    hidden: list = field(default_factory=list)

    def clear(self, *_):
        self.attention.clear()
        self.hidden.clear()


@contextlib.contextmanager
def record(model):
    """Collect attention weights and hidden states while the block runs.

    Parameters
    ----------
    model : Transformer

    Yields
    ------
    Recording
        Holds the most recent forward pass, detached from the graph.

    Examples
    --------
    >>> with record(model) as seen:  # doctest: +SKIP
    ...     model(tokens)
    >>> seen.attention[0].shape  # doctest: +SKIP
    torch.Size([1, 4, 10, 10])
    """
    seen = Recording()

    def keep(into):
        return lambda module, inputs, output: into.append(output.detach())

    handles = [model.register_forward_pre_hook(seen.clear)]
    handles.append(model.embedded.register_forward_hook(keep(seen.hidden)))
    for block in model.blocks:
        handles.append(block.register_forward_hook(keep(seen.hidden)))
        handles.append(block.attention.weights.register_forward_hook(keep(seen.attention)))
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
