"""Train an ensemble at once: one architecture, many seeds or learning rates.

The members' weights are the rows of one tensor. `torch.vmap` runs the model for all rows together (`losses_of_members`:
that is the whole trick), and one AdamW updates them: small models spend most of their time on overhead, which is then
paid once.
"""

import copy
import math

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

from howfar import checks
from howfar.encodings.positions import trusted_values
from howfar.ensembles import Ensemble, as_parameters, curves_and_members, members_at_once
from howfar.progress import progress
from howfar.tasks import Batch
from howfar.transformer import Transformer

SCHEDULES = ("cosine", "constant")


def losses_of_members(model, rows, loss, batch):
    """The loss of each member on its own data.

    Parameters
    ----------
    model : Transformer
        The architecture; its own weights don't matter.
    rows : tensor (members, parameters)
        The weights.
    loss : callable
        ``loss(outputs, batch)``, of one member.
    batch : Batch
        Its parts have an axis of members in front, or are None.

    Returns
    -------
    tensor (members,)
    """

    def loss_of_one(row, batch):
        with trusted_values():  # vmap lets nothing be read: `_draw` has checked them
            outputs = functional_call(model, as_parameters(model, row), (batch.inputs, batch.positions))
        return loss(outputs, batch)

    axes = Batch(*(None if part is None else 0 for part in batch))
    return torch.vmap(loss_of_one, in_dims=(0, axes))(rows, batch)


def train(
    config,
    sample,
    loss,
    *,
    steps,
    seeds,
    lr=1e-3,
    weight_decay=0.01,
    schedule="cosine",
    warmup=0,
    clip=1.0,
    chunk=None,
    device="cpu",
    description="training",
):
    """Train one model for each seed, all at once.

    Each member is what it would be if it were trained alone: its initial weights and its data depend on its own seed
    only, its gradient is clipped by its own norm, and a member that diverges doesn't touch the others.

    Parameters
    ----------
    config : TransformerConfig
        The architecture.
    sample : callable, or a sequence of one for each member
        ``sample(generator)`` draws a `howfar.tasks.Batch` with a `torch.Generator` (on the CPU), of the same shape in
        every step and for every member. What takes a ``seed`` in this library takes that generator.
    loss : callable
        ``loss(outputs, batch)`` gives the number to minimise, a tensor without axes: `howfar.tasks.cross_entropy`, say.
        It runs under `torch.vmap`, where no value can be read and a mask cannot select.
    steps : int
    seeds : sequence of int
        One member each.
    lr : float or sequence of float
        The peak learning rate, for all or one each.
    weight_decay : float
        Of AdamW, on all parameters.
    schedule : {"cosine", "constant"}
        "cosine" falls from ``lr`` to 0 over the steps after the warm-up.
    warmup : int
        Steps in which the learning rate rises in equal steps to ``lr``.
    clip : float or None
        The largest norm of a member's gradient.
    chunk : int, optional
        How many members are trained together. Left out: what is fastest for batches of this size. With 1, each is an
        ordinary model trained in an ordinary loop, and the loss is free of `torch.vmap`.
    device : str or torch.device
    description : str
        Stands before the progress bar.

    Returns
    -------
    Ensemble

    Raises
    ------
    ValueError
        If an argument is of another kind or out of its range, a batch is one that the model refuses, or the loss is not
        one number.

    Notes
    -----
    AdamW: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", arXiv:1711.05101. A member whose loss or
    gradient is not finite is frozen as it is at that step, and reported in ``members``.
    """
    seeds = _check_seeds(seeds)
    lrs = _one_each("lr", lr, seeds, lambda name, value: checks.number(name, value, above=0))
    samples = _one_each("sample", sample, seeds, _check_callable)
    _check_callable("loss", loss)
    steps = checks.count("steps", steps)
    shares = _shares(steps, checks.count("warmup", warmup, least=0, most=steps), schedule)
    clip = math.inf if clip is None else checks.number("clip", clip, above=0)
    weight_decay = checks.number("weight_decay", weight_decay, least=0)
    device = checks.device(device)
    model, weights = _initialise(config, seeds, device)
    first = _draw(model, samples[0], torch.Generator().manual_seed(seeds[0])).to(device)
    _check_loss(loss(model(first.inputs, first.positions), first))
    if chunk is None:
        chunk = members_at_once(first.inputs.shape[:2].numel() * config.width, len(seeds), device)
    chunk = checks.count("chunk", chunk)

    curves = []
    with progress(math.ceil(len(seeds) / chunk) * steps, description) as bar:
        for start in range(0, len(seeds), chunk):
            part = slice(start, start + chunk)
            rows, stream = weights[part], _stream(model, samples[part], seeds[part], device)
            gradient_of = (_alone if len(rows) == 1 else _together)(model, rows, loss)
            update = _optimiser(rows, lrs[part], weight_decay)
            curves.append(_train_chunk(rows, stream, gradient_of, update, shares, clip, bar))
    losses, norms, diverged = (torch.cat(parts, -1) for parts in zip(*curves, strict=True))
    return Ensemble(model, weights, *curves_and_members(seeds, lrs, losses, norms, diverged))


