"""Train an ensemble at once: one architecture, many seeds or learning rates.

The members' weights lie in one tensor, a row for each. The model runs for all rows together, with the members along its
batch axis and layers that apply to each its own weights, and one AdamW updates all rows: small models spend most of
their time on overhead, which is then paid once.
"""

import contextlib
import copy
import ctypes
import dataclasses
import functools
import math
import sys

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.func import functional_call

from howfar.encodings import Encoding
from howfar.progress import progress
from howfar.transformer import Transformer

SCHEDULES = ("cosine", "constant")
CHUNK = 260_000  # features of a batch (tokens times width) that run together at best on a CPU: measured


def train(
    config,
    sample,
    loss,
    *,
    steps,
    seeds,
    lr=1e-3,
    weight_decay=0.01,
    betas=(0.9, 0.999),
    schedule="cosine",
    warmup=0,
    clip=1.0,
    shared_stream=False,
    chunk=None,
    device="cpu",
    bf16=False,
    cuda_graph=False,
    description="training",
):
    """Train one model for each seed, all at once.

    Each member is what it would be if it were trained alone: its initial weights and its data depend on its own seed
    only, its gradient is clipped by its own norm, and a member that diverges doesn't touch the others.

    Parameters
    ----------
    config : TransformerConfig
        The architecture.
    sample : callable
        ``sample(generator)`` draws a batch with a `torch.Generator` (on the CPU): a tuple ``(inputs, targets)`` or
        ``(inputs, targets, positions)`` of tensors whose shapes don't change.
    loss : callable
        ``loss(outputs, targets)`` gives the number to minimise, a tensor without axes. It runs under `torch.vmap`.
    steps : int
    seeds : sequence of int
        One member each.
    lr : float or sequence of float
        The peak learning rate, for all or one each.
    weight_decay, betas
        Of AdamW. The decay is on all parameters.
    schedule : {"cosine", "constant"}
        "cosine" falls from ``lr`` to 0 over the steps after the warm-up.
    warmup : int
        Steps in which the learning rate rises in equal steps to ``lr``.
    clip : float or None
        The largest norm of a member's gradient.
    shared_stream : bool
        All members see the same batches, those of the first seed: cheaper, but then they differ in their initial
        weights only, and a member is no longer what its own seed makes of it alone.
    chunk : int, optional
        How many members are trained together. Default: chosen by the size of a batch.
    device : str or torch.device
    bf16 : bool
        Autocast the model to bfloat16. CUDA only.
    cuda_graph : bool
        Record the forward and backward pass once and replay it. CUDA only; pays where launches are the bottleneck:
        small models, few members.
    description : str
        Stands before the progress bar.

    Returns
    -------
    Ensemble

    Raises
    ------
    ValueError
        If an argument is out of range, the device is none, a batch has the wrong form, or the loss is not one number.

    Notes
    -----
    AdamW: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", arXiv:1711.05101. A member whose loss or
    gradient is not finite is frozen as it is at that step, and reported in ``members``. On a GPU, ``bf16`` and
    ``cuda_graph`` are untested so far.
    """
    seeds, lrs = _check_members(seeds, lr)
    device = torch.device(device)
    settings = _Settings(
        steps=_at_least("steps", steps, 1),
        weight_decay=_at_least("weight_decay", weight_decay, 0),
        betas=tuple(betas),
        schedule=schedule,
        warmup=_at_least("warmup", warmup, 0),
        clip=None if clip is None else _positive("clip", clip),
        bf16=bf16,
        cuda_graph=cuda_graph,
    )
    settings.check(device)
    template, weights = _initialise(config, seeds, device)
    if chunk is None:
        chunk = _chunk(sample(torch.Generator().manual_seed(seeds[0]))[0], config, len(seeds), device)
    _at_least("chunk", chunk, 1)

    _keep_freed_memory()
    losses, norms, diverged = [], [], []
    with progress(len(range(0, len(seeds), chunk)) * steps, description) as bar:
        for start in range(0, len(seeds), chunk):
            part = slice(start, start + chunk)
            stream = _stream(sample, seeds[:1] if shared_stream else seeds[part], len(weights[part]), device)
            curves = _train_chunk(template, weights[part], lrs[part], stream, loss, settings, bar)
            for whole, piece in zip((losses, norms, diverged), curves, strict=True):
                whole.append(piece)
    losses, norms, diverged = torch.cat(losses, 1), torch.cat(norms, 1), torch.cat(diverged)
    return Ensemble(template, weights, *_frames(seeds, lrs, losses, norms, diverged))


