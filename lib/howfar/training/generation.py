"""Let a model write: each token that it says is the next that it reads."""

import numpy as np
import torch

from howfar import checks
from howfar.encodings import check_positions
from howfar.encodings.positions import trusted_values
from howfar.ensembles import Ensemble, rows_at_once
from howfar.transformer import Transformer

NOTHING = -1  # where a prompt has ended and where nothing more is said, as in `howfar.dyck.pad_words`


@torch.no_grad()
def generate(model, prompts, *, steps, stop=None, allowed=None, positions=None):
    """Continue prompts greedily, free-running: the most probable token is said, and read in the next step.

    Parameters
    ----------
    model : Transformer or Ensemble
        A causal model of tokens. Each member of an ensemble reads what it has said itself.
    prompts : integer array or tensor (batch, length)
        Tokens, at least one in a row. Rows of different lengths end in -1, as `howfar.dyck.pad_words` has them.
    steps : int
        The most new tokens.
    stop : int, optional
        The token after which a row is finished. Left out: every row has ``steps`` new tokens.
    allowed : sequence of int, or of bool with one for each output of the model, optional
        The tokens that may be said. Left out: all.
    positions : tensor (all,) or (batch, all), optional
        The positions of prompt and new tokens, at least the longest prompt and ``steps`` together. Left out: 0, 1, 2...

    Returns
    -------
    LongTensor (batch, steps), on the CPU; of an ensemble (members, batch, steps)
        The new tokens, the stop token among them; -1 after it.

    Raises
    ------
    ValueError
        If the model is not causal or does not read what it says, or an argument is not as above.

    Notes
    -----
    A new token stands right after its prompt, whatever the others' lengths: a row is what it would be alone, up to
    rounding. Nothing is cached: each step runs the model on all that is there.
    """
    config = _check_model(model)
    text, lengths = _check_prompts(prompts, config.vocabulary)
    steps = checks.count("steps", steps)
    hidden = _hidden(allowed, config)
    if stop is not None:
        stop = checks.count("stop", stop, least=0, most=config.outputs - 1)
        if hidden[stop]:
            raise ValueError(f"stop must be among the allowed tokens, got {stop!r}")
    read = int(lengths.max()) + steps - 1  # the last token that is said is never read
    positions = _check_positions(positions, len(text), read)
    text = torch.nn.functional.pad(text, (0, read - text.shape[1]))
    members = list(model) if isinstance(model, Ensemble) else [model]
    members[0].encoding.check(positions)
    rows = rows_at_once(config, read)
    said = []
    for member in members:
        blocks = []
        for start in range(0, len(text), rows):
            block = slice(start, start + rows)
            where = positions[block] if positions.ndim == 2 else positions
            blocks.append(_continue(member, text[block], lengths[block], steps, stop, hidden, where))
        said.append(torch.cat(blocks))
    return torch.stack(said) if isinstance(model, Ensemble) else said[0]


def _continue(model, text, lengths, steps, stop, hidden, positions):
    """What one model says, (rows, steps); text (rows, all) is 0 where nothing is written yet: causal, it isn't seen."""
    device = model.outputs.weight.device
    said = torch.full((len(text), steps), NOTHING)
    text = text.to(device, copy=True)
    ends, positions, hidden = lengths.to(device), positions.to(device), hidden.to(device)
    left = torch.arange(len(text))  # the rows that are not finished
    for step in range(steps):
        now = int(ends.max())
        with trusted_values():  # prompts and positions are checked, and what is said is in the vocabulary
            outputs = model(text[:, :now], positions[..., :now])
        rows = torch.arange(len(text), device=device)
        new = outputs[rows, ends - 1].masked_fill(hidden, -torch.inf).argmax(1)
        said[left, step] = new.cpu()
        on = torch.ones_like(new, dtype=torch.bool) if stop is None else new != stop
        if step == steps - 1 or not on.any():
            break
        text[rows, ends] = new
        text, ends, left = text[on], ends[on] + 1, left[on.cpu()]
        positions = positions[on] if positions.ndim == 2 else positions
    return said


# --- what is refused ------------------------------------------------------------------------------------------------


def _check_model(model):
    if not isinstance(model, (Transformer, Ensemble)):
        raise ValueError(f"model must be a Transformer or an Ensemble, got {type(model).__name__}")
    config = model.config
    if not config.causal:
        raise ValueError("model must be causal: what it says would change what it has read; got causal=False")
    if config.vocabulary is None:
        raise ValueError(f"model must read tokens, got one that reads {config.features} numbers per position")
    return config


def _check_prompts(prompts, vocabulary):
    """The tokens, int64 (batch, length) with 0 after the end, and the lengths (batch,)."""
    tokens = torch.from_numpy(checks.integers("prompts", prompts))
    if tokens.ndim != 2 or not tokens.numel():
        raise ValueError(f"prompts must have shape (batch, length), none of them 0; got {tuple(tokens.shape)}")
    wrong = (tokens < NOTHING) | (tokens >= vocabulary)
    if wrong.any():
        row = int(wrong.any(1).nonzero()[0])
        got = int(tokens[row][wrong[row]][0])
        raise ValueError(f"prompts must be tokens from 0 to {vocabulary - 1}, then -1; row {row} has {got}")
    there = tokens != NOTHING
    lengths = there.sum(1)
    gaps = (there[:, 1:] & ~there[:, :-1]).any(1).numpy()
    if gaps.any():
        raise ValueError(f"prompts may have -1 only at the end of a row, but {checks.where(gaps)} has a token after it")
    if not lengths.all():
        raise ValueError(
            f"prompts must have at least one token in a row, {checks.where((lengths == 0).numpy())} has none"
        )
    return tokens.clamp(min=0), lengths


def _hidden(allowed, config):
    """Which outputs may not be said, bool (outputs,)."""
    outputs, readable = config.outputs, min(config.outputs, config.vocabulary)
    if allowed is None:
        if outputs > readable:
            raise ValueError(
                f"allowed must be given: the model says {outputs} tokens, and reads only the first {config.vocabulary}"
            )
        return torch.zeros(outputs, dtype=torch.bool)
    if not np.iterable(allowed) or isinstance(allowed, (str, bytes)):
        raise ValueError(f"allowed must be a sequence of tokens or of bools, got {allowed!r}")
    listed = np.asarray(allowed.tolist() if isinstance(allowed, torch.Tensor) else list(allowed))
    if listed.dtype == bool:
        if listed.shape != (outputs,):
            raise ValueError(f"allowed must have one bool for each of the {outputs} outputs, got {listed.shape}")
        mask = torch.from_numpy(listed)
    else:
        tokens = checks.integers("allowed", listed.tolist())
        if tokens.ndim != 1 or ((tokens < 0) | (tokens >= outputs)).any():
            raise ValueError(f"allowed must be tokens from 0 to {outputs - 1}, got {listed.tolist()}")
        mask = torch.zeros(outputs, dtype=torch.bool)
        mask[torch.from_numpy(tokens)] = True
    if not mask.any():
        raise ValueError("allowed is empty: no token may be said")
    if mask[readable:].any():
        raise ValueError(f"allowed must be tokens that the model can read, below {readable}")
    return ~mask


def _check_positions(positions, batch, read):
    """The positions (read,) or (batch, read) of what is read."""
    if positions is None:
        return torch.arange(read)
    check_positions(positions, batch=batch)
    if positions.shape[-1] <= read:
        raise ValueError(
            f"positions must reach to the end of the longest prompt and the new tokens, {read + 1} in all; "
            f"got shape {tuple(positions.shape)}"
        )
    return positions[..., :read]
