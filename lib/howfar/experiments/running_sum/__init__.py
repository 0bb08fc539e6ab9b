"""The running sum, trained at length 50 and tested at 50, 100 and 200, in every setting that its source leaves unsaid.

Source: Li, "Theoretical Analysis of Positional Encodings in Transformer Models", arXiv:2506.06398: a 2-layer encoder of
width 64 with one head. What we could not read there is an axis here: causal or not, the target's unit, the inputs' law,
ALiBi's slope, how wavelets and Legendre polynomials go on beyond length 50, how many taps a wavelet has, and how loud
a code is.
"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from howfar import plotting
from howfar.tasks import mean_squared_error, sums
from howfar.training import train
from howfar.transformer import TransformerConfig

TRAINED = 50
LENGTHS = (50, 100, 200)
BIN = 10  # positions that share a number in ``by_position``
TEST_SEQUENCES = 256

# Name: the encoding, its options, and the length that it is made for.
VARIANTS = {
    "none": ("none", {}, TRAINED),
    "learned": ("learned", {"out_of_range": "clamp"}, TRAINED),
    "sinusoidal": ("sinusoidal", {}, TRAINED),
    "rotary": ("rotary", {}, TRAINED),
    "alibi 1/256": ("alibi", {"slopes": (2**-8,)}, TRAINED),  # what the published rule gives to a single head
    "alibi 1/8": ("alibi", {"slopes": (2**-3,)}, TRAINED),
    "wavelet": ("wavelet", {"extension": "compact"}, TRAINED),
    "wavelet to 200": ("wavelet", {"extension": "compact"}, LENGTHS[-1]),
    "legendre": ("legendre", {"scaling": "fixed"}, TRAINED),  # beyond 50: the code of the last position
    "legendre current": ("legendre", {"scaling": "current"}, TRAINED),
    "legendre to 200": ("legendre", {"scaling": "fixed"}, LENGTHS[-1]),
    "wavelet clamp": ("wavelet", {"extension": "clamp"}, TRAINED),
    "wavelet zero": ("wavelet", {"extension": "zero"}, TRAINED),
    "wavelet periodic": ("wavelet", {"extension": "periodic"}, TRAINED),
    "wavelet 8 taps": ("wavelet", {"extension": "compact", "taps": 8}, TRAINED),
    "wavelet 8 taps clamp": ("wavelet", {"extension": "clamp", "taps": 8}, TRAINED),
}
ADDED = tuple(VARIANTS)[11:]  # recorded later than the others, with five seeds
# Codes at matched norms. As they are defined, at width 64: sinusoid and Legendre about 5.7 and 8, wavelet 2.2.
NORMS = (0.5, 2.0, 8.0)
NORMED = {
    f"{code}, norm {norm:g}": (VARIANTS[code][0], VARIANTS[code][1] | {"norm": norm}, TRAINED)
    for code in ("sinusoidal", "wavelet", "wavelet clamp", "legendre")
    for norm in NORMS
}
# What a model is trained on, and the scores that it then gets. At length 50 a sum in units of 50 and a sum over N are
# one task; they part ways at other lengths.
SCORES = {"sum": ("sum", "sum_over_n"), "mean": ("mean",)}
MOMENTS = {"uniform": (1 / 2, 1 / 12), "normal": (0.0, 1.0), "binary": (1 / 2, 1 / 4)}  # mean and variance of an input


@dataclass(frozen=True)
class Config:
    """One variant in one setting; all seeds are trained together.

    Attributes
    ----------
    variant : str
        Of `VARIANTS` or `NORMED`.
    causal : bool
    target : {"sum", "mean"}
        The sum so far divided by 50, or by the number of inputs so far.
    inputs : {"uniform", "normal", "binary"}
    seeds : tuple of int
    steps, batch, lr
        Of the training: AdamW with a tenth of the steps as warm-up, then a cosine.
    """

    variant: str
    causal: bool
    target: str
    inputs: str
    seeds: tuple = tuple(range(10))
    steps: int = 400
    batch: int = 16
    lr: float = 3e-3


def grid(scale):
    """The configs of a scale.

    ``"quick"``: six variants, causal, uniform inputs, both targets, two seeds, 120 steps. ``"full"``: all variants,
    causal or not, both targets, two laws of the inputs, ten seeds; a third law (binary) for causal models; and, to see
    whether longer training changes the picture, five times the steps with three seeds in the causal, uniform settings.
    Further wavelets (`ADDED`) in all settings, and codes of three norms (`NORMED`) for uniform inputs: five seeds each.
    """
    if scale == "quick":
        variants = ("none", "sinusoidal", "rotary", "alibi 1/8", "wavelet", "legendre")
        return [
            Config(variant, True, target, "uniform", seeds=(0, 1), steps=120)
            for target in SCORES
            for variant in variants
        ]
    settings = [(causal, inputs) for causal in (True, False) for inputs in ("uniform", "normal")] + [(True, "binary")]
    first = [variant for variant in VARIANTS if variant not in ADDED]
    configs = [
        Config(variant, causal, target, inputs) for causal, inputs in settings for target in SCORES for variant in first
    ]
    longer = [
        Config(variant, True, target, "uniform", seeds=(0, 1, 2), steps=2000) for target in SCORES for variant in first
    ]
    added = [
        Config(variant, causal, target, inputs, seeds=tuple(range(5)))
        for causal, inputs in settings
        for target in SCORES
        for variant in (*ADDED, *(NORMED if inputs == "uniform" else ()))
    ]
    return configs + longer + added


def run(config, device="cpu"):
    """Train one variant in one setting and test it.

    Parameters
    ----------
    config : Config
    device : str

    Returns
    -------
    list of dict
        For each score, length and seed: ``score, length, seed``; the mean squared error over all positions, ``mse``;
        over the positions that training has met, ``mse_met``, and over the others, ``mse_new`` (None at length 50);
        ``by_position``, the error in bins of 10 positions; ``diverged_at``, a step or None.

    Notes
    -----
    All models are tested on the same 256 sequences of each length.
    """

    def sample(generator):
        return sums.running_sum(config.batch, TRAINED, **_unit(config.target), inputs=config.inputs, seed=generator)

    ensemble = train(
        model_config(config.variant, config.causal),
        sample,
        mean_squared_error,
        steps=config.steps,
        seeds=config.seeds,
        lr=config.lr,
        warmup=config.steps // 10,
        device=device,
        description=config.variant,
    )
    diverged = [None if pd.isna(step) else int(step) for step in ensemble.members["diverged_at"]]
    records = []
    for length in LENGTHS:
        for score, errors in _squared_errors(ensemble, config, length).items():
            for seed, at, error in zip(config.seeds, diverged, errors, strict=True):
                records.append({"score": score, "length": length, "seed": seed, **_summary(error), "diverged_at": at})
    return records


def model_config(variant, causal):
    """The model of the source, with one of our `VARIANTS` or `NORMED` of its encoding: a `TransformerConfig`."""
    variants = VARIANTS | NORMED
    if variant not in variants:
        raise ValueError(f"variant must be one of {', '.join(map(repr, variants))}; got {variant!r}")
    encoding, options, made_for = variants[variant]
    return TransformerConfig(
        depth=2,
        width=64,
        heads=1,
        features=1,
        causal=causal,
        encoding=encoding,
        encoding_options=options,
        max_length=made_for,
    )


def baselines(score, inputs, length, *, start=1):
    r"""The mean squared errors of predictors that learn nothing, or nothing beyond length 50: exact expectations.

    Parameters
    ----------
    score : {"sum", "sum_over_n", "mean"}
        The target is :math:`S_i / 50`, :math:`S_i / N` or :math:`S_i / i`, where :math:`S_i` is the sum of the first i
        inputs, i = 1..N.
    inputs : {"uniform", "normal", "binary"}
    length : int
        N.
    start : int
        The first place that counts; 51 for the errors on new places.

    Returns
    -------
    dict of float
        ``"zero"``: always 0. ``"constant"``: always the mean of the targets of training. ``"position mean"``: the
        mean of the target at each position, the best that can be said without reading the inputs. ``"stops at 50"``:
        right up to position 50, in the unit of training, then stays at that answer. ``"unit of training"``: the exact
        sum (or mean) at every position, in the unit of training: 0 but for ``"sum_over_n"``.
    """
    mean, variance = _moments(inputs)
    i = np.arange(start, length + 1)
    unit, trained = _weights(score, i, length), _weights(score, i, TRAINED)
    until = np.minimum(i, TRAINED)
    met = np.arange(1, TRAINED + 1)
    constant = np.mean(_weights(score, met, TRAINED) * met) * mean

    def both(m, n):  # E[S_m S_n] for m <= n
        return m * variance + m * n * mean**2

    def error(a, m):  # E[(a S_m - unit S_i)^2]
        return np.mean(a**2 * both(m, m) - 2 * a * unit * both(m, i) + unit**2 * both(i, i))

    return {
        "zero": float(error(np.zeros(len(i)), i)),
        "constant": float(np.mean(unit**2 * both(i, i) - 2 * constant * unit * i * mean + constant**2)),
        "position mean": float(np.mean(unit**2 * i * variance)),
        "stops at 50": float(error(_weights(score, until, TRAINED), until)),
        "unit of training": float(error(trained, i)),
    }


def figure(records):
    """The error of each variant, a panel for each score and a row for each setting.

    Parameters
    ----------
    records : pandas.DataFrame
        Of `howfar.runs`: some or all of this experiment's.

    Returns
    -------
    matplotlib.figure.Figure
        Each mark is the geometric mean over the seeds at one length, each line their range; the dashed line is what
        the position mean scores at length 200.
    """
    settings = list(records[["causal", "inputs"]].drop_duplicates().itertuples(index=False))
    scores = [score for scores in SCORES.values() for score in scores if score in set(records["score"])]
    variants = [variant for variant in VARIANTS if variant in set(records["variant"])]
    size = (3.1 * len(scores) + 1.2, len(settings) * (0.27 * len(variants) + 0.9))
    drawing, axes = plt.subplots(
        len(settings), len(scores), figsize=size, sharey=True, squeeze=False, layout="constrained"
    )
    for row, (causal, inputs) in zip(axes, settings, strict=True):
        for axis, score in zip(row, scores, strict=True):
            here = records.query("causal == @causal and inputs == @inputs and score == @score")
            _panel(axis, here, variants)
            axis.axvline(baselines(score, inputs, LENGTHS[-1])["position mean"], color=plotting.GREY, ls="--", lw=1)
            axis.set_title(
                f"{score.replace('_', ' ')}, {inputs}, {'causal' if causal else 'bidirectional'}", fontsize=9
            )
    for axis in axes[-1]:
        axis.set_xlabel("mean squared error")
    axes[0, 0].legend(title="length", fontsize=8, title_fontsize=8, loc="best")
    return drawing


def _panel(axis, records, variants):
    for index, length in enumerate(LENGTHS):
        at_length = records[records["length"] == length].groupby("variant")["mse"]
        for place, variant in enumerate(variants):
            if variant not in at_length.groups:
                continue
            errors = at_length.get_group(variant).clip(lower=1e-9)
            height = place + 0.2 * (index - 1)
            colour = plotting.COLORS[index]
            axis.plot([errors.min(), errors.max()], [height, height], color=colour, lw=1)
            label = str(length) if place == 0 else None
            centre = np.exp(np.log(errors).mean())
            axis.plot(centre, height, plotting.MARKERS[index], color=colour, ms=4.5, label=label)
    axis.set_xscale("log")
    axis.set_yticks(range(len(variants)), variants, fontsize=8)
    axis.set_ylim(len(variants) - 0.5, -0.5)


def _squared_errors(ensemble, config, length):
    """The mean over the test sequences of the squared error at each position: {score: tensor (members, length)}."""
    batch = sums.running_sum(TEST_SEQUENCES, length, mode="sum", inputs=config.inputs, seed=10_000 + length)
    outputs, totals = ensemble(batch.inputs).cpu(), batch.targets
    places = torch.arange(1, length + 1)
    errors = {}
    for score in SCORES[config.target]:
        targets = totals[..., 0] * torch.as_tensor(_weights(score, places.numpy(), length)).float()
        errors[score] = (outputs[..., 0] - targets).square().mean(1)
    return errors


def _summary(error):
    """One member's error by position as numbers."""
    new = error[TRAINED:]
    return {
        "mse": _short(error.mean()),
        "mse_met": _short(error[:TRAINED].mean()),
        "mse_new": _short(new.mean()) if len(new) else None,
        "by_position": [_short(x) for x in error.unflatten(0, (-1, BIN)).mean(1)],
    }


def _short(value):
    return float(f"{float(value):.4g}")


def _unit(target):
    if target not in SCORES:
        raise ValueError(f"target must be one of {', '.join(map(repr, SCORES))}; got {target!r}")
    return {"mode": "mean"} if target == "mean" else {"mode": "sum_over_n", "n": TRAINED}


def _weights(score, places, length):
    """What the sum of the first i inputs is multiplied by, for each i in ``places``."""
    if score == "sum":
        return np.full(len(places), 1 / TRAINED)
    if score == "sum_over_n":
        return np.full(len(places), 1 / length)
    if score == "mean":
        return 1 / places
    raise ValueError(f"score must be one of {', '.join(repr(s) for t in SCORES.values() for s in t)}; got {score!r}")


def _moments(inputs):
    if inputs not in MOMENTS:
        raise ValueError(f"inputs must be one of {', '.join(map(repr, MOMENTS))}; got {inputs!r}")
    return MOMENTS[inputs]
