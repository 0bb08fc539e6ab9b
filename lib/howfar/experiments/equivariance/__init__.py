"""Lag recall at shifted positions: what moves when every position of the same tokens grows by s.

Source of the claims: Zhang et al., "A Measure-Theoretic Analysis of Reasoning", arXiv:2605.19944. The task and the
model are ours, those of the chapter ``chapters/shift/equivariance.ipynb``: two layers of attention, trained at
positions 0 to 49, or at offsets up to 200.
"""

import functools
from dataclasses import dataclass
from itertools import pairwise

import matplotlib.pyplot as plt
import torch
from torch.nn import functional

from howfar import plotting
from howfar.tasks import cross_entropy, lag_recall
from howfar.training import train
from howfar.transformer import TransformerConfig

LENGTH, LAG, VOCABULARY = 50, 3, 8
BATCH, LR, WARMUP = 8, 6e-3, 20  # of the training
SHIFTS = (0, 1, 2, 5, 10, 20, 50, 100, 150, 200)
TEST_SEQUENCES = 48

ABSOLUTE = ("sinusoidal", "learned", "wavelet", "legendre")
INVARIANT = ("rotary", "relative", "urpe", "alibi", "none")


@dataclass(frozen=True)
class Config:
    """One encoding; all seeds are trained together.

    Attributes
    ----------
    encoding : str
        A name in ``howfar.ENCODINGS``.
    offsets : int
        Each training sequence starts at a position drawn evenly from 0 to ``offsets``.
    seeds : tuple of int
    width, steps : int
    """

    encoding: str
    offsets: int = 0
    seeds: tuple = tuple(range(10))
    width: int = 48
    steps: int = 500


def grid(scale):
    """The configs of a scale.

    ``"quick"``: four encodings, two seeds, 100 steps. ``"full"``: nine encodings and two trained at offsets, ten seeds;
    and the sinusoid, the learned table and RoPE at half and at twice the width, with five seeds.
    """
    if scale == "quick":
        return [Config(name, seeds=(0, 1), steps=100) for name in ("sinusoidal", "learned", "rotary", "none")]
    full = [Config(name) for name in ABSOLUTE + INVARIANT] + [Config(name, offsets=200) for name in ABSOLUTE[:2]]
    other = [Config(name, seeds=tuple(range(5)), width=w) for w in (24, 96) for name in (*ABSOLUTE[:2], "rotary")]
    return full + other


def run(config, device="cpu"):
    """Train one encoding and shift it.

    Parameters
    ----------
    config : Config
    device : str

    Returns
    -------
    list of dict
        For each shift and seed: ``shift, seed, accuracy``, ``risk`` (mean cross-entropy in nats), ``change`` (the
        largest change of a logit against shift 0); and, the same at every shift, the largest change that one step from
        s to s + 1 makes in a sequence, s = 0..199: ``logit_step`` (root mean square over the tokens of the Euclidean
        distance of their logits) and ``loss_step`` (of the sequence's mean loss).
    """
    ensemble = fit(
        model_config(config.encoding, width=config.width, max_length=LENGTH + config.offsets),
        functools.partial(sample, offsets=config.offsets),
        steps=config.steps,
        seeds=config.seeds,
        device=device,
    )
    test = lag_recall(TEST_SEQUENCES, LENGTH, lag=LAG, vocabulary=VOCABULARY, seed=1000)
    steps = _largest_steps(ensemble, test)
    start = ensemble(test.inputs).cpu()
    records = []
    for shift in SHIFTS:
        outputs = ensemble(test.inputs, torch.arange(LENGTH) + shift).cpu()
        right = (outputs.argmax(-1) == test.targets)[:, test.mask].double().mean(1)
        for member, seed in enumerate(config.seeds):
            records.append(
                {
                    "shift": shift,
                    "seed": seed,
                    "accuracy": float(right[member]),
                    "risk": float(cross_entropy(outputs[member], test)),
                    "change": float((outputs[member] - start[member]).abs().max()),
                    "logit_step": float(steps[0][member]),
                    "loss_step": float(steps[1][member]),
                }
            )
    return records


