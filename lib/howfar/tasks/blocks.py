"""Alternating blocks, a+ b+ a+ ...: the languages on which depth is a strict resource at fixed precision."""

import torch

from howfar import checks
from howfar.tasks.batch import Batch


def alternating_blocks(n, length, blocks, *, seed=None, device="cpu"):
    r"""Has the word reached its last block? Asked at every position.

    The language :math:`L_k` has the words of exactly k non-empty blocks of equal letters that begin with the letter 0:
    :math:`L_4 = 0^+ 1^+ 0^+ 1^+`. At each position the answer is 1 if the letters so far are in :math:`L_k`.

    Parameters
    ----------
    n : int
        How many words.
    length : int, or a pair of int
        Letters in each word; with ``(least, most)`` each word draws its own length from that range.
    blocks : int
        k; no word may be shorter.
    seed : int, torch.Generator, numpy.random.Generator or None
        None: torch's global generator.
    device : str or torch.device

    Returns
    -------
    Batch
        ``inputs``, int64 (n, length), are letters 0 and 1: a word of :math:`L_k`, uniform over those of its length.
        ``targets``, int64 of the same shape, are 1 where the prefix that ends there is in :math:`L_k`, else 0. With a
        range of lengths the mask is False beyond the end of a word, where letters and targets are 0; else it is None.

    Raises
    ------
    ValueError
        If a number is out of range, or a word has less room than blocks.

    Notes
    -----
    Yang et al., "Knee-Deep in C-RASP: A Transformer Depth Hierarchy", arXiv:2506.16055. There a word has a start token
    in front: `with_start`.
    """
    n, blocks, device = checks.count("n", n), checks.count("blocks", blocks), checks.device(device)
    least, most = _range("length", length)
    if least < blocks:
        raise ValueError(f"length must be at least blocks={blocks}, got {length!r}")
    generator = checks.torch_generator(seed)
    lengths = torch.randint(least, most + 1, (n,), generator=generator)
    place = torch.arange(most)
    # The places where a new block begins: blocks - 1 different ones of 1..length - 1, the first of a random order.
    order = torch.rand(n, most, generator=generator)
    order = order.masked_fill((place == 0) | (place >= lengths[:, None]), 2.0).argsort(dim=1)
    begins = torch.zeros(n, most, dtype=torch.int64).scatter_(1, order[:, : blocks - 1], 1)
    block = begins.cumsum(1)
    inside = place < lengths[:, None]
    targets = ((block == blocks - 1) & inside).long()
    return Batch((block % 2).where(inside, 0), targets, inside if least < most else None).to(device)


def with_start(batch, token):
    """The same words with a start token in front, for which no answer counts.

    Parameters
    ----------
    batch : Batch
        With tokens as inputs and one target at each position; it gives no positions.
    token : int
        What is put in front: 2 for letters 0 and 1, 2k for brackets of k types.

    Returns
    -------
    Batch
        One longer. The mask is False at the start, where the target is 0.
    """
    if batch.positions is not None:
        raise ValueError("batch must give no positions: those of the start token would be unknown")
    token = checks.count("token", token, least=0)
    inside = torch.ones(batch.inputs.shape, dtype=torch.bool, device=batch.inputs.device)
    parts = ((batch.inputs, token), (batch.targets, 0), (inside if batch.mask is None else batch.mask, False))
    return Batch(*(torch.cat([part.new_full((len(part), 1), value), part], 1) for part, value in parts))


def _range(name, value):
    """A number or a pair of them as (least, most)."""
    if not isinstance(value, (tuple, list)):
        return (checks.count(name, value),) * 2
    if len(value) != 2:
        raise ValueError(f"{name} must be a number or (least, most), got {value!r}")
    least = checks.count(f"{name}[0]", value[0])
    return least, checks.count(f"{name}[1]", value[1], least=least)
