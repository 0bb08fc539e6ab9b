"""The claims that lag recall at shifted positions decides: see `howfar.experiments.judging`."""

import numpy as np
import scipy.stats

from howfar.experiments import equivariance
from howfar.experiments.judging import (
    CONTRADICTED,
    HOLDS,
    Interval,
    above,
    all_of,
    below,
    exactly,
    geometric_interval,
    mean_interval,
    measured,
    predicate,
    reading,
)

MOVED = 1e-3  # logits that differ by less have moved by rounding only
STEP = 0.1  # of a logit, and nats of risk: what counts as of order one
SHIFTS = (100, 20, 50, 200)  # of the risk; the source names none, and the first is the one that our rule began with
PLAUSIBLE = (
    "the sinusoid, trained at positions from 0: the absolute code that is defined at every shift, where a learned "
    "table has no row"
)
ROTARY = "rotary embeddings, which the source names"


@predicate(bar=("above", MOVED), written="before", plausible=PLAUSIBLE)
def absolute_codes_move(records):
    """A shift by 20 changes some logit of each absolute model by more than 0.001, the interval over the seeds above
    it.
    """
    for name, group in _models(records.query("shift == 20"), equivariance.ABSOLUTE):
        interval = geometric_interval(measured(group, "change")["change"].clip(lower=1e-12))
        yield reading(name, interval, above(interval, MOVED), plausible=name == "sinusoidal")


@predicate(bar=("below", MOVED), written="before", plausible=ROTARY, identity=True)
def relative_codes_stay(records):
    """No shift up to 200 changes any logit of a relative, rotary or bias model by more than 0.001, on any seed."""
    for name, group in _models(records, equivariance.INVARIANT):
        largest = exactly(measured(group, "change")["change"].max())
        yield reading(name, largest, below(largest, MOVED), plausible=name == "rotary")


@predicate(bar=("above", 1), written="after", plausible=PLAUSIBLE)
def absolute_steps_do_not_vanish(records):
    """One step of the position moves the logits by more than 0.1 at each of the widths 24, 48 and 96, and at 96 by more
    than half as much as at 24, by intervals over the seeds. Shown is the smallest of these four, in units of what it
    must exceed.
    """
    zero = measured(records.query("shift == 0 and offsets == 0"), "logit_step")
    for name, group in zero[zero["encoding"].isin(equivariance.ABSOLUTE)].groupby("encoding", sort=False):
        steps = {width: rows["logit_step"].to_numpy() for width, rows in group.groupby("width")}
        if len(steps) > 1:
            yield _kept_as_width_grows(name, steps, geometric_interval)


@predicate(bar=("above", 1), written="after", plausible=PLAUSIBLE + "; the shift 100, with which our rule began")
def absolute_risk_grows(records):
    """The risk of each absolute model is higher after a shift (20, 50, 100 or 200) than before by more than 0.1 nats;
    where widths 24, 48 and 96 were trained, at each of them, and at 96 by more than half as much as at 24: all by
    intervals over the seeds. Shown is the smallest of these numbers, in units of what it must exceed. Models that have
    met these positions in training are not shifted and don't count. (At first only the shift 100 was looked at.)
    """
    zero = records.query("offsets == 0")
    for name, group in zero[zero["encoding"].isin(equivariance.ABSOLUTE)].groupby("encoding", sort=False):
        met = []
        for shift in SHIFTS:
            grown = {width: _growth(rows, shift) for width, rows in group.groupby("width")}
            if not any(_same(grown, other) for other in met):  # beyond a table's end all shifts are one
                found = _kept_as_width_grows(name, grown, mean_interval)
                yield found | {
                    "setting": f"{found['setting']}, shift {shift}",
                    "plausible": found["plausible"] and shift == SHIFTS[0],
                }
            met.append(grown)