class Ensemble:
    """Trained models of one architecture; what `train` returns.

    Attributes
    ----------
    curves : pandas.DataFrame
        One row for each member and step: ``member, seed, lr, step, loss, gradient_norm`` (the loss on that step's batch
        before its update; the norm before clipping). After a member has diverged it has no more rows.
    members : pandas.DataFrame
        One row for each: ``member, seed, lr, loss`` (of its last step), ``diverged_at`` (a step, or <NA>).
    weights : tensor (members, parameters)
    """

    def __init__(self, template, weights, curves, members):
        self._template, self.weights, self.curves, self.members = template, weights, curves, members

    def __len__(self):
        return len(self.weights)

    def model(self, member):
        """A member as a plain module of its own.

        Parameters
        ----------
        member : int
            Its place in ``seeds``.

        Returns
        -------
        Transformer
            A copy.
        """
        if not 0 <= member < len(self):
            raise ValueError(f"member must be between 0 and {len(self) - 1}, got {member!r}")
        model = copy.deepcopy(self._template)
        nn.utils.vector_to_parameters(self.weights[member], model.parameters())
        return model

    @torch.no_grad()
    def __call__(self, inputs, positions=None):
        """The outputs of all members on the same inputs.

        Parameters
        ----------
        inputs : tensor (batch, ...)
        positions : tensor, optional

        Returns
        -------
        tensor (members, batch, ...)
        """
        device = self.weights.device
        batch = [x.to(device) for x in (inputs, positions) if x is not None]
        outputs = []
        for rows in self.weights.split(_chunk(inputs, self._template.config, len(self), device)):
            together = Together(self._template, len(rows))
            outputs.append(together(rows, *(x.expand(len(rows), *x.shape) for x in batch)))
        return torch.cat(outputs)

    def evaluate(self, loss, inputs, targets, positions=None):
        """The loss of every member on one batch: tensor (members,), on the CPU."""
        targets = targets.to(self.weights.device)
        return torch.stack([loss(outputs, targets) for outputs in self(inputs, positions)]).cpu()


