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


def k_hop(n, length, hops, *, vocabulary=4, seed=None, device="cpu"):
    r"""Where does a chain of look-ups lead? Asked at every position.

    One hop from a letter goes to its last earlier occurrence and one place on: to what followed it there. The
    answer at each position is the letter where ``hops`` hops in a row arrive. One hop is the task of an induction
    head, none is to repeat the letter itself. Letters are independent and uniform.

    Parameters
    ----------
    n : int
        How many sequences.
    length : int
        Letters in each.
    hops : int
        k, at least 0.
    vocabulary : int
        How many letters there are, at least 2.
    seed : int, torch.Generator, numpy.random.Generator or None
        None: torch's global generator.
    device : str or torch.device

    Returns
    -------
    Batch
        ``inputs`` and ``targets`` are int64 (n, length). Where a hop finds no earlier occurrence the target is
        ``vocabulary``, which is no letter: a model of this task has ``vocabulary + 1`` outputs. No mask: every position
        counts.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    With letters :math:`x_0, x_1, \dots` a hop goes from i to the largest :math:`j \le i` with
    :math:`x_{j-1} = x_i`: Sanford, Hsu and Telgarsky, "Transformers, Parallel Computation, and Logarithmic Depth",
    arXiv:2402.09268. Right after an equal letter a hop stays where it is.
    """
    n, length, device = checks.count("n", n), checks.count("length", length), checks.device(device)
    hops, vocabulary = checks.count("hops", hops, least=0), checks.count("vocabulary", vocabulary, least=2)
    letters = torch.randint(vocabulary, (n, length), generator=checks.torch_generator(seed))
    # For each letter the last place, up to here, that follows one: -1 where there is none.
    follows = torch.full((n, length, vocabulary), -1)
    follows[:, 1:].scatter_(2, letters[:, :-1, None], torch.arange(1, length)[:, None].repeat(n, 1, 1))
    hop = follows.cummax(1).values.gather(2, letters[:, :, None]).squeeze(2)
    place = torch.arange(length).repeat(n, 1)
    for _ in range(hops):
        place = hop.gather(1, place.clamp(min=0)).where(place >= 0, -1)
    targets = letters.gather(1, place.clamp(min=0)).where(place >= 0, vocabulary)
    return Batch(letters, targets).to(device)
