"""Does width have a floor? Networks with one hidden layer on whole tables of inputs: error by number of units.

Source of the question: the abstract of arXiv:2605.19944, which speaks of "irreducible approximation bounds in Barron
spaces". Barron's theorem (1993) is an upper bound: with m sigmoidal units the root mean square error under any law on a
ball of radius r is at most ``2 r C / sqrt(m)``, where C is the integral of ``|w|`` over the amplitudes of the target's
frequencies w. A table is finite: there is no error but that of approximation (and of training, where weights are
trained).
"""

import math
from dataclasses import dataclass

import matplotlib.pyplot as plt
import torch

from howfar import checks, dyck, plotting

UNITS = (2, 4, 8, 16, 32, 64, 128, 256)
LRS = (1e-2, 3e-3)
TARGETS = ("wave", "parity", "inner product", "stack")
NETS = ("trained", "fixed", "by hand")  # how the hidden units come about


@dataclass(frozen=True)
class Config:
    """One target, one kind of net, one width; all seeds at once.

    Attributes
    ----------
    target : {"wave", "parity", "inner product", "stack"}
        See `table`.
    size : int
        Bits, or tokens of a "stack".
    units : int
        m.
    net : {"trained", "fixed", "by hand"}
        Hidden tanh units that are trained; that stay as they were drawn, with the best read-out of them, by least
        squares; or steps that count the bits, for "parity" only.
    lr : float or None
        The peak learning rate of a trained net.
    steps : int
        Of Adam, on the whole table.
    seeds : tuple of int
    """

    target: str
    size: int
    units: int
    net: str = "trained"
    lr: float | None = None
    steps: int = 2000
    seeds: tuple = (0, 1, 2)


def grid(scale):
    """Bits of ten, stacks of six and eight tokens (``"full"``), with 2 to 256 units that are trained at two learning
    rates, or fixed; parity by hand. ``"quick"``: the wave and parity, 8 and 64 units, six bits, 300 steps.
    """
    if scale == "quick":
        return [Config(t, 6, m, lr=1e-2, steps=300) for t in ("wave", "parity") for m in (8, 64)]
    sizes = (("stack", 8), ("parity", 10), ("wave", 10), ("inner product", 10), ("stack", 6))
    by_hand = [Config("parity", 10, 10, "by hand", steps=0, seeds=(0,))]
    fixed = [Config(*where, m, "fixed", steps=0) for where in sizes for m in UNITS]
    return by_hand + fixed + [Config(*where, m, lr=lr) for m in UNITS for where in sizes for lr in LRS]


def run(config, device="cpu"):
    """Fit one net to the whole table.

    Parameters
    ----------
    config : Config
    device : str

    Returns
    -------
    list of dict
        One for each seed: ``error``, the root mean square error over the table, in units of that of the best constant;
        ``bound``, Barron's for this many units in the same unit, None where we know no finite C; ``rows``, the size of
        the table.
    """
    checks.choice("net", config.net, NETS)
    inputs, targets = (part.to(device) for part in table(config.target, config.size))
    fit = {"trained": _trained, "fixed": _fixed, "by hand": _by_hand}[config.net]
    scale = float((targets - targets.mean(0)).square().sum(1).mean().sqrt())
    bound = barron_bound(config.target, config.size, config.units)
    return [
        {
            "seed": seed,
            "error": float(f"{error / scale:.4g}"),
            "bound": None if bound is None else bound / scale,
            "rows": len(inputs),
        }
        for seed, error in zip(config.seeds, fit(inputs, targets, config), strict=True)
    ]


