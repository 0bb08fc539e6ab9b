"""What stands on the two sides of the bound: losses, what distances are taken of, and constants that multiply them."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from howfar.experiments.bound.domains import words
from howfar.lipschitz import from_embedded, jacobian_norm, loss_ceiling, model_bound
from howfar.transformer import record
from howfar.wasserstein import emd2

GRADIENTS, JACOBIANS = 100, 3  # searches at which local constants are taken


class View(NamedTuple):
    """A sample as a model sees it, in one pass.

    Attributes
    ----------
    token_losses : tensor (n, length)
        In nats, 0 where the target doesn't count.
    losses : float64 array (n,)
        The mean loss of each trace over its tokens. Their mean is the risk.
    embedded : tensor (n, tokens * width)
        The vectors of the word's tokens, one after the other, without the positions' codes: all words stand at the same
        positions, so that these drop out of differences.
    hidden : list of tensor (n, width)
        Hidden states, averaged over the places that predict the trace: the embeddings, then the output of each layer.
    last : tensor (n, length, width)
        What the readout is given.
    """

    token_losses: torch.Tensor
    losses: np.ndarray
    embedded: torch.Tensor
    hidden: list
    last: torch.Tensor


@torch.no_grad()
def view(model, batch):
    """Run a model on a batch of searches.

    Parameters
    ----------
    model : Transformer
    batch : howfar.tasks.Batch
        Of `howfar.tasks.search_traces`, (n, length).

    Returns
    -------
    View
    """
    kept = []
    handle = model.norm.register_forward_hook(lambda module, inputs, output: kept.append(output))
    with record(model) as seen:
        losses = cross_entropy(model(batch.inputs).mT, batch.targets, reduction="none")
    handle.remove()
    losses = torch.where(batch.mask, losses, 0.0).double()
    share = batch.mask / batch.mask.sum(1, keepdim=True)
    hidden = [(state * share[:, :, None]).sum(1) for state in seen.hidden]
    return View(losses, (losses * share).sum(1).numpy(), model.inputs.weight[words(batch)].flatten(1), hidden, kept[0])


def euclidean(x, y):
    """All distances of rows: float64 array (n, m)."""
    return torch.cdist(x.double(), y.double(), compute_mode="donot_use_mm_for_euclid_dist").numpy()


def spacing(model):
    """The smallest distance of two different words in the metric of the embedding: that of the nearest two tokens."""
    return float(torch.pdist(model.inputs.weight.detach().double()).min())


def certified_constants(model, *, length):
    """Two certified Lipschitz constants of a trace's mean loss in the metric of the embedding.

    Parameters
    ----------
    model : Transformer
        With ``norm="pre"``.
    length : int
        Tokens that it reads.

    Returns
    -------
    dict
        ``ceiling``, the largest loss B; ``spacing``, the smallest distance delta of two words; ``counted``,
        B / delta: two different words are at least delta apart, and their losses at most B. ``layers``,
        sqrt(2) times `model_bound`, plus B / delta: first the inputs move, with the targets held, through all layers
        (the gradient of a cross-entropy by the logits has norm at most sqrt(2), and so has the mean of several);
        then the targets change, which costs at most B.
    """
    ceiling, delta = loss_ceiling(model).value, spacing(model)
    layers = math.sqrt(2) * model_bound(model, length=length).value + ceiling / delta
    return {"ceiling": ceiling, "spacing": delta, "counted": ceiling / delta, "layers": layers}


def local_constants(model, batch):
    """Two lower estimates: how fast the outputs and the loss move near searches of a batch, as the vectors move.

    They lie below the constants over all vectors. Over words alone, which are never close, a constant may be smaller.

    Parameters
    ----------
    model : Transformer
    batch : howfar.tasks.Batch

    Returns
    -------
    dict
        ``local_logits``, the largest norm of the Jacobian from embedded tokens to logits at 3 searches, by power
        iteration; ``local_loss``, the largest norm of the gradient of a trace's loss, targets held, at 100.
    """
    with record(model) as seen:
        model(batch.inputs[:GRADIENTS])
    x, logits = seen.hidden[0], from_embedded(model)
    at = [jacobian_norm(logits, x[i : i + 1], iterations=20).value for i in range(JACOBIANS)]
    moved = x.clone().requires_grad_()
    targets, mask = batch.targets[:GRADIENTS], batch.mask[:GRADIENTS]
    losses = torch.where(mask, cross_entropy(logits(moved).mT, targets, reduction="none"), 0.0)
    (gradient,) = torch.autograd.grad((losses.sum(1) / mask.sum(1)).sum(), moved)
    return {"local_logits": max(at), "local_loss": float(gradient.flatten(1).norm(dim=1).max())}


def steepest(l_a, l_b, distances):
    """The largest ratio of a difference of losses to a distance, over all pairs at a positive distance."""
    change = np.abs(l_a[:, None] - l_b[None, :])
    return float(np.max(change[distances > 0] / distances[distances > 0]))


def widest(l_a, l_b, distances):
    """The largest difference of losses among pairs at distance 0; 0 if there is no such pair."""
    change = np.abs(l_a[:, None] - l_b[None, :])
    return float(np.max(change, where=distances == 0, initial=0.0))


@torch.no_grad()
def readout_bound(model, batches, views, *, seed):
    """A certificate from the last layer on, between two samples of one token from each trace.

    The loss of a token is a function of what the readout is given, h, and of the target y. It is 1-Lipschitz in
    ``K |h - h'| + B 1[y != y']``, with K the largest distance of two rows of the readout and B the largest loss.

    Parameters
    ----------
    model : Transformer
    batches : (howfar.tasks.Batch, howfar.tasks.Batch)
    views : (View, View)
    seed : int
        Of the tokens.

    Returns
    -------
    dict
        ``readout``, W_1 in that metric: a bound, in nats, of ``readout_change``, the change of the tokens' mean loss.
    """
    generator, sides = torch.Generator().manual_seed(seed), []
    slope, ceiling = float(torch.pdist(model.outputs.weight).max()), loss_ceiling(model).value
    for batch, seen in zip(batches, views, strict=True):
        places = torch.multinomial(batch.mask.double(), 1, generator=generator)[:, 0]
        rows = torch.arange(len(places))
        sides.append((seen.last[rows, places], batch.targets[rows, places], seen.token_losses[rows, places].mean()))
    (h, y, risk), (h2, y2, risk2) = sides
    cost = slope * euclidean(h, h2) + ceiling * (y[:, None] != y2).numpy()
    return {"readout": emd2(None, None, cost), "readout_change": float(risk2 - risk)}
