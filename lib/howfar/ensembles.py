"""Many models of one architecture, asked together: what `howfar.training.train` returns."""

import copy
import math
import operator

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.func import functional_call

from howfar.encodings.positions import trusted_values
from howfar.tasks import Batch

# In features, tokens times width. Measured on a CPU, with benchmarks/bench_training.py.
ALONE = 25_000  # a member with more outweighs its overhead with arithmetic, and runs faster alone
MOST = 130_000  # members that run together have at best no more in all: the rest falls out of the cache
ROOM = 2**22  # numbers in the largest tensor on the way to the outputs


class Ensemble:
    """Trained models of one architecture: a sequence of `howfar.Transformer` that can be called like one.

    ``ensemble[0]`` is the first member as a plain module of its own, a copy, and ``for model in ensemble`` goes through
    them all.

    Attributes
    ----------
    config : TransformerConfig
    curves : pandas.DataFrame
        One row for each member and step: ``member, seed, lr, step, loss, gradient_norm`` (the loss on that step's batch
        before its update; the norm before clipping). After a member has diverged it has no more rows.
    members : pandas.DataFrame
        One row for each: ``member, seed, lr, loss`` (of its last step), ``diverged_at`` (a step, or <NA>).
    weights : tensor (members, parameters)
    """

    def __init__(self, model, weights, curves, members):
        self._model, self.weights, self.curves, self.members = model, weights, curves, members
        self.config = model.config

    def __len__(self):
        return len(self.weights)

    def __repr__(self):
        c = self.config
        return (
            f"Ensemble of {len(self)} Transformers: encoding={c.encoding!r}, depth={c.depth}, width={c.width}, "
            f"heads={c.heads}, {self.weights.shape[1]:,} weights each"
        )

    def __getitem__(self, member):
        place = operator.index(member)
        if not -len(self) <= place < len(self):
            raise IndexError(f"member must be from {-len(self)} to {len(self) - 1}, got {member!r}")
        model = copy.deepcopy(self._model)
        nn.utils.vector_to_parameters(self.weights[place].clone(), model.parameters())
        return model

    def __iter__(self):
        return (self[member] for member in range(len(self)))

    @torch.no_grad()
    def __call__(self, inputs, positions=None, mask=None):
        """The outputs of all members on the same inputs.

        Parameters
        ----------
        inputs, positions, mask
            As a `Transformer` takes them; what it refuses is refused here in the same words.

        Returns
        -------
        tensor (members, batch, length, outputs)
        """
        self._model.check(inputs, positions, mask)
        device = self.weights.device
        inputs, positions, mask = (part if part is None else part.to(device) for part in (inputs, positions, mask))
        rows = rows_at_once(self.config, inputs.shape[1])
        members = members_at_once(inputs[:rows].shape[:2].numel() * self.config.width, len(self), device)
        outputs = []
        for weights in self.weights.split(members):
            blocks = []
            for start in range(0, len(inputs), rows):
                block = slice(start, start + rows)
                where = positions[block] if positions is not None and positions.ndim == 2 else positions
                hides = None if mask is None else mask[block]
                blocks.append(outputs_of_members(self._model, weights, inputs[block], where, hides))
            outputs.append(torch.cat(blocks, 1))
        return torch.cat(outputs)

    def evaluate(self, loss, batch):
        """The loss of every member on one batch.

        Parameters
        ----------
        loss : callable
            ``loss(outputs, batch)``, as for `howfar.training.train`; or another number made of the two: an accuracy.
        batch : Batch

        Returns
        -------
        tensor (members,), on the CPU
        """
        if not isinstance(batch, Batch):
            raise ValueError(f"batch must be a howfar.tasks.Batch, got {type(batch).__name__}")
        batch.check()
        outputs, batch = self(batch.inputs, batch.positions), batch.to(self.weights.device)
        return torch.stack([loss(of_one, batch) for of_one in outputs]).cpu()


def outputs_of_members(model, rows, inputs, positions=None, mask=None):
    """The outputs (members, batch, length, outputs) of weights (members, parameters) on the same inputs."""

    def outputs_of_one(row):
        return functional_call(model, as_parameters(model, row), (inputs, positions, mask))

    with trusted_values():  # under vmap nothing can be read: `Transformer.check` has done so
        return torch.vmap(outputs_of_one)(rows) if len(rows) > 1 else outputs_of_one(rows[0])[None]


def as_parameters(model, row):
    """A row of weights as the model's parameters: a dictionary of views."""
    parameters = dict(model.named_parameters())
    parts = row.split([parameter.numel() for parameter in parameters.values()])
    return {name: part.view(parameters[name].shape) for name, part in zip(parameters, parts, strict=True)}


def rows_at_once(config, length):
    """How many rows of a batch to run at a time, so that no tensor on the way to the outputs is too large."""
    return max(1, ROOM // (length * max(config.heads * length, 4 * config.width)))


def members_at_once(features, members, device):
    """How many members to run together, each with so many features: parts as equal as can be, or one by one."""
    if device.type == "cuda":
        return members
    together = math.ceil(members / math.ceil(members * features / MOST))
    return together if features <= ALONE and together > 2 else 1


def curves_and_members(seeds, lrs, losses, norms, diverged):
    """The attributes ``curves`` and ``members`` of an `Ensemble`, from tensors (steps, members), (members,)."""
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