def _kept_as_width_grows(encoding, samples, interval_of):
    """A reading: each width's numbers are above `STEP`, and the widest's above half of the narrowest's."""
    widths = sorted(samples)
    shares = [_in_units(interval_of(values), STEP) for values in samples.values()]
    if len(widths) > 1:
        shares.append(_in_units(_ratio_of_means(samples[widths[-1]], samples[widths[0]]), 0.5))
    status = all_of(*(above(share, 1) for share in shares))
    name = f"{encoding}, width" + (f"s {widths[0]} to {widths[-1]}" if len(widths) > 1 else f" {widths[0]}")
    return reading(name, min(shares), status, plausible=encoding == "sinusoidal")


def _in_units(interval, unit):
    return Interval(*(x / unit for x in interval))


@predicate(bar=("below", MOVED), written="before", plausible=ROTARY, identity=True)
def invariant_risk_stays(records):
    """No shift up to 200 changes the risk of a relative, rotary or bias model by more than 0.001 nats, on any seed."""
    for name, group in _models(records.assign(moved=_risk_change(records)), equivariance.INVARIANT):
        largest = exactly(group["moved"].max())
        yield reading(name, largest, below(largest, MOVED), plausible=name == "rotary")


@predicate(bar=("below", 1), written="before", plausible=PLAUSIBLE, identity=True)
def risk_within_ceiling(records):
    """At every shift s and on every seed the risk differs from that at 0 by at most s times the loss's largest step.
    Models that were trained at all these positions are not shifted and don't count.
    """
    records = records.query("offsets == 0")
    ceiling = records["shift"] * measured(records, "loss_step")["loss_step"] + 1e-5  # rounding, where nothing moves
    shares = records.assign(share=_risk_change(records) / ceiling).query("shift > 0")
    for name, group in _models(shares, equivariance.ABSOLUTE + equivariance.INVARIANT):
        largest = exactly(group["share"].max())
        status = HOLDS if largest.estimate <= 1 else CONTRADICTED
        yield reading(name, largest, status, plausible=name == "sinusoidal")


def _models(records, encodings):
    """(name, records) of each encoding and way of training, of the usual width."""
    chosen = records[records["encoding"].isin(encodings) & (records["width"] == equivariance.Config.width)]
    for (encoding, offsets), group in chosen.groupby(["encoding", "offsets"], sort=False):
        yield encoding + (f", trained at offsets up to {offsets}" if offsets else ""), group


def _growth(records, shift):
    """The risk at a shift less that at 0, one for each seed."""
    ends = measured(records[records["shift"].isin([0, shift])], "risk")
    by_shift = ends.pivot(index="seed", columns="shift", values="risk")
    return (by_shift[shift] - by_shift[0]).dropna().to_numpy()


def _same(grown, other):
    return all(np.allclose(values, other[width], rtol=1e-4) for width, values in grown.items())


def _risk_change(records):
    """How far each record's risk is from that of the same model and seed at shift 0."""
    measured(records, "risk")
    model = records["seed"].map(str) + records["key"]
    unmoved = records["shift"] == 0
    return (records["risk"] - model.map(records[unmoved].set_index(model[unmoved])["risk"])).abs()


def _ratio_of_means(values, others):
    """The ratio of two independent samples' means with Fieller's interval, by Welch's degrees of freedom.

    Its ends are the ratios r at which a t-test of "the first mean is r times the second" is just not rejected.
    """
    m, n = np.mean(values), np.mean(others)
    v, w = (np.var(sample, ddof=1) / len(sample) for sample in (values, others))
    if v + w == 0 and n:
        return exactly(m / n)
    if n == 0:
        return Interval(np.inf, -np.inf, np.inf)
    freedom = (v + w) ** 2 / (v**2 / (len(values) - 1) + w**2 / (len(others) - 1))
    t = scipy.stats.t.ppf(0.975, freedom)
    g = t**2 * w / n**2
    if g >= 1:  # the second mean could be 0: nothing is known of the ratio
        return Interval(float(m / n), -np.inf, np.inf)
    spread = t / abs(n) * np.sqrt(v + (m / n) ** 2 * w - g * v)
    return Interval(float(m / n), *(float((m / n + sign * spread) / (1 - g)) for sign in (-1, 1)))
