"""The claims that lag recall at shifted positions decides: see `howfar.experiments.judging`."""

import math

import pandas as pd
import scipy.stats

from howfar.experiments import equivariance
from howfar.experiments.judging import geometric_interval, measured, predicate, row

MOVED = 1e-3  # logits that differ by less have moved by rounding only


@predicate
def absolute_codes_move(records):
    """A shift by 20 changes some logit of each absolute model by more than 0.001, the interval over the seeds above
    it.
    """
    rows = []
    for setting, group in _by_model(records.query("shift == 20"), equivariance.ABSOLUTE):
        interval = geometric_interval(measured(group, "change")["change"].clip(lower=1e-12))
        rows.append(row(setting, *interval, holds=interval[1] > MOVED))
    return pd.DataFrame(rows)


@predicate
def relative_codes_stay(records):
    """No shift up to 200 changes any logit of a relative, rotary or bias model by more than 0.001, on any seed."""
    return _most(records, "change", lambda largest: largest < MOVED, equivariance.INVARIANT)


@predicate
def absolute_steps_do_not_vanish(records):
    """One step moves the logits of absolute models by more than 0.1 at widths 24, 48 and 96, and not by less than half
    as much at 96 as at 24.
    """
    rows = []
    trained_at_zero = records.query("shift == 0 and offsets == 0")
    for encoding in ("sinusoidal", "learned"):
        of_encoding = measured(trained_at_zero[trained_at_zero["encoding"] == encoding], "logit_step")
        widths = of_encoding.groupby("width")["logit_step"]
        intervals = {width: geometric_interval(steps) for width, steps in widths}
        smallest = min(intervals.values())
        halved = intervals[max(intervals)][0] < intervals[min(intervals)][0] / 2
        rows.append(row(f"{encoding}, the smallest of three widths", *smallest, holds=smallest[1] > 0.1 and not halved))
    return pd.DataFrame(rows)


@predicate
def absolute_risk_grows(records):
    """The risk of each absolute model is higher at shift 100 than at 0 by more than 0.1 nats, the interval over the
    seeds above it.
    """
    rows = []
    for setting, group in _by_model(records, equivariance.ABSOLUTE):
        group = measured(group[group["shift"].isin([0, 100])], "risk")
        by_shift = group.pivot(index="seed", columns="shift", values="risk")
        grown = (by_shift[100] - by_shift[0]).to_numpy()
        spread = scipy.stats.t.ppf(0.975, len(grown) - 1) * grown.std(ddof=1) / math.sqrt(len(grown))
        low, high = grown.mean() - spread, grown.mean() + spread
        rows.append(row(setting, grown.mean(), low, high, holds=low > 0.1))
    return pd.DataFrame(rows)


@predicate
def invariant_risk_stays(records):
    """No shift up to 200 changes the risk of a relative, rotary or bias model by more than 0.001 nats, on any seed."""
    moved = records.assign(moved=_risk_change(records))
    return _most(moved, "moved", lambda largest: largest < MOVED, equivariance.INVARIANT)


@predicate
def risk_within_ceiling(records):
    """At every shift s and on every seed the risk differs from that at 0 by at most s times the loss's largest step."""
    ceiling = records["shift"] * measured(records, "loss_step")["loss_step"] + 1e-5  # rounding, where nothing moves
    share = records.assign(share=_risk_change(records) / ceiling).query("shift > 0")
    return _most(share, "share", lambda largest: largest <= 1, equivariance.ABSOLUTE + equivariance.INVARIANT)


def _risk_change(records):
    """How far each record's risk is from that of the same model and seed at shift 0."""
    measured(records, "risk")
    model = records["seed"].map(str) + records["key"]
    unmoved = records["shift"] == 0
    return (records["risk"] - model.map(records[unmoved].set_index(model[unmoved])["risk"])).abs()


def _by_model(records, encodings):
    chosen = records[records["encoding"].isin(encodings) & (records["width"] == equivariance.Config.width)]
    for (encoding, offsets), group in chosen.groupby(["encoding", "offsets"], sort=False):
        yield encoding + (f", trained at offsets up to {offsets}" if offsets else ", trained at 0"), group


def _most(records, column, holds, encodings):
    rows = []
    for setting, group in _by_model(records, encodings):
        largest = float(measured(group, column)[column].max())
        rows.append(row(setting, largest, math.nan, math.nan, holds=holds(largest)))
    return pd.DataFrame(rows)