@functools.cache
def _keep_freed_memory():
    """Let the process keep up to 256 MB that it has freed, where its allocator is glibc's.

    By default glibc hands what a training step frees back to the system, and the next step faults it in again, page by
    page: hundreds of faults a step.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # AttributeError: another C library
            mallopt, trim_threshold, mmap_threshold = ctypes.CDLL(None).mallopt, -1, -3
            mallopt(trim_threshold, 2**28)
            mallopt(mmap_threshold, 2**25)


# --- the loop -------------------------------------------------------------------------------------------------------


def _train_chunk(template, weights, lrs, stream, loss, settings, bar):
    """Train some rows of the weights in place; the curves (steps, rows) of loss and norm, and where they diverged."""
    rows = weights.clone().requires_grad_()
    optimiser = _optimiser(rows, lrs, settings)
    gradient_of = _gradient(template, loss, stream, settings, len(rows))
    losses, norms = (torch.full((settings.steps, len(rows)), math.nan, device=rows.device) for _ in range(2))
    diverged = torch.full((len(rows),), -1)
    frozen, frozen_rows = None, None  # which members have diverged, and what their weights were
    for step in range(settings.steps):
        value, gradient = gradient_of(rows)
        norm = torch.linalg.vector_norm(gradient, dim=1)
        fine = value.isfinite() & norm.isfinite()
        if frozen is not None:
            fine &= ~frozen
        losses[step], norms[step] = value, norm
        if not fine.all():
            if frozen is None or not torch.equal(frozen, ~fine):
                frozen = ~fine
                diverged[(diverged < 0) & frozen.cpu()] = step
                frozen_rows = rows.detach()[frozen].clone()
            gradient[frozen] = 0.0  # what is not finite must not enter the optimiser's averages
        if settings.clip is not None:
            gradient *= (settings.clip / (norm + 1e-6)).clamp(max=1.0).nan_to_num(0.0)[:, None]
        optimiser(step, gradient)
        if frozen is not None:
            rows.detach()[frozen] = frozen_rows
            if frozen.all():
                bar.update(settings.steps - step)
                break
        bar.update(1)
    weights.copy_(rows.detach())
    return losses.cpu(), norms.cpu(), diverged


def _gradient(template, loss, stream, settings, members):
    """A function of the weights: draws a batch, gives the losses (members,) and gradient (members, parameters)."""
    together = Together(template, members)
    losses_of = torch.vmap(loss)

    def eager(rows, inputs, targets, *positions):
        with torch.autocast("cuda", torch.bfloat16, enabled=settings.bf16):
            outputs = together(rows, inputs, *positions)
        losses = losses_of(outputs.float() if settings.bf16 else outputs, targets)
        if losses.ndim != 1:
            got = tuple(losses.shape[1:])
            raise ValueError(f"loss must return one number, a tensor without axes; got shape {got}")
        return losses.detach(), torch.autograd.grad(losses.sum(), rows)[0]

    if not settings.cuda_graph:
        return lambda rows: eager(rows, *next(stream))

    held = {}

    def replayed(rows):
        parts = next(stream)
        if not held:
            held.update(_record_graph(eager, rows, parts))
        for static, part in zip(held["parts"], parts, strict=True):
            static.copy_(part)
        held["graph"].replay()
        return held["losses"].clone(), held["gradient"].clone()

    return replayed


def _record_graph(function, rows, parts):
    static = [part.clone() for part in parts]
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):  # lets cuBLAS and autograd allocate what they keep, outside the recording
            function(rows, *static)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        losses, gradient = function(rows, *static)
    return {"graph": graph, "parts": static, "losses": losses, "gradient": gradient}


def _optimiser(rows, lrs, settings):
    """AdamW over all rows: a function of the step and the gradient (rows, parameters)."""
    values = rows.detach()
    equal = len(set(lrs)) == 1  # then all rows are one tensor to the optimiser, else one each
    pieces = [values] if equal else list(values.unbind())
    peaks = lrs[:1] if equal else lrs
    groups = [{"params": [piece], "lr": peak} for piece, peak in zip(pieces, peaks, strict=True)]
    adamw = torch.optim.AdamW(groups, betas=settings.betas, weight_decay=settings.weight_decay, fused=True)

    def step(number, gradient):
        share = settings.share_of_lr(number)
        gradients = [gradient] if equal else gradient.unbind()
        for group, piece, peak, part in zip(adamw.param_groups, pieces, peaks, gradients, strict=True):
            group["lr"], piece.grad = peak * share, part
        adamw.step()

    return step


@dataclasses.dataclass(frozen=True)
class _Settings:
    steps: int
    weight_decay: float
    betas: tuple
    schedule: str
    warmup: int
    clip: float | None
    bf16: bool
    cuda_graph: bool

    def check(self, device):
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}, got {self.schedule!r}")
        if self.warmup > self.steps:
            raise ValueError(f"warmup must be at most steps, {self.steps}, got {self.warmup}")
        if len(self.betas) != 2 or not all(0 <= b < 1 for b in self.betas):
            raise ValueError(f"betas must be two numbers from 0 to below 1, got {self.betas}")
        for name in ("bf16", "cuda_graph"):
            if getattr(self, name) and device.type != "cuda":
                raise ValueError(f"{name}=True is for CUDA devices, got device {str(device)!r}")
        if device.type == "cuda" and not torch.cuda.is_available():
            raise ValueError(f"device {str(device)!r} is not here: torch finds no GPU")

    def share_of_lr(self, step):
        if step < self.warmup:
            return (step + 1) / self.warmup
        if self.schedule == "constant":
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * (step - self.warmup) / max(self.steps - self.warmup, 1)))


# --- one model, many weights ----------------------------------------------------------------------------------------


class Together(nn.Module):
    """A Transformer with an axis of members: every layer that has weights applies to each member its own.

    Parameters
    ----------
    template : Transformer
        Its architecture; left as it is.
    members : int

    Notes
    -----
    Inside, the members lie along the batch axis, so that attention and everything else without weights is the
    template's own code. Encodings with weights are asked under `torch.vmap`.
    """

    def __init__(self, template, members):
        super().__init__()
        self.members = members
        parameters = dict(template.named_parameters())
        self._names, self._shapes = list(parameters), [p.shape for p in parameters.values()]
        self.model = _replace(copy.deepcopy(template), members)
        self._owners = [self._owner(name) for name in self._names]
        self._folds = list(_norms_and_readers(self.model)) if members > 1 else []

    def forward(self, rows, inputs, positions=None):
        """Outputs (members, batch, length, outputs).

        Parameters
        ----------
        rows : tensor (members, parameters)
        inputs : tensor (members, batch, length) or (members, batch, length, features)
        positions : tensor (members, length) or (members, batch, length), optional
        """
        parts = rows.split([shape.numel() for shape in self._shapes], dim=1)
        for (weights, name), part, shape in zip(self._owners, parts, self._shapes, strict=True):
            weights[name] = part.unflatten(1, shape)
        for norm, linear in self._folds:
            linear.take_over(norm)
        batch = inputs.shape[1]
        if positions is not None:
            if positions.ndim == 2:
                positions = positions[:, None].expand(-1, batch, -1)
            positions = positions.flatten(0, 1)
        return self.model(inputs.flatten(0, 1), positions).unflatten(0, (self.members, batch))

    def _owner(self, name):
        """The dictionary of weights that the parameter ``name`` of the template is found in, and its name there."""
        module, parts = self.model, name.split(".")
        while not isinstance(module, _WithMembers):
            module, parts = getattr(module, parts[0]), parts[1:]
        return module.weights, ".".join(parts)


class _WithMembers:
    """What the replacements have in common: ``weights``, each with an axis of members in front."""

    def __init__(self, members):
        super().__init__()
        self.members, self.weights = members, {}


class _Linear(_WithMembers, nn.Module):
    def forward(self, x):
        if self.members == 1:
            return nn.functional.linear(x, self.weights["weight"][0], self.weights["bias"][0])
        flat = x.reshape(self.members, -1, x.shape[-1])
        y = torch.baddbmm(self.weights["bias"][:, None], flat, self.weights["weight"].mT)
        return y.view(*x.shape[:-1], -1)

    def take_over(self, norm):
        """Fold in the weights of the LayerNorm that this layer reads: W(g * u + b) = (W * g)u + Wb."""
        scale, shift = norm.weights.pop("weight"), norm.weights.pop("bias")
        weight = self.weights["weight"]
        self.weights["bias"] = torch.baddbmm(self.weights["bias"][:, None], shift[:, None], weight.mT)[:, 0]
        self.weights["weight"] = weight * scale[:, None]


class _LayerNorm(_WithMembers, nn.Module):
    def __init__(self, members, norm):
        super().__init__(members)
        self.shape, self.eps = norm.normalized_shape, norm.eps

    def forward(self, x):
        if self.members == 1:
            return nn.functional.layer_norm(x, self.shape, self.weights["weight"][0], self.weights["bias"][0], self.eps)
        if not self.weights:
            return nn.functional.layer_norm(x, self.shape, eps=self.eps)
        y = nn.functional.layer_norm(x, self.shape, eps=self.eps).reshape(self.members, -1, x.shape[-1])
        return torch.addcmul(self.weights["bias"][:, None], y, self.weights["weight"][:, None]).view_as(x)


class _Embedding(_WithMembers, nn.Module):
    def forward(self, tokens):
        table = self.weights["weight"]
        first = torch.arange(self.members, device=tokens.device)[:, None] * table.shape[1]
        rows = tokens.view(self.members, -1) + first
        return nn.functional.embedding(rows, table.flatten(0, 1)).view(*tokens.shape, -1)


class _Asked(nn.Module):
    """An encoding whose questions are asked through ``forward``, as `functional_call` needs it."""

    def __init__(self, encoding):
        super().__init__()
        self.encoding = encoding

    def forward(self, question, *arguments):
        return getattr(self.encoding, question)(*arguments)


class _Encoding(_WithMembers, Encoding):
    def __init__(self, members, encoding):
        Encoding.__init__(self, encoding.width, encoding.heads, encoding.max_length, encoding.causal)
        self.members, self.weights = members, {}
        self.asked = _Asked(encoding)

    def embed(self, x, positions):
        self.batch = x.shape[0] // self.members  # `Transformer` asks this first
        return self._ask("embed", x, positions)

    def rotate(self, x, positions):
        return self._ask("rotate", x, positions)

    def bias(self, query_positions, key_positions):
        return self._ask("bias", query_positions, key_positions)

    def gate(self, query_positions, key_positions):
        return self._ask("gate", query_positions, key_positions)

    def _ask(self, question, *arguments):
        """Ask each member's encoding; the answers along the batch axis, or None."""
        silent = False

        def ask(weights, *arguments):
            nonlocal silent
            answer = functional_call(self.asked, weights, (question, *arguments))
            silent = answer is None
            return arguments[0] if silent else answer

        # Positions that all share, (length,), have no axis of members; everything else has it in its batch axis.
        shared = [x.ndim == 1 for x in arguments]
        split = [x if s else x.unflatten(0, (self.members, self.batch)) for x, s in zip(arguments, shared, strict=True)]
        dims = (0, *(None if s else 0 for s in shared))
        weights = {f"encoding.{name}": weight for name, weight in self.weights.items()}
        answer = torch.vmap(ask, in_dims=dims)(weights, *split)
        if silent:
            return None
        if question in ("bias", "gate") and answer.ndim == 4:  # (members, heads, queries, keys)
            answer = answer[:, None].expand(-1, self.batch, -1, -1, -1)
        return answer.flatten(0, 1)


