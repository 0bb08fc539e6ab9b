"""The predicates of the claims ledger: each decides one claim from the recorded results of one experiment.

A predicate takes a DataFrame of records and returns another with one row for each *setting*, a reading of what the
claim's source leaves open: ``setting``, ``estimate``, ``low`` and ``high`` (a 95 % interval over the seeds, NaN where
there is nothing random), ``holds`` (whether the claim does in this setting). Its docstring is the rule that the
ledger prints. `howfar.claims` makes the verdict: all settings, some, none.
"""

import itertools
import math

import numpy as np
import pandas as pd
import scipy.stats

from howfar.experiments import equivariance, position_codes, running_sum

PREDICATES = {}


def predicate(function):
    """Register a predicate under its name."""
    PREDICATES[function.__name__] = function
    return function


def measured(records, *columns):
    """The records, if each of these columns holds a number in each of them: a missing number is never a verdict.

    Parameters
    ----------
    records : pandas.DataFrame
        Those that a predicate is about to compare.
    *columns : str

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    ValueError
        If a number is missing, as after a run that diverged; the message names the column, the configs and the seeds.
    """
    for column in columns:
        missing = records[records[column].isna()]
        if len(missing):
            rows = [", ".join(f"{k} {v}" for k, v in row.items()) for row in _names(missing)]
            more = f"; and {len(rows) - 3} more" if len(rows) > 3 else ""
            raise ValueError(
                f"{len(rows)} of {len(records)} records have no number in {column!r}: {'; '.join(rows[:3])}{more}"
            )
    return records


def _names(records):
    """What tells records apart, a dict for each: whole numbers, words and flags."""
    telling = [c for c in records if records[c].map(lambda value: isinstance(value, (str, int, bool))).all()]
    return records[telling].to_dict("records")


def geometric_interval(values, level=0.95):
    """Geometric mean of positive numbers, one for each seed, with Student's interval of the mean of their logarithms.

    Parameters
    ----------
    values : array (seeds,)
    level : float

    Returns
    -------
    mean, low, high : float
        Without spread (one seed, or all equal) low and high are the mean.
    """
    logs = np.log(np.asarray(values, dtype=float))
    centre, spread = logs.mean(), 0.0
    if len(logs) > 1:
        spread = scipy.stats.t.ppf(0.5 + level / 2, len(logs) - 1) * logs.std(ddof=1) / math.sqrt(len(logs))
    return tuple(float(np.exp(x)) for x in (centre, centre - spread, centre + spread))


# --- the running sum ------------------------------------------------------------------------------------------------

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
    return pd.DataFrame([_row(f"some of {settings} settings, the clearest: {where}", *worst, holds=bool(found))])


def _errors_at(records, length):
    """(setting, {variant: errors (seeds,)}) for each setting of the main runs; "blind" is the position mean's error."""
    main = measured(records[(records["length"] == length) & (records["steps"] == records["steps"].min())], "mse")
    for (causal, inputs, score), group in main.groupby(["causal", "inputs", "score"], sort=False):
        errors = {v: g.sort_values("seed")["mse"].to_numpy() for v, g in group.groupby("variant")}
        errors["blind"] = running_sum.baselines(score, inputs, length)["position mean"]
        yield f"{'causal' if causal else 'bidirectional'}, {inputs}, {score.replace('_', ' ')}", errors


# --- shifted positions ----------------------------------------------------------------------------------------------

MOVED = 1e-3  # logits that differ by less have moved by rounding only


@predicate
def absolute_codes_move(records):
    """A shift by 20 changes some logit of each absolute model by more than 0.001, the interval over the seeds above
    it.
    """
    rows = []
    for setting, group in _by_model(records.query("shift == 20"), equivariance.ABSOLUTE):
        interval = geometric_interval(measured(group, "change")["change"].clip(lower=1e-12))
        rows.append(_row(setting, *interval, holds=interval[1] > MOVED))
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
        rows.append(
            _row(f"{encoding}, the smallest of three widths", *smallest, holds=smallest[1] > 0.1 and not halved)
        )
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
        rows.append(_row(setting, grown.mean(), low, high, holds=low > 0.1))
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
        rows.append(_row(setting, largest, math.nan, math.nan, holds=holds(largest)))
    return pd.DataFrame(rows)


# --- position codes -------------------------------------------------------------------------------------------------


LONGEST = math.sqrt(position_codes.WIDTH) * (1 + 1e-6)  # up to rounding


@predicate
def sinusoid_is_bounded(records):
    """No sinusoidal code is longer than sqrt(width), at positions up to four times the length."""
    return _codes(records, "sinusoidal", NORMS, _longest, lambda longest: longest <= LONGEST)


@predicate
def legendre_is_bounded(records):
    """No Legendre code is longer than sqrt(width), at positions up to four times the length."""
    return _codes(records, "legendre", NORMS, _longest, lambda longest: longest <= LONGEST)


@predicate
def legendre_saturates(records):
    """The Legendre codes 50 N and 100 N beyond the last trained position are equal."""
    return _codes(records, "legendre", ["tail"], lambda row: row["tail"], lambda distance: distance < 1e-6)


@predicate
def wavelet_difference_decays(records):
    """The wavelet codes 2.9 N and 100 N beyond the last trained position are nearer to its code than a tenth of the
    code's norm.
    """

    def share(row):
        return max(row["change_290"], row["change_10000"]) / row["norm_met"]

    columns = ["change_290", "change_10000", "norm_met"]
    return _codes(records, "wavelet", columns, share, lambda share: share < 0.1)


@predicate
def wavelet_tells_positions_apart(records):
    """No two wavelet codes of positions 0 to 4N - 1 are equal."""
    return _codes(records, "wavelet", ["gap"], lambda row: row["gap"], lambda gap: gap > 1e-6)


@predicate
def sinusoid_repeats(records):
    """Some sinusoidal code at positions 10,000 to 100,000 is nearer to that of position 0 than the code of position 1
    is.
    """
    return _codes(records, "sinusoidal", ["return_ratio"], lambda row: row["return_ratio"], lambda ratio: ratio < 1)


NORMS = ["norm_met", "norm_new"]


def _longest(row):
    return max(row["norm_met"], row["norm_new"])


def _codes(records, family, columns, measure, holds):
    """One row for each variant of a family: it must hold at every length N; the estimate is the least favourable."""
    rows = []
    for variant, group in records[records["variant"].str.startswith(family)].groupby("variant", sort=False):
        values = [float(measure(row)) for _, row in measured(group, *columns).iterrows()]
        failing = [value for value in values if not holds(value)]
        lengths = f"N = {group['length'].min()} to {group['length'].max()}"
        estimate = max(failing or values)
        rows.append(_row(f"{variant}, {lengths}", estimate, math.nan, math.nan, holds=not failing))
    return pd.DataFrame(rows)


def _below_one(setting, ratios):
    interval = geometric_interval(ratios)
    return _row(setting, *interval, holds=interval[2] < 1)


def _above_one(setting, ratios):
    interval = geometric_interval(ratios)
    return _row(setting, *interval, holds=interval[1] > 1)


def _row(setting, estimate, low, high, *, holds):
    return {"setting": setting, "estimate": estimate, "low": low, "high": high, "holds": bool(holds)}