# --- the loop -------------------------------------------------------------------------------------------------------


def _train_chunk(rows, stream, gradient_of, update, shares, clip, bar):
    """Train some rows of the weights in place; the curves (steps, rows) of loss and norm, and where they diverged."""
    losses, norms = (torch.full((len(shares), len(rows)), math.nan) for _ in range(2))
    diverged = torch.full((len(rows),), -1)
    kept = rows.clone()  # the last weights of members that have diverged
    for step, share in enumerate(shares):
        value, gradient = gradient_of(next(stream))
        norm = torch.linalg.vector_norm(gradient, dim=1)
        losses[step], norms[step] = value, norm
        fine = losses[step].isfinite() & norms[step].isfinite() & (diverged < 0)
        if not fine.all():
            new = (diverged < 0) & ~fine
            diverged[new], kept[new] = step, rows[new]
            if (diverged >= 0).all():
                bar.update(len(shares) - step)
                break
            gradient[~fine] = 0.0  # what is not finite must not enter the optimiser's averages
        gradient *= (clip / (norm + 1e-6)).clamp(max=1.0).nan_to_num(0.0)[:, None]
        update(share, gradient)
        if not fine.all():
            rows[~fine] = kept[~fine]  # weight decay and momentum have moved them
        bar.update(1)
    return losses, norms, diverged


def _together(model, rows, loss):
    """A function of a batch: the losses (members,) and their gradient (members, parameters)."""
    leaf = rows.detach().requires_grad_()  # shares its memory with the rows, which the optimiser updates

    def gradient_of(batch):
        try:
            losses = losses_of_members(model, leaf, loss, batch)
        except RuntimeError as error:
            if "vmap" not in str(error):
                raise
            raise ValueError(
                "loss, or an encoding of your own, reads values or selects by a mask, which torch.vmap cannot do "
                f"(howfar.tasks.cross_entropy shows how to do without; chunk=1 allows it): {error}"
            ) from error
        return losses.detach(), torch.autograd.grad(losses.sum(), leaf)[0]

    return gradient_of


def _alone(model, rows, loss):
    """The same for one member, as an ordinary model: an axis of one member would cost more than it saves."""
    model = copy.deepcopy(model)
    nn.utils.vector_to_parameters(rows[0], model.parameters())  # views: what is done to the row is done to them
    parameters = list(model.parameters())

    def gradient_of(batch):
        batch = Batch(*(part if part is None else part[0] for part in batch))
        with trusted_values():
            outputs = model(batch.inputs, batch.positions)
        value = loss(outputs, batch)
        gradient = torch.autograd.grad(value, parameters, materialize_grads=True)
        return value.detach()[None], torch.cat([part.flatten() for part in gradient])[None]

    return gradient_of