def _norms_and_readers(model):
    """The LayerNorms whose output goes to one linear layer only, each with that layer: saves a pass over all tokens."""
    if model.config.norm == "pre":
        for block in model.blocks:
            yield block.attention_norm, block.attention.qkv
            if model.config.mlp_ratio:
                yield block.mlp_norm, block.mlp[0]
        yield model.norm, model.outputs


def _replace(module, members):
    """``module`` with every part that has weights replaced by one with an axis of members."""
    if isinstance(module, nn.Linear):
        return _Linear(members)
    if isinstance(module, nn.LayerNorm):
        return _LayerNorm(members, module)
    if isinstance(module, nn.Embedding):
        return _Embedding(members)
    if isinstance(module, Encoding):
        return _Encoding(members, module) if next(module.parameters(), None) is not None else module
    for name, child in module.named_children():
        setattr(module, name, _replace(child, members))
    return module


# --- members, batches, curves ---------------------------------------------------------------------------------------


def _initialise(config, seeds, device):
    """The model, and the initial weights (members, parameters), each made under its own seed."""
    models = []
    with torch.random.fork_rng(devices=[]):  # the caller's random state is left alone
        for seed in seeds:
            torch.manual_seed(seed)
            models.append(Transformer(config))
    weights = torch.stack([nn.utils.parameters_to_vector(model.parameters()).detach() for model in models])
    return models[0].to(device), weights.to(device)


