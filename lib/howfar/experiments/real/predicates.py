"""The claims that source code decides: see `howfar.experiments.judging`.

Bits a character are those of the same 2,048 characters, whatever is read before them, and at the length of training
where nothing else is said. An encoding has learned if its bits there are below those of the best n-gram of the same
text, on average over the seeds; where it has not, the reading isn't judged. "Beyond" is more than that length.

ALiBi is judged by the longer of its two runs. Its shorter one, which misses that baseline, had been looked at, and
trials of rotary positions and of no encoding with other seeds, before the longer one was run, with fresh seeds. What is
compared had been written before all of them, but which run is judged had not: these rules count as written after.
"""

from howfar.experiments import real
from howfar.experiments.judging import (
    NOT_JUDGED,
    above,
    below,
    exactly,
    mean_interval,
    measured,
    predicate,
    reading,
)

BEYOND = (1.5, 2, 4)
SMALL = 0.05  # bits a character
TRANSFORMS = ("wavelet", "legendre")
TRAINED = real.Config("code", "none").trained


@predicate(
    bar=("above", 0),
    written="before",
    plausible="wavelets at four times the length: the source's own encoding and the ratio of its test, 200 to 50",
)
def transforms_beat_sinusoid_on_code(records):
    """Beyond the length of training the sinusoid needs more bits than the encoding by an orthogonal transform, the
    interval of the difference over the seeds above 0. Judged where both have learned.
    """
    code = _code(records)
    for encoding in TRANSFORMS:
        for factor in BEYOND:
            lead = _bits(code, "sinusoidal", factor) - _bits(code, encoding, factor)
            status = above(mean_interval(lead), 0)
            name = f"{encoding}, {factor:g} times the length"
            yield _judged(code, ("sinusoidal", encoding), name, lead, status, (encoding, factor) == ("wavelet", 4))


@predicate(
    bar=("above", 0),
    written="after",
    plausible="four times the length, where the slopes are smallest",
)
def adaptive_slopes_help(records):
    """Beyond the length of training ALiBi needs more bits with its slopes as they are than with slopes that shrink with
    what a query may look at, the interval of the difference over the seeds above 0.
    """
    code = _code(records)
    for factor in BEYOND:
        gain = _bits(code, "alibi", factor) - _bits(code, "alibi", factor, "adapt")
        status = above(mean_interval(gain), 0)
        yield _judged(code, ("alibi",), f"{factor:g} times the length", gain, status, factor == 4)


@predicate(
    bar=("above", 0),
    written="after",
    plausible="four times the length: the growth is said to be linear in the distance",
)
def alibi_error_grows(records):
    """Beyond the length of training ALiBi needs more bits than at it, the interval of the difference over the seeds
    above 0.
    """
    code = _code(records)
    for factor in BEYOND:
        excess = _bits(code, "alibi", factor) - _bits(code, "alibi", 1)
        yield _judged(
            code, ("alibi",), f"{factor:g} times the length", excess, above(mean_interval(excess), 0), factor == 4
        )


@predicate(
    bar=("below", SMALL),
    written="after",
    plausible="twice the length, the smallest ratio that the source tests",
)
def alibi_extrapolates_on_code(records):
    """Beyond the length of training ALiBi needs at most 0.05 bits more than at it, the interval of the difference over
    the seeds below that.
    """
    code = _code(records)
    for factor in BEYOND:
        excess = _bits(code, "alibi", factor) - _bits(code, "alibi", 1)
        status = below(mean_interval(excess), SMALL)
        yield _judged(code, ("alibi",), f"{factor:g} times the length", excess, status, factor == 2)


@predicate(
    bar=("above", 0),
    written="after",
    plausible="four times the length, where most distances are new",
)
def alibi_needs_a_growing_bias(records):
    """Beyond the length of training ALiBi needs more bits with a bias that stays at its last trained value than with
    one that goes on growing, the interval of the difference over the seeds above 0.
    """
    code = _code(records)
    for factor in BEYOND:
        cost = _bits(code, "alibi", factor, "stop") - _bits(code, "alibi", factor)
        status = above(mean_interval(cost), 0)
        yield _judged(code, ("alibi",), f"{factor:g} times the length", cost, status, factor == 4)


@predicate(
    bar=("above", 0),
    written="before",
    plausible="positions from one training length on, none of them in the table: beyond it in the plainest sense",
)
def learned_table_loses_all(records):
    """At positions beyond its table, which repeats its last row there, a learned table needs more bits than an answer
    that knows only how frequent each character is, the interval of the difference over the seeds above 0.
    """
    code = _code(records)
    for name, chosen, marked in [
        *((f"{factor:g} times the length", {"factor": factor}, False) for factor in BEYOND),
        ("the same text, from one length on", {"factor": 1, "start": TRAINED}, True),
        ("the same text, from three lengths on", {"factor": 1, "start": 3 * TRAINED}, False),
    ]:
        loss = _bits(code, "learned", **chosen) - code["one_gram"].iloc[0]
        yield _judged(code, ("learned",), name, loss, above(mean_interval(loss), 0), marked)


@predicate(
    bar=("below", 0.25),
    written="before",
    plausible="four times the length, the farthest distances",
    identity=True,
)
def attention_changes_at_most_linearly(records):
    """The weight of a key beyond the distances of training differs from what it would be at the last of them by at most
    a quarter of the difference of the bias, for every seed: shown is the largest ratio.
    """
    code = _code(records)
    alibi = code[(code["encoding"] == "alibi") & (code["rule"] == "grow") & (code["start"] == 0)]
    for factor in BEYOND:
        ratio = exactly(measured(alibi[alibi["length"] == factor * TRAINED], "steepest")["steepest"].max())
        yield reading(f"{factor:g} times the length", ratio, below(ratio, 0.25 + 1e-6), plausible=factor == 4)


def _code(records):
    """The records of code, of each encoding those of its longest training."""
    code = measured(records[records["task"] == "code"], "bits", "best_gram", "one_gram", "start")
    return code[code["steps"] == code.groupby("encoding")["steps"].transform("max")]


def _bits(code, encoding, factor, rule=None, start=0):
    """Bits a character of each seed, a Series."""
    rules = ("as trained", "grow") if rule is None else (rule,)
    chosen = (code["encoding"] == encoding) & code["rule"].isin(rules)
    rows = code[chosen & (code["length"] == factor * TRAINED) & (code["start"] == start)]
    if not len(rows):
        raise KeyError(f"code, {encoding}, {factor:g} times the length")
    return rows.set_index("seed")["bits"].sort_index()


def _judged(code, encodings, name, values, status, marked):
    """A reading, not judged unless all of these encodings have learned."""
    learned = all(_bits(code, encoding, 1).mean() < code["best_gram"].iloc[0] for encoding in encodings)
    return reading(name, mean_interval(values), status if learned else NOT_JUDGED, plausible=marked)