def table(target, size):
    """All inputs of a target and what it says of them.

    Parameters
    ----------
    target : {"wave", "parity", "inner product", "stack"}
        "wave": ``sin(w . x)`` with ``w = (1, 2, ..., size) / size``. "parity": the product of the bits. "inner
        product": -1 where an odd number of the first half's bits meets its partner in the second half, both -1.
        "stack": what a viable prefix of Dyck-(2, 3) leaves open, one-hot among 15 stacks.
    size : int
        Bits, even for the inner product; or tokens.

    Returns
    -------
    inputs, targets : float64 tensors (rows, features), (rows, outputs)
        Bits are -1 and 1; of a stack each token is one-hot.
    """
    checks.choice("target", target, TARGETS)
    if target == "stack":
        words = dyck.all_prefixes(size, 2, 3)
        stacks = torch.zeros(len(words), dtype=torch.int64)
        for token in words.T:
            stacks = torch.where(token < 2, 2 * stacks + 1 + token, (stacks - 1).div(2, rounding_mode="floor"))
        one_hot = torch.nn.functional.one_hot
        return one_hot(words, 4).flatten(1).double(), one_hot(stacks, 15).double()
    bits = 1 - 2 * ((torch.arange(2**size)[:, None] >> torch.arange(size)) & 1).double()
    if target == "wave":
        return bits, (bits @ _wave(size)).sin()[:, None]
    if target == "parity":
        return bits, bits.prod(1, keepdim=True)
    both = (bits[:, : size // 2] < 0) & (bits[:, size // 2 :] < 0)
    return bits, 1 - 2 * (both.sum(1, keepdim=True) % 2).double()


def barron_bound(target, size, units):
    r"""Barron's bound on the error with so many units, :math:`2 r C / \sqrt m`; None where we know no C.

    Bits lie on the ball of radius sqrt(size). The wave has the frequencies w and -w, so that C is ``|w|``. Parity
    agrees on bits with ``cos(pi (size - sum of bits) / 2)``: C is at most ``pi sqrt(size) / 2``.
    """
    if target == "wave":
        constant = float(_wave(size).norm())
    elif target == "parity":
        constant = math.pi * math.sqrt(size) / 2
    else:
        return None
    return 2 * math.sqrt(size) * constant / math.sqrt(units)


def _wave(size):
    return torch.arange(1, size + 1).double() / size


def _draw(features, units, seed):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(features, units, generator=generator) * features**-0.5
    return weight, torch.randn(1, units, generator=generator), generator


def _trained(inputs, targets, config):
    """The errors of nets whose weights are all trained, one for each seed: full batches, Adam, a cosine."""
    x, y = inputs.float(), targets.float()
    drawn = [_draw(x.shape[1], config.units, seed) for seed in config.seeds]
    read = [torch.randn(config.units, y.shape[1], generator=g) * config.units**-0.5 for *_, g in drawn]
    parts = [[w for w, *_ in drawn], [b for _, b, _ in drawn], read, [y.mean(0, keepdim=True).cpu() for _ in drawn]]
    weights = [torch.stack(part).to(x.device).requires_grad_() for part in parts]
    optimiser = torch.optim.Adam(weights, lr=config.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.steps)

    def errors():
        first, shift, second, constant = weights
        return (torch.tanh(x @ first + shift) @ second + constant - y).square().sum(-1).mean(1)

    for _ in range(config.steps):
        optimiser.zero_grad()
        errors().sum().backward()
        optimiser.step()
        schedule.step()
    return errors().detach().sqrt().tolist()


def _fixed(inputs, targets, config):
    """The same nets with the hidden units left as they were drawn, read out by least squares."""
    errors = []
    for seed in config.seeds:
        weight, shift, _ = _draw(inputs.shape[1], config.units, seed)
        hidden = torch.tanh(inputs @ weight.double().to(inputs.device) + shift.double().to(inputs.device))
        hidden = torch.cat([hidden, torch.ones_like(hidden[:, :1])], 1)
        best = torch.linalg.lstsq(hidden, targets, driver="gelsd").solution
        errors.append(float((hidden @ best - targets).square().sum(1).mean().sqrt()))
    return errors


def _by_hand(inputs, targets, config):
    """Parity with one step for each count of -1: unit j is on where more than j bits are -1, and turns the sign."""
    if (config.target, config.units) != ("parity", config.size):
        raise ValueError(f"net 'by hand' is for parity with as many units as bits, got {config}")
    negative = (inputs < 0).sum(1, keepdim=True)
    steps = torch.sigmoid(1000 * (negative - torch.arange(config.units, device=inputs.device) - 0.5))
    signs = 2.0 * (-1) ** torch.arange(1, config.units + 1, device=inputs.device)
    made = 1 + (steps * signs).sum(1, keepdim=True)
    return [float((made - targets).square().mean().sqrt())] * len(config.seeds)


def best(records):
    """The smallest error over learning rates and seeds, by target, size, net and units: a DataFrame."""
    return records.groupby(["target", "size", "net", "units"], as_index=False, sort=False)["error"].min()


def figure(records):
    """Error by number of units, a panel for each target: trained, fixed, by hand, and Barron's bound.

    Parameters
    ----------
    records : pandas.DataFrame

    Returns
    -------
    matplotlib.figure.Figure
        Lines are the best of all seeds and learning rates.
    """
    shown = list(records[["target", "size"]].drop_duplicates().itertuples(index=False))
    rows = -(-len(shown) // 2)
    drawing, axes = plt.subplots(
        rows, 2, figsize=(5, 0.9 + 1.9 * rows), sharex=True, sharey=True, squeeze=False, layout="constrained"
    )
    for axis, (target, size) in zip(axes.flat, shown, strict=False):
        here = records[(records["target"] == target) & (records["size"] == size)]
        for index, net in enumerate(NETS):
            line = best(here[here["net"] == net])
            if len(line):
                axis.plot(line["units"], line["error"].clip(lower=1e-3), label=net, **plotting.style(index))
        bound = here.dropna(subset="bound").groupby("units")["bound"].first()
        if len(bound):
            axis.plot(bound.index, bound, color=plotting.INK, ls=":", label="Barron's bound")
        axis.set_title(f"{target}, {size} {'tokens' if target == 'stack' else 'bits'}")
        axis.set(xscale="log", yscale="log")
        axis.minorticks_off()
        axis.grid(visible=False, axis="x")
    for axis in axes.flat[len(shown) :]:
        axis.set_axis_off()
    for axis in axes[-1]:
        axis.set_xlabel("hidden units")
    lines = {label: line for axis in axes.flat for line, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    drawing.legend(lines.values(), lines.keys(), loc="outside upper center", ncols=2)
    drawing.supylabel("error, in units of the best constant's")
    return drawing