def sample(generator, *, offsets=0):
    """A batch of training: lag recall, each sequence starting at a position drawn evenly from 0 to ``offsets``.

    Parameters
    ----------
    generator : torch.Generator
    offsets : int

    Returns
    -------
    howfar.tasks.Batch
        8 sequences of 50 tokens.
    """
    batch = lag_recall(BATCH, LENGTH, lag=LAG, vocabulary=VOCABULARY, seed=generator)
    if not offsets:
        return batch
    starts = torch.randint(0, offsets + 1, (BATCH, 1), generator=generator)
    return batch._replace(positions=starts + torch.arange(LENGTH))


def model_config(encoding, *, width=48, max_length=LENGTH, **options):
    """The model: two layers of attention with one head, no feed-forward layers.

    Parameters
    ----------
    encoding : str
        A name in ``howfar.ENCODINGS``.
    width : int
    max_length : int
        What the encoding is made for: more than the length where training has offsets.
    **options
        Of the encoding. A learned table clamps, unless told otherwise, so that it can be shifted past its end.

    Returns
    -------
    TransformerConfig
    """
    if encoding == "learned":
        options = {"out_of_range": "clamp"} | options
    return TransformerConfig(
        depth=2,
        width=width,
        heads=1,
        mlp_ratio=0,
        vocabulary=VOCABULARY,
        outputs=VOCABULARY,
        encoding=encoding,
        encoding_options=options,
        max_length=max_length,
    )


def fit(config, sample=sample, *, steps, seeds, device="cpu"):
    """Train the models of an ensemble, as everywhere in this experiment.

    Parameters
    ----------
    config : TransformerConfig
        See `model_config`.
    sample : callable
        Of a generator: a `howfar.tasks.Batch`.
    steps : int
    seeds : sequence of int
    device : str

    Returns
    -------
    howfar.training.Ensemble
    """
    return train(
        config,
        sample,
        cross_entropy,
        steps=steps,
        seeds=seeds,
        lr=LR,
        warmup=WARMUP,
        device=device,
        description=config.encoding,
    )


def figure(records):
    """Accuracy by shift, a line for each encoding of width 48 with the range over its seeds.

    Parameters
    ----------
    records : pandas.DataFrame

    Returns
    -------
    matplotlib.figure.Figure
    """
    drawing, axes = plt.subplots(1, 2, figsize=(6.4, 3.4), sharey=True, layout="constrained")
    for axis, names in zip(axes, (ABSOLUTE, INVARIANT), strict=True):
        for index, name in enumerate(names):
            here = records.query("encoding == @name and width == 48 and offsets == 0").groupby("shift")["accuracy"]
            if not len(here):
                continue
            look = plotting.style(index)
            axis.plot(here.mean().index, here.mean(), label=name, **look)
            axis.fill_between(here.min().index, here.min(), here.max(), color=look["color"], alpha=0.15, lw=0)
        axis.axhline(1 / VOCABULARY, color=plotting.INK, ls=":", lw=1)
        axis.set(xlabel="shift", ylim=(0, 1.05))
        axis.legend(fontsize=8)
    axes[0].set_ylabel("accuracy")
    return drawing


def _largest_steps(ensemble, test):
    """The largest change that a step makes, of the logits and of a sequence's loss: two tensors (members,)."""

    def at(shift):
        outputs = ensemble(test.inputs, torch.arange(LENGTH) + shift).cpu()
        losses = [functional.cross_entropy(o.mT, test.targets, reduction="none")[:, LAG:].mean(-1) for o in outputs]
        return outputs, torch.stack(losses)

    largest = [torch.zeros(len(ensemble)), torch.zeros(len(ensemble))]
    for before, after in pairwise(map(at, range(SHIFTS[-1] + 1))):
        logits = (after[0] - before[0]).square().sum(-1).mean(-1).sqrt().amax(1)
        losses = (after[1] - before[1]).abs().amax(1)
        largest = [torch.maximum(a, b) for a, b in zip(largest, (logits, losses), strict=True)]
    return largest
