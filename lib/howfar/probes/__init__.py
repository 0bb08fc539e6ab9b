"""What do positions do to a model of your own? One question, asked of any causal language model.

`probe` moves the position ids of the same tokens, and pads them on the left as a batch of unequal prompts is padded. It
says whether the model's answers stayed where they were.
"""

import warnings
from collections.abc import Iterable, Mapping

import pandas as pd
import torch
from torch.nn import functional

from howfar import checks
from howfar.probes.calling import as_found, caller, device_of, padding_token, within_tables
from howfar.probes.small import ARCHITECTURES, DTYPES, load_folder, small_model
from howfar.probes.thresholds import resolution, rounding_limit, spread_of

__all__ = ["ARCHITECTURES", "DTYPES", "VERDICTS", "load_folder", "probe", "small_model"]

VERDICTS = ("rounding", "moves", "ignored", "refused")
COLUMNS = ("test", "change", "spread", "argmax_changed", "accuracy", "verdict")


def probe(model, tokens, targets=None, shifts=(1, 20, 100), pad=5):
    """Move a model's positions, and pad its input on the left: do its answers stay the same?

    Parameters
    ----------
    model : Hugging Face causal language model, howfar.Transformer, or callable
        A callable takes ``input_ids``, ``position_ids`` and ``attention_mask``, int64 (batch, length), by these names,
        and returns logits (batch, length, classes), or an object with ``.logits``.
    tokens : integer array or tensor (batch, length)
        At least two tokens a row; no padding among them.
    targets : integer array or tensor (batch, length), optional
        The right answer at each position; -100 where none counts. For a language model that predicts the next token:
        ``tokens`` one place to the left, -100 in the last column.
    shifts : sequence of int
        What is added to all positions. 0 is allowed: its row has the accuracy that the others compare to.
    pad : int
        Tokens of padding on the left, hidden by the mask.

    Returns
    -------
    pandas.DataFrame
        A row for each ``shift s``; ``left padding``, where the model finds the positions itself (a callable that must
        be given some gets 0, 1, 2, ... from the first padding token on); and ``left padding with positions``, where
        each token keeps the position that it had. All are compared to the tokens at positions 0, 1, 2, ...:

        ``change``
            The largest difference of a logit, over all tokens and classes.
        ``spread``
            The same in units of the logits' spread: their standard deviation over the classes, mean over the tokens.
        ``argmax_changed``
            The share of tokens whose most likely class is another.
        ``accuracy``
            The share of targets that are right; NaN without targets.
        ``verdict``
            ``rounding``: the logits' root mean square change is within what the dtype's rounding explains (see Notes).
            ``moves``: it isn't. ``ignored``: the
            model doesn't read position ids. They changed exactly nothing, neither here nor when they were doubled, so
            that this row tests nothing. ``refused``: the model raised an error, most often since a table of positions
            ends; the numbers are NaN.

        In ``attrs``: ``rms`` and ``limit`` (for each row, the root mean square change, and up to which it is rounding),
        ``accuracy`` (at positions 0, 1, 2, ...) and ``refused`` (for each row that was, what the model said).

    Raises
    ------
    ValueError
        If an argument is out of its range, the model's forward lacks one of the three arguments, doesn't return logits
        (batch, length, classes), fails at positions 0, 1, 2, ..., or answers the same call differently twice.

    Notes
    -----
    A mask of ones and ids with a row for each sequence are always given: without a mask, positions that jump are read
    as several sequences packed into one by some models, and ids without a batch axis fail in others.

    The limit of ``rounding`` is no law but a rule, which separates what we have seen: see
    `howfar.probes.thresholds.rounding_limit`. A plain callable hides its weights: its dtype is that of its logits.

    The model is left as it was: it is called in evaluation mode without gradients and then gets back the mode,
    attributes and buffers of each of its modules (some scalings of RoPE change their frequencies when they see a
    long sequence, and would judge the next row with others), and torch's generators are put back. Look-ups beyond
    the end of a table are caught before they reach a GPU, which would not recover from them.

    Examples
    --------
    >>> from transformers import AutoModelForCausalLM  # doctest: +SKIP
    >>> model = AutoModelForCausalLM.from_pretrained("gpt2")  # doctest: +SKIP
    >>> howfar.probe(model, torch.randint(50257, (4, 64)))  # doctest: +SKIP
    """
    call, device = caller(model), device_of(model)
    tokens = _tokens(tokens, device)
    targets, shifts, pad = _targets(targets, tokens), _shifts(shifts), checks.count("pad", pad)
    length, ones = tokens.shape[1], torch.ones_like(tokens)
    here = torch.arange(length, device=tokens.device)

    def at(positions):
        return call(tokens, positions.expand_as(tokens).contiguous(), ones)

    with as_found(model), warnings.catch_warnings():
        judge = _Judge(model, at, here, targets)
        for s in shifts:
            judge.row(f"shift {s}", lambda s=s: at(here + s), last=length + s, without=judge.reference)
        padded = functional.pad(tokens, (pad, 0), value=padding_token(model))
        mask, kept = functional.pad(ones, (pad, 0)), functional.pad(here.expand_as(tokens), (pad, 0))
        alone = judge.row("left padding", lambda: call(padded, None, mask)[:, pad:], last=length + pad)
        judge.row("left padding with positions", lambda: call(padded, kept, mask)[:, pad:], last=length, without=alone)
    return judge.table()


