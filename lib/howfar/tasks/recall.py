"""Tasks of looking back: the answer stands earlier in the sequence."""

import torch

from howfar import checks
from howfar.tasks.batch import Batch


def lag_recall(batch, length, *, lag=3, vocabulary=8, seed=None, device="cpu"):
    """Repeat the token that stood ``lag`` places earlier, at every position.

    The answer depends on the *difference* of two positions only, so that a model which learns it that way
    doesn't care where the sequence starts. Tokens are independent and uniform: guessing is right once in
    ``vocabulary`` times.

    Parameters
    ----------
    batch, length : int
    lag : int
        0 (copy) to length - 1.
    vocabulary : int
        At least 2.
    seed : int, torch.Generator, numpy.random.Generator or None
        None: torch's global generator.
    device : str or torch.device

    Returns
    -------
    Batch
        ``inputs`` and ``targets`` are int64 (batch, length), ``targets[:, i] == inputs[:, i - lag]``. The mask is False
        at the first ``lag`` positions, where there is nothing to repeat and the target is 0.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    """
    batch, length, device = checks.count("batch", batch), checks.count("length", length), checks.device(device)
    lag, vocabulary = checks.count("lag", lag, least=0), checks.count("vocabulary", vocabulary, least=2)
    if lag >= length:
        raise ValueError(f"lag must be less than length, got lag={lag} and length={length}")
    tokens = torch.randint(vocabulary, (batch, length), generator=checks.torch_generator(seed))
    targets = torch.zeros_like(tokens)
    targets[:, lag:] = tokens[:, : length - lag]
    mask = (torch.arange(length) >= lag).repeat(batch, 1)
    return Batch(tokens, targets, mask).to(device)
