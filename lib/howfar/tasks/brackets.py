"""Reading brackets: what is open now?"""

import torch

from howfar import checks
from howfar.dyck import Walk
from howfar.tasks.batch import Batch

MOST_CLASSES = 2**20


def stack_readout(n, length, k, max_depth, *, seed=None, device="cpu"):
    r"""Which brackets are open, and of which types? The whole stack, asked after every token.

    Parameters
    ----------
    n : int
        How many words.
    length : int
        Tokens in each.
    k, max_depth : int
        Types of brackets, and how many may be open at once: Dyck-(k, D).
    seed : int, torch.Generator, numpy.random.Generator or None
        None: torch's global generator.
    device : str or torch.device

    Returns
    -------
    Batch
        ``inputs``, int64 (n, length), are viable prefixes: s opens a bracket of type s, k + s closes it; wherever
        there is the choice, a fair coin says whether to open or to close, and types are uniform. ``targets``, int64 of
        the same shape, are the stack after each token, as one of :math:`1 + k + \dots + k^D` classes. No mask: every
        position counts.

    Raises
    ------
    ValueError
        If a number is out of range, or there are more than about a million classes.

    Notes
    -----
    Stacks are the nodes of a tree in which opening a bracket goes one step down; classes number it level by level: 0
    for the empty stack, and ``k * c + 1 + s`` for the stack of class c with an open bracket of type s on top. So
    :math:`\lfloor (c - 1) / k \rfloor` is what is left when the top is closed, and ``(c - 1) % k`` its type. The start
    token of `with_start` is 2k.
    """
    n, length, device = checks.count("n", n), checks.count("length", length), checks.device(device)
    k, max_depth = checks.count("k", k), checks.count("max_depth", max_depth)
    # k**D alone could be too long a number to write down.
    if max_depth > MOST_CLASSES or sum(k**d for d in range(min(max_depth, 21) + 1)) > MOST_CLASSES:
        raise ValueError(f"max_depth must leave at most {MOST_CLASSES:,} stacks of {k} types, got {max_depth}")
    # A longer walk, cut: it closes what is open towards its end only, beyond the tokens that are kept.
    whole = length + max_depth + (length + max_depth) % 2
    words = Walk(whole, k, 0.5, max_depth).sample(n, seed)[:, :length].contiguous()
    stacks, classes = torch.zeros(n, dtype=torch.int64), []
    for token in words.T:
        stacks = torch.where(token < k, k * stacks + 1 + token, (stacks - 1).div(k, rounding_mode="floor"))
        classes.append(stacks)
    return Batch(words, torch.stack(classes, dim=1)).to(device)
