"""The claim that nets with one hidden layer decide: see `howfar.experiments.judging`."""

from howfar.experiments.barron import best
from howfar.experiments.judging import CONTRADICTED, UNDECIDED, exactly, measured, predicate, reading

FLOOR = 0.1  # in units of the best constant's error


@predicate(
    bar=("above", FLOOR),
    written="before",
    plausible="the stack of bracket words, longer ones, which the source's lower bound on depth is about",
)
def barron_floor(records):
    """Shown is the smallest error of any net with one hidden layer that we tried, at any width, on all inputs of one
    size. Where it is below a tenth of the best constant's, no approximation bound keeps width from replacing depth
    there. That none of our nets is better would not show that none exists: such a reading is undecided.
    """
    found = best(measured(records, "error"))
    longest = found[found["target"] == "stack"]["size"].max()
    for (target, size), group in found.groupby(["target", "size"], sort=False):
        least = group["error"].min()
        status = CONTRADICTED if least < FLOOR else UNDECIDED
        unit = "tokens" if target == "stack" else "bits"
        yield reading(
            f"{target}, {size} {unit}", exactly(least), status, plausible=(target, size) == ("stack", longest)
        )