def _stream(sample, seeds, members, device):
    """Endless batches with an axis of members in front: from each seed's own generator, or, of one seed, the same."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    while True:
        drawn = [_check_batch(sample(generator)) for generator in generators]
        parts = (torch.stack(part).to(device, non_blocking=True) for part in zip(*drawn, strict=True))
        yield tuple(part.expand(members, *part.shape[1:]) for part in parts)


def _check_batch(batch):
    parts = tuple(batch) if isinstance(batch, (tuple, list)) else ()
    if len(parts) not in (2, 3) or not all(isinstance(part, torch.Tensor) for part in parts):
        raise ValueError("sample must return tensors (inputs, targets) or (inputs, targets, positions)")
    return parts


def _chunk(inputs, config, members, device):
    """How many members to run together: in parts as equal as can be, and on a CPU none that falls out of its cache."""
    most = 1024 if device.type == "cuda" else max(1, CHUNK // (inputs.shape[:2].numel() * config.width))
    return math.ceil(members / math.ceil(members / most))


def _frames(seeds, lrs, losses, norms, diverged):
    steps, count = losses.shape
    member = np.repeat(np.arange(count), steps)
    curves = pd.DataFrame(
        {
            "member": member,
            "seed": np.asarray(seeds)[member],
            "lr": np.asarray(lrs)[member],
            "step": np.tile(np.arange(steps), count),
            "loss": losses.T.flatten().numpy(),
            "gradient_norm": norms.T.flatten().numpy(),
        }
    )
    ends = torch.where(diverged < 0, steps, diverged + 1).numpy()
    curves = curves[curves["step"].to_numpy() < ends[member]].reset_index(drop=True)
    members = pd.DataFrame({"member": range(count), "seed": seeds, "lr": lrs})
    members["loss"] = losses[ends - 1, np.arange(count)].numpy()
    members["diverged_at"] = pd.array([None if d < 0 else d for d in diverged.tolist()], dtype="Int64")
    return curves, members


def _check_members(seeds, lr):
    seeds = [int(seed) for seed in seeds]
    if not seeds:
        raise ValueError("seeds is empty: an ensemble needs at least one member")
    lrs = [float(lr)] * len(seeds) if isinstance(lr, (int, float)) else [float(x) for x in lr]
    if len(lrs) != len(seeds):
        raise ValueError(f"lr must be one number or one for each of the {len(seeds)} seeds, got {len(lrs)}")
    for x in lrs:
        _positive("lr", x)
    return seeds, lrs


def _positive(name, value):
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{name} must be positive and finite, got {value!r}")
    return value


def _at_least(name, value, least):
    if not value >= least:
        raise ValueError(f"{name} must be at least {least}, got {value!r}")
    return value
