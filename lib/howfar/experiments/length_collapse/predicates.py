"""The claim that untrained networks decide, on loss with length: see `howfar.experiments.judging`."""

from howfar.experiments.judging import below, geometric_interval, measured, predicate, reading

SHORT, LONG = 32, 1024


@predicate(
    bar=("below", 0.1),
    written="after",
    plausible="a token repeated once more, the pair of the source's theorem; no encoding, two layers",
)
def last_states_converge(records):
    """From length 32 to 1024 the distance of the last states of two inputs that differ in one token falls to less than
    a tenth, the interval over the seeds below that. Shown is the ratio. The source says that certain inputs converge,
    not all: pairs that differ in their last token are not judged.
    """
    ends = measured(records[records["length"].isin([SHORT, LONG]) & (records["pair"] != "last")], "distance")
    for (pair, encoding, depth), group in ends.groupby(["pair", "encoding", "depth"], sort=False):
        table = group.pivot(index="seed", columns="length", values="distance")
        interval = geometric_interval(table[LONG] / table[SHORT])
        marked = (pair, encoding, depth) == ("one more", "none", 2)
        name = f"{pair}, {encoding}, {depth} layer{'s' if depth > 1 else ''}"
        yield reading(name, interval, below(interval, 0.1), plausible=marked)
