"""The four questions that a Transformer asks its positional encoding, and the registry of answers."""

import inspect
from collections.abc import Mapping

import torch
from torch import nn

from howfar import checks
from howfar.encodings.positions import check_positions

ENCODINGS = {}
_BUILT_IN = frozenset("none sinusoidal learned relative rotary alibi wavelet legendre urpe learned_relation".split())
_SHAPE = ("width", "heads", "max_length", "causal")  # what every class is given by whoever builds it


class Encoding(nn.Module):
    """A positional encoding. This base class answers "nothing" to all four questions; a scheme overrides some.

    ============================================ ======================================== ====================
    question                                     answer                                   who overrides it
    ============================================ ======================================== ====================
    ``embed(x, positions)``                      x plus what positions add to embeddings  absolute encodings
    ``rotate(x, positions)``                     queries or keys, turned                  RoPE
    ``bias(query_positions, key_positions)``     to add to the attention logits           ALiBi, T5
    ``gate(query_positions, key_positions)``     to multiply the attention weights by     URPE
    ============================================ ======================================== ====================

    Parameters
    ----------
    width : int
        Of the residual stream.
    heads : int
        Must divide ``width``.
    max_length : int
        The length that tables and scales are made for: normally the training length.
    causal : bool
        Whether the model hides later tokens from earlier ones.

    Attributes
    ----------
    shift_invariant : bool
        Every class declares it: does adding one number to all positions leave the outputs of a model as they
        are? A property test holds each registered class to its word.

    Notes
    -----
    Positions are an integer or floating tensor of shape ``(length,)``, shared by the batch, or
    ``(batch, length)``. An answer keeps the dtype and device of its ``x``, whatever precision it computes in.

    Memory: with integer positions, no single tensor on the way to a bias or a gate of the library is larger than
    the float32 logits (heads, queries, keys) that it belongs to, with a batch axis only where positions have one.
    The sum of several is not bounded by that.
    """

    shift_invariant: bool

    def __init__(self, width, heads, max_length, causal=False):
        super().__init__()
        self.width, self.heads = checks.count("width", width), checks.count("heads", heads)
        self.max_length, self.causal = checks.count("max_length", max_length), checks.flag("causal", causal)
        if self.width % self.heads:
            raise ValueError(f"heads must divide width, got heads={heads} and width={width}")
        # Fixed tensors (slopes, grids). No buffers: those would lose their precision with the model's dtype.
        self.constants = {}

    @property
    def head_width(self):
        return self.width // self.heads

    def check(self, positions):
        """Raise a ValueError for positions that this encoding cannot represent.

        The place for whatever depends on their values: it is asked before the other questions, of plain tensors, where
        those may be asked under ``torch.vmap``, which lets nothing be read.
        """
        check_positions(positions)

    def embed(self, x, positions):
        """Token embeddings (batch, length, width), with what their positions add; asked once, at the bottom."""
        return x

    def rotate(self, x, positions):
        """Queries or keys (batch, heads, length, head_width), turned by position; asked in every layer."""
        return x

    def bias(self, query_positions, key_positions):
        """To add to the logits: None, (heads, queries, keys) or (batch, heads, queries, keys); shared by layers."""
        return None

    def gate(self, query_positions, key_positions):
        """To multiply the attention weights by, after the softmax; same shapes as `bias`; shared by layers."""
        return None

    def _apply(self, fn, recurse=True):
        """Constants follow the model to its device, and keep their dtype."""
        super()._apply(fn, recurse)
        for name, value in self.constants.items():
            device = fn(torch.empty(0, device=value.device)).device
            if device.type == "mps" and value.dtype is torch.float64:  # which has no float64
                value = value.float()
            self.constants[name] = value.to(device)
        return self


def register(name):
    """Class decorator: make an encoding known by its name, to `make_encoding`, to models and to the tests.

    A name of the library's own cannot be taken; your own may be registered again (as happens when a cell is
    re-run).

    Parameters
    ----------
    name : str

    Raises
    ------
    ValueError
        If the name is the library's or no identifier, or the class is no `Encoding` or doesn't declare
        ``shift_invariant``.

    Examples
    --------
    >>> @register("nearest")  # doctest: +SKIP
    ... class Nearest(Encoding):
    ...     shift_invariant = True
    ...
    ...     def bias(self, query_positions, key_positions):
    ...         return -offsets(query_positions, key_positions).abs().float()[..., None, :, :]
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(f"name must be an identifier, such as 'my_encoding', got {name!r}")

    def add(cls):
        if not (isinstance(cls, type) and issubclass(cls, Encoding)):
            raise ValueError(f"{name!r} must be a subclass of howfar.encodings.Encoding, got {cls!r}")
        if not isinstance(getattr(cls, "shift_invariant", None), bool):
            raise ValueError(f"{cls.__name__} must declare shift_invariant = True or False")
        if name in _BUILT_IN and not cls.__module__.startswith(__package__ + "."):
            raise ValueError(f"{name!r} is one of the library's own encodings; choose another name")
        ENCODINGS[name] = cls
        cls.name = name
        return cls

    return add


def make_encoding(name, *, width, heads, max_length, causal=False, **options):
    """The encoding called ``name``, ready for a model of this shape.

    Parameters
    ----------
    name : str
        A key of `ENCODINGS`.
    width, heads, max_length, causal
        See `Encoding`.
    **options
        What the class takes beyond these.

    Returns
    -------
    Encoding

    Raises
    ------
    ValueError
        If the name or an option is unknown, or an option is refused by the class.
    """
    cls = ENCODINGS[checks.choice("encoding", name, sorted(ENCODINGS))]
    parameters = inspect.signature(cls).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        allowed = [p for p in parameters if p not in _SHAPE]
        unknown = [option for option in options if option not in allowed]
        if unknown:
            raise ValueError(
                f"encoding {name!r} has no option {', '.join(map(repr, unknown))}; "
                f"its options: {', '.join(allowed) or 'none'}"
            )
    return cls(width=width, heads=heads, max_length=max_length, causal=causal, **options)


def check_options(name, options):
    """Raise a ValueError unless the argument called ``name`` maps names of options to values.

    Width, heads, max_length and causal are no options: they come from whatever the encoding is built into, and a
    second value could only contradict that.
    """
    if not isinstance(options, Mapping) or not all(isinstance(key, str) for key in options):
        raise ValueError(f"{name} must map names of options to values, got {options!r}")
    given = [key for key in _SHAPE if key in options]
    if given:
        raise ValueError(
            f"{name} must not contain {', '.join(map(repr, given))}: an encoding takes its shape from the model, "
            f"got {dict(options)!r}"
        )


def check_features(x, name, sizes):
    """Raise a ValueError unless ``x`` is a floating tensor whose last axis is as long as what ``name`` says."""
    if not isinstance(x, torch.Tensor) or not x.is_floating_point() or x.ndim < 2 or x.shape[-1] != sizes:
        got = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, torch.Tensor) else type(x).__name__
        raise ValueError(f"x must be real numbers of shape (..., length, {name}={sizes}), got {got}")


@register("none")
class NoEncoding(Encoding):
    """No encoding at all (NoPE). A causal model can still count the tokens before it; a bidirectional one cannot."""

    shift_invariant = True
