"""The claims that the recorded running sum decides: see `howfar.experiments.judging`."""

import itertools
import math

import numpy as np
import pandas as pd

from howfar.experiments import running_sum
from howfar.experiments.judging import geometric_interval, measured, predicate, row

WAVELETS = ("wavelet", "wavelet to 200")
LEGENDRES = ("legendre", "legendre current", "legendre to 200")
ALIBIS = ("alibi 1/256", "alibi 1/8")


@predicate
def wavelet_is_lowest(records):
    """At N = 200 the wavelet's error is below that of the sinusoid, ALiBi and Legendre, the interval of its ratio to
    the best of them below 1.
    """
    rows = []
    for setting, errors in _errors_at(records, 200):
        for wavelet, alibi, legendre in itertools.product(WAVELETS, ALIBIS, LEGENDRES):
            rivals = ("sinusoidal", alibi, legendre)
            best = min(rivals, key=lambda rival: np.log(errors[rival]).mean())
            rows.append(_below_one(f"{setting}; {wavelet}, {alibi}, {legendre}", errors[wavelet] / errors[best]))
    return pd.DataFrame(rows)


@predicate
def transforms_beat_sinusoid(records):
    """At N = 200 the error of the wavelet and Legendre codes is below the sinusoid's, the interval of the ratio below
    1.
    """
    return pd.DataFrame(
        _below_one(f"{setting}; {code}", errors[code] / errors["sinusoidal"])
        for setting, errors in _errors_at(records, 200)
        for code in WAVELETS + LEGENDRES
    )


@predicate
def alibi_extrapolates(records):
    """At N = 200 ALiBi's error is below that of the best answer that doesn't read the inputs, the interval of the
    ratio below 1.
    """
    return pd.DataFrame(
        _below_one(f"{setting}; {alibi}", errors[alibi] / errors["blind"])
        for setting, errors in _errors_at(records, 200)
        for alibi in ALIBIS
    )


@predicate
def learned_does_not_extrapolate(records):
    """At N = 200 the learned table's error is above that of the best answer that doesn't read the inputs, the interval
    of the ratio above 1.
    """
    return pd.DataFrame(
        _above_one(setting, errors["learned"] / errors["blind"]) for setting, errors in _errors_at(records, 200)
    )


@predicate
def steep_alibi_is_worse(records):
    """At N = 200 ALiBi's error is larger with the slope 1/8 than with 1/256, the interval of the ratio above 1."""
    return pd.DataFrame(
        _above_one(setting, errors["alibi 1/8"] / errors["alibi 1/256"]) for setting, errors in _errors_at(records, 200)
    )


@predicate
def fit_is_no_guarantee(records):
    """In some setting some encoding beats the best answer that doesn't read the inputs at N = 50, and loses to it at N
    = 200, both by intervals.
    """
    long, found, settings = dict(_errors_at(records, 200)), [], 0
    for setting, short in _errors_at(records, 50):
        settings += 1
        for variant in running_sum.VARIANTS:
            fits = geometric_interval(short[variant] / short["blind"])
            ratio = geometric_interval(long[setting][variant] / long[setting]["blind"])
            if fits[2] < 1 and ratio[1] > 1:
                found.append((ratio, f"{setting}; {variant}"))
    worst, where = max(found, default=((math.nan,) * 3, "none"))
    return pd.DataFrame([row(f"some of {settings} settings, the clearest: {where}", *worst, holds=bool(found))])


def _errors_at(records, length):
    """(setting, {variant: errors (seeds,)}) for each setting of the main runs; "blind" is the position mean's error."""
    main = measured(records[(records["length"] == length) & (records["steps"] == records["steps"].min())], "mse")
    for (causal, inputs, score), group in main.groupby(["causal", "inputs", "score"], sort=False):
        errors = {v: g.sort_values("seed")["mse"].to_numpy() for v, g in group.groupby("variant")}
        errors["blind"] = running_sum.baselines(score, inputs, length)["position mean"]
        yield f"{'causal' if causal else 'bidirectional'}, {inputs}, {score.replace('_', ' ')}", errors


def _below_one(setting, ratios):
    interval = geometric_interval(ratios)
    return row(setting, *interval, holds=interval[2] < 1)


def _above_one(setting, ratios):
    interval = geometric_interval(ratios)
    return row(setting, *interval, holds=interval[1] > 1)