class _Judge:
    """Collects the rows: each call's logits against those at positions 0, 1, 2, ...; ``at(positions)`` calls."""

    def __init__(self, model, at, here, targets):
        self.targets, self.rows, self.refused, self.rms, self.limits = targets, [], {}, {}, {}
        self.reference, again = _answers(lambda: (at(here), at(here)), len(here))
        self.eps, self.spread = resolution(model, self.reference), spread_of(self.reference)
        self.noise = difference(again, self.reference)  # 0, but on a GPU that sums in any order
        if root_mean_square(again, self.reference) > rounding_limit(self.reference, self.eps, len(here)):
            raise ValueError(
                f"model must answer the same call alike, got logits that differ by {self.noise:.2g}: is something "
                "random in it, or does it remember calls?"
            )
        try:
            with within_tables():
                self.reads = difference(at(2 * here), self.reference) > self.noise
        except torch.OutOfMemoryError:
            raise
        except Exception:  # a table that ends, whatever it raises: then it was read
            self.reads = True

    def row(self, test, answer, *, last, without=None):
        """Add a row. ``last``: positions up to this one; ``without``: what the model answers without these ids."""
        try:
            with within_tables():
                logits = answer()
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # whatever a model of the reader's own raises where its positions end
            self.refused[test] = f"{type(error).__name__}: {error}".splitlines()[0]
            self.rows.append({"test": test, "verdict": "refused"})
            return None
        change = difference(logits, self.reference)
        self.limits[test] = rounding_limit(self.reference, self.eps, last)
        self.rms[test] = root_mean_square(logits, self.reference)
        verdict = "rounding" if self.rms[test] <= self.limits[test] else "moves"
        if not self.reads and without is not None and difference(logits, without) <= self.noise:
            verdict = "ignored"
        moved = (logits.argmax(-1) != self.reference.argmax(-1)).double().mean().item()
        numbers = (change, change / self.spread, moved, self.accuracy(logits))
        self.rows.append(dict(zip(COLUMNS, (test, *numbers, verdict), strict=True)))
        return logits

    def accuracy(self, logits):
        if self.targets is None:
            return float("nan")
        targets = self.targets.to(logits.device)
        return (logits.argmax(-1) == targets)[targets != -100].double().mean().item()

    def table(self):
        frame = pd.DataFrame(self.rows, columns=COLUMNS)
        frame[list(COLUMNS[1:-1])] = frame[list(COLUMNS[1:-1])].astype(float)
        frame.attrs = {"rms": self.rms, "limit": self.limits, "accuracy": self.accuracy(self.reference)}
        frame.attrs["refused"] = self.refused
        return frame


def difference(a, b):
    """The largest difference of two logits; infinite where one isn't a number."""
    return _gaps(a, b).max().item()


def root_mean_square(a, b):
    """The root mean square difference of two sets of logits; infinite where one isn't a number."""
    return _gaps(a, b).square().mean().sqrt().item()


def _gaps(a, b):
    return (a.double() - b.double()).abs().nan_to_num(nan=torch.inf)


def _answers(call, length):
    """What the call returns, or a ValueError that says why the model has no usable logits at 0, 1, 2, ..."""
    try:
        with within_tables():
            first, again = call()
    except (torch.OutOfMemoryError, ValueError):
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        raise ValueError(f"model's forward fails at positions 0 to {length - 1}: {said}") from error
    if not bool(first.isfinite().all()):
        raise ValueError("model's logits must be finite at positions 0, 1, 2, ..., got infinite ones or NaN")
    if spread_of(first) == 0:
        raise ValueError("model's logits must differ from class to class, got the same number for all")
    return first, again


def _tokens(tokens, device):
    if isinstance(tokens, Mapping):
        raise ValueError(
            "tokens must be an array of integers, got a mapping; of a tokenizer's, give tokens['input_ids']"
        )
    array = checks.integers("tokens", tokens)
    if array.ndim != 2 or array.shape[0] < 1 or array.shape[1] < 2:
        raise ValueError(f"tokens must be (batch, length) with at least two tokens a row, got shape {array.shape}")
    if array.min() < 0:
        raise ValueError(f"tokens must be 0 or more, got {array.min()}")
    given = tokens.device if isinstance(tokens, torch.Tensor) else None
    return torch.as_tensor(array.copy(), device=device or given)


def _targets(targets, tokens):
    if targets is None:
        return None
    array = checks.integers("targets", targets)
    if array.shape != tuple(tokens.shape):
        raise ValueError(f"targets must have the shape of tokens, {tuple(tokens.shape)}, got {array.shape}")
    if not (array != -100).any():
        raise ValueError("targets are -100 everywhere: none counts")
    return torch.as_tensor(array.copy(), device=tokens.device)


def _shifts(shifts):
    if isinstance(shifts, str) or not isinstance(shifts, Iterable):
        raise ValueError(f"shifts must be a sequence of integers, got {shifts!r}")
    return [checks.count(f"shifts[{i}]", s, least=0) for i, s in enumerate(shifts)]
