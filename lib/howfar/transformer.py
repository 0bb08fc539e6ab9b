"""The one model of the course: a Transformer that asks its positional encoding four questions."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from howfar import checks
from howfar.encodings import check_positions, make_encoding
from howfar.encodings.base import check_options
from howfar.encodings.positions import extremes, trusted_values, values_are_trusted

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
        _check_config(self)


class Transformer(nn.Module):
    """A Transformer, causal or not, for tokens or for numbers.

    Parameters
    ----------
    config : TransformerConfig

    Notes
    -----
    Attention is written out (no fused kernel), because its weights are recorded and encodings may multiply them after
    the softmax. Positions are an argument: the model never invents others than 0, 1, 2, ... The encoding is made last,
    so that two models with the same seed and different encodings start with the same weights elsewhere.
    """

    def __init__(self, config):
        if not isinstance(config, TransformerConfig):
            raise ValueError(f"config must be a TransformerConfig, got {type(config).__name__}")
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
            False where a token is padding: nobody attends to it. (The ``mask`` of a `howfar.tasks.Batch` is another: it
            says which answers count.)

        Returns
        -------
        tensor (batch, length, outputs)

        Raises
        ------
        ValueError
            If an argument has the wrong shape or dtype, a token is not in the vocabulary, or a position is negative
            or one that the encoding cannot represent.
        """
        if not values_are_trusted():
            self.check(inputs, positions, mask)
        length, encoding = inputs.shape[1], self.encoding
        if positions is None:
            positions = torch.arange(length, device=inputs.device)
        with trusted_values():  # they are checked; the encoding need not read them again
            x = self.embedded(encoding.embed(self.inputs(inputs), positions))  # (batch, length, width)
            bias, gate = encoding.bias(positions, positions), encoding.gate(positions, positions)
            bias = _hide(bias, length, self.config.causal, mask, x)
            for block in self.blocks:
                x = block(x, encoding, positions, bias, gate)
        return self.outputs(self.norm(x))

    def check(self, inputs, positions=None, mask=None):
        """Raise a ValueError for arguments that `forward` cannot take."""
        _check_inputs(inputs, self.config, self.outputs.weight.dtype)
        if positions is None:
            positions = torch.arange(inputs.shape[1])
        check_positions(positions, length=inputs.shape[1], batch=inputs.shape[0])
        self.encoding.check(positions)
        _check_mask(mask, tuple(inputs.shape[:2]))


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

    def forward(self, x, *where):
        """x (batch, length, width) -> the same shape; ``where`` is what `Attention` is told about positions."""
        x = self._add(x, self.attention_norm, lambda y: self.attention(y, *where))
        return self._add(x, self.mlp_norm, self.mlp) if self.config.mlp_ratio else x

    def _add(self, x, norm, layer):
        """x + layer(norm(x)) in a pre-norm model, norm(x + layer(x)) in a post-norm one."""
        pre = self.config.norm == "pre"
        y = layer(norm(x) if pre else x)
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

    def forward(self, x, encoding, positions, bias=None, gate=None):
        """x (batch, length, width) -> the same shape.

        ``bias`` is added to the logits, also to hide keys from queries; ``gate`` multiplies the weights. Each is None,
        (heads or 1, queries, keys), or that with a batch axis in front.
        """
        q, k, v = self.qkv(x).chunk(3, dim=-1)  # each (batch, length, width)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (q, k, v))
        # Now each is (batch, heads, length, head_width).
        q, k = encoding.rotate(q, positions), encoding.rotate(k, positions)
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)  # (batch, heads, queries, keys)
        if bias is not None:
            scores = scores + bias
        weights = scores.softmax(dim=-1)
        if gate is not None:
            weights = weights * gate
        weights = self.weights(weights).to(v.dtype)
        mixed = weights @ v  # (batch, heads, queries, head_width)
        return self.out(mixed.transpose(1, 2).flatten(-2))


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


def _hide(bias, length, causal, mask, x):
    """The bias, with the lowest number where a query must not see a key: (..., length, length), or None for nothing.

    A number rather than minus infinity, so that a row without any visible key is uniform and not NaN; what it is added
    to is lost in rounding. Once for all layers, and in the backward pass free of charge.
    """
    hides = None
    if causal:
        hides = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
    if mask is not None:
        padding = ~mask[:, None, None, :]
        hides = padding if hides is None else hides | padding
    if hides is None:
        return bias
    bias = torch.zeros((), dtype=x.dtype, device=x.device) if bias is None else bias
    return bias.masked_fill(hides, torch.finfo(bias.dtype).min)


# --- what is refused ------------------------------------------------------------------------------------------------


def _check_config(config):
    """Refuse a config that contradicts itself, and give every number its plain Python type."""
    counts, flags = ("depth", "width", "heads", "outputs", "max_length"), ("causal", "skip")
    plain = {name: checks.count(name, getattr(config, name)) for name in counts}
    plain |= {name: checks.flag(name, getattr(config, name)) for name in flags}
    plain["mlp_ratio"] = checks.number("mlp_ratio", config.mlp_ratio, least=0)
    if plain["width"] % plain["heads"]:
        raise ValueError(f"heads must divide width, got heads={config.heads} and width={config.width}")
    if (config.vocabulary is None) == (config.features is None):
        raise ValueError(
            "give either vocabulary (token inputs) or features (continuous inputs), "
            f"got vocabulary={config.vocabulary!r} and features={config.features!r}"
        )
    given = "features" if config.vocabulary is None else "vocabulary"
    plain[given] = checks.count(given, getattr(config, given))
    checks.choice("norm", config.norm, NORMS)
    check_options("encoding_options", config.encoding_options)
    for name, value in plain.items():
        object.__setattr__(config, name, value)  # it is frozen for everybody else


def _check_inputs(inputs, config, dtype):
    if not isinstance(inputs, torch.Tensor):
        raise ValueError(f"inputs must be a tensor, got {type(inputs).__name__}")
    got = f"{inputs.dtype} {tuple(inputs.shape)}"
    if not inputs.numel():
        raise ValueError(f"inputs must hold at least one token, got {got}")
    if config.vocabulary is None:
        if inputs.ndim != 3 or inputs.shape[-1] != config.features or not inputs.is_floating_point():
            raise ValueError(f"inputs must be real numbers of shape (batch, length, {config.features}), got {got}")
        if inputs.dtype != dtype:
            raise ValueError(f"inputs must be {dtype}, as the weights are, got {got}")
        return
    if inputs.ndim != 2 or inputs.dtype not in (torch.int64, torch.int32):
        raise ValueError(f"inputs must be int64 tokens of shape (batch, length), got {got}")
    ends = extremes(inputs)
    if ends is not None and not (ends[0] >= 0 and ends[1] < config.vocabulary):
        raise ValueError(f"inputs must be tokens from 0 to {config.vocabulary - 1}, got {ends[0]} to {ends[1]}")


def _check_mask(mask, shape):
    if mask is None:
        return
    if not isinstance(mask, torch.Tensor):
        raise ValueError(f"mask must be a tensor, got {type(mask).__name__}")
    if mask.dtype is not torch.bool or tuple(mask.shape) != shape:
        raise ValueError(f"mask must be bool of shape {shape}, got {mask.dtype} {tuple(mask.shape)}")