def _optimiser(rows, lrs, weight_decay):
    """AdamW over all rows: a function of the share of the learning rate and the gradient (rows, parameters)."""
    equal = len(set(lrs)) == 1  # then all rows are one tensor to the optimiser, else one each
    pieces, peaks = ([rows], lrs[:1]) if equal else (list(rows.unbind()), lrs)
    groups = [{"params": [piece], "lr": peak} for piece, peak in zip(pieces, peaks, strict=True)]
    adamw = torch.optim.AdamW(groups, weight_decay=weight_decay, fused=True)

    def update(share, gradient):
        gradients = [gradient] if equal else gradient.unbind()
        for group, piece, peak, part in zip(adamw.param_groups, pieces, peaks, gradients, strict=True):
            group["lr"], piece.grad = peak * share, part
        adamw.step()

    return update


def _shares(steps, warmup, schedule):
    """What is multiplied with the peak learning rate in each step."""
    checks.choice("schedule", schedule, SCHEDULES)
    rising = [(step + 1) / warmup for step in range(warmup)]
    rest = steps - warmup
    if schedule == "constant":
        return rising + [1.0] * rest
    return rising + [0.5 * (1 + math.cos(math.pi * step / rest)) for step in range(rest)]


# --- members and batches --------------------------------------------------------------------------------------------


def _initialise(config, seeds, device):
    """The model, and the initial weights (members, parameters), each made under its own seed."""
    models = []
    with torch.random.fork_rng(devices=[]):  # the caller's random state is left alone
        for seed in seeds:
            torch.manual_seed(seed)
            models.append(Transformer(config))
    weights = torch.stack([nn.utils.parameters_to_vector(model.parameters()).detach() for model in models])
    return models[0].to(device), weights.to(device)


def _stream(model, samples, seeds, device):
    """Endless batches with an axis of members in front, each member's drawn from its own generator."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    while True:
        drawn = [_draw(model, sample, generator) for sample, generator in zip(samples, generators, strict=True)]
        parts = [_stack(name, parts) for name, parts in zip(Batch._fields, zip(*drawn, strict=True), strict=True)]
        yield Batch(*parts).to(device)


def _stack(name, parts):
    kinds = dict.fromkeys("None" if part is None else f"{part.dtype} {tuple(part.shape)}" for part in parts)
    if len(kinds) > 1:
        raise ValueError(f"sample must give all members {name} of one shape and dtype, got {' and '.join(kinds)}")
    return None if parts[0] is None else torch.stack(parts)


def _draw(model, sample, generator):
    """A member's batch, checked as its model would."""
    batch = sample(generator)
    if not isinstance(batch, Batch):
        raise ValueError(
            "sample must return a howfar.tasks.Batch, such as Batch(inputs, targets, positions=positions); "
            f"got {type(batch).__name__}"
        )
    model.check(batch.inputs, batch.positions)
    batch.check()
    return batch


# --- what is refused ------------------------------------------------------------------------------------------------


def _check_seeds(seeds):
    if not np.iterable(seeds) or isinstance(seeds, (str, bytes)):
        raise ValueError(f"seeds must be a sequence of integers, got {seeds!r}")
    seeds = list(seeds)
    if not seeds:
        raise ValueError("seeds is empty: an ensemble needs at least one member")
    return [checks.count("seeds", seed, least=0) for seed in seeds]


def _one_each(name, value, seeds, check):
    """A list of one value for each seed, each passed through ``check(name, value)``; a single one serves for all."""
    if callable(value) or not np.iterable(value) or isinstance(value, (str, bytes)):
        return [check(name, value)] * len(seeds)
    values = [check(name, each) for each in value]
    if len(values) != len(seeds):
        raise ValueError(f"{name} must be one, or one for each of the {len(seeds)} seeds; got {len(values)}")
    return values


def _check_callable(name, value):
    if not callable(value):
        raise ValueError(f"{name} must be a function, got {type(value).__name__}")
    return value


def _check_loss(value):
    if not isinstance(value, torch.Tensor) or value.ndim or not value.is_floating_point():
        got = f"{value.dtype} {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
        raise ValueError(f"loss must return one real number, a tensor without axes; got {got}")
