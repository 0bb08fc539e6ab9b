"""How a model is called, whichever kind it is, and how it is found again afterwards."""

import contextlib
import inspect

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from howfar.transformer import Transformer

ARGUMENTS = ("input_ids", "position_ids", "attention_mask")


def caller(model):
    """A function (tokens, positions or None, mask) -> logits (batch, length, classes) of any model that `probe` takes.

    Raises
    ------
    ValueError
        If the model lacks one of `ARGUMENTS`; the sentence says which.
    """
    if isinstance(model, Transformer):
        if model.config.vocabulary is None:
            raise ValueError("model must take tokens; this Transformer takes numbers (its config has features)")
        return lambda tokens, positions, mask: _as_at_first(model, _ours, tokens, positions, mask)
    if not callable(model):
        raise ValueError(f"model must be a model or a function, got {type(model).__name__}")
    if getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        raise ValueError(
            f"model must read and answer one sequence; {type(model).__name__} is an encoder with a decoder, whose "
            "forward lacks position_ids for what it decodes"
        )
    parameters = _parameters(model)
    _check_arguments(model, parameters)
    extra = {"use_cache": False} if "use_cache" in parameters else {}
    must = "position_ids" in parameters and parameters["position_ids"].default is inspect.Parameter.empty

    def theirs(model, tokens, positions, mask):
        if positions is None and must:  # what somebody gives who doesn't think of padding
            positions = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens).contiguous()
        where = {} if positions is None else {"position_ids": positions}
        return _logits(model(input_ids=tokens, attention_mask=mask, **where, **extra), tokens)

    return lambda tokens, positions, mask: _as_at_first(model, theirs, tokens, positions, mask)


def _ours(model, tokens, positions, mask):
    return model(tokens, positions, mask.bool())


def _as_at_first(model, call, *arguments):
    """Call it, and undo what the call changed, so that no row depends on the rows before it."""
    with _modules_as_found(model):
        return call(model, *arguments)


def _parameters(model):
    """The forward's parameters by name; None where Python cannot tell."""
    try:
        return inspect.signature(model.forward if isinstance(model, nn.Module) else model).parameters
    except (TypeError, ValueError):  # a builtin
        return {name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in ARGUMENTS}


def _check_arguments(model, parameters):
    kinds = {name: p.kind for name, p in parameters.items()}
    if inspect.Parameter.VAR_KEYWORD in kinds.values():
        return
    by_name = [name for name, kind in kinds.items() if kind in (_EITHER, inspect.Parameter.KEYWORD_ONLY)]
    lacks = [name for name in ARGUMENTS if name not in by_name]
    if lacks:
        what = f"{type(model).__name__}'s forward" if isinstance(model, nn.Module) else "model"
        raise ValueError(
            f"{what} lacks {' and '.join(lacks)}: it takes ({', '.join(kinds)}). Give a function that takes "
            f"{', '.join(ARGUMENTS)} by these names, calls your model and returns its logits"
        )


_EITHER = inspect.Parameter.POSITIONAL_OR_KEYWORD


def _logits(output, tokens):
    """The logits in whatever a model returned."""
    found = output
    if not isinstance(output, torch.Tensor):
        found = getattr(output, "logits", None)
        if found is None and isinstance(output, dict):
            found = output.get("logits")
        if found is None and isinstance(output, tuple) and type(output) is tuple and output:
            found = output[0]
    if not isinstance(found, torch.Tensor):
        raise ValueError(
            f"model's forward must return logits, or an object with .logits; got {type(output).__name__} without them "
            "(of transformers, take the class with a language-modelling head: AutoModelForCausalLM)"
        )
    shape = tuple(tokens.shape)
    if found.ndim != 3 or tuple(found.shape[:2]) != shape or not found.is_floating_point():
        raise ValueError(
            f"model's forward must return logits of shape {(*shape, 'classes')}, got {found.dtype} {tuple(found.shape)}"
        )
    return found


def device_of(model):
    """Where tokens have to be for this model: on the device of its first parameter; None for a plain callable.

    (Weights that are kept elsewhere until they are needed are on the device "meta".)
    """
    parameters = model.parameters() if isinstance(model, nn.Module) else ()
    return next((p.device for p in parameters if p.device.type != "meta"), None)


def padding_token(model):
    """The token that padding is made of: the config's, where it is in the vocabulary, else 0. The mask hides it."""
    config = getattr(model, "config", None)
    token, size = getattr(config, "pad_token_id", None), getattr(config, "vocab_size", 0)
    return token if isinstance(token, int) and isinstance(size, int) and 0 <= token < size else 0


@contextlib.contextmanager
def as_found(model):
    """Evaluation mode without gradients; afterwards modes, attributes, buffers and generators are as they were."""
    device = device_of(model)
    devices = [device] if device is not None and device.type == "cuda" else []
    with _modules_as_found(model), torch.random.fork_rng(devices=devices), torch.no_grad():
        if isinstance(model, nn.Module):
            model.eval()
        yield


@contextlib.contextmanager
def _modules_as_found(model):
    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    found = [(module, dict(vars(module)), dict(module._buffers)) for module in modules]
    try:
        yield
    finally:
        for module, attributes, buffers in found:
            vars(module).clear()
            vars(module).update(attributes)
            module._buffers.clear()
            module._buffers.update(buffers)


class _WithinTables(TorchDispatchMode):
    """Raises an IndexError for a look-up beyond a table's end, on every device alike."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        aten = torch.ops.aten
        if func is aten.embedding.default:
            _check_rows(args[1], 0, args[0].shape[0])
        elif func in (aten.gather.default, aten.index_select.default):
            _check_rows(args[2], 0, args[0].shape[args[1]] if args[0].ndim else 1)
        elif func is aten.index.Tensor:
            for axis, index in enumerate(args[1]):
                if index is not None and index.dtype in (torch.int64, torch.int32):
                    size = args[0].shape[axis]
                    _check_rows(index, -size, size)
        return func(*args, **(kwargs or {}))


def within_tables():
    """A context in which a look-up beyond a table's end is an IndexError; a GPU would not recover from one."""
    return _WithinTables()


def _check_rows(index, least, size):
    if index.numel():
        low, high = (value.item() for value in torch.aminmax(index))
        if low < least or high >= size:
            raise IndexError(f"the model looks up row {high if high >= size else low} of a table that has {size}")
