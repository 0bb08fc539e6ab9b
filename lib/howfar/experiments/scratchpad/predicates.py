"""The claims that written steps decide: see `howfar.experiments.judging`.

Written before the recorded runs. A pilot of one or two seeds had been seen for most problems, at other lengths, batches
or steps: its states written were always right for S3 and for A5 at depth 2, not for A5 at depth 1.
"""

from howfar.experiments import scratchpad
from howfar.experiments.judging import above, mean_interval, measured, predicate, reading

MUCH = 0.5  # of all answers: what counts as a dramatic improvement


@predicate(
    bar=("above", MUCH),
    written="before",
    plausible="A5 at depth 1: a group that is not solvable, as the source's S5, and the shallowest model",
)
def written_states_beat_direct_answers(records):
    """With the states written, free-running, the share of right answers to a word problem is higher than that of direct
    answers by more than 0.5, by the interval over the seeds.
    """
    for (group, depth), gain in _gains(records).items():
        interval = mean_interval(gain)
        marked = (group, depth) == ("A5", 1)
        yield reading(f"{group}, depth {depth}", interval, above(interval, MUCH), plausible=marked)


@predicate(bar=("above", 0), written="before", plausible="A5: a group that is not solvable, as the source's S5")
def shallow_models_gain_more(records):
    """What the written states add to the share of right answers is more at depth 1 than at depth 4, by the interval
    over the seeds of the difference.
    """
    gains = _gains(records)
    for group in dict.fromkeys(group for group, _ in gains):
        if {(group, 1), (group, 4)} <= set(gains):
            interval = mean_interval((gains[group, 1] - gains[group, 4]).dropna())
            yield reading(group, interval, above(interval, 0), plausible=group == "A5")


@predicate(
    bar=("above", 0),
    written="after",
    plausible="the bare trace, in which nothing but the moves is written, at the longer of the two trainings",
)
def written_search_beats_the_answer(records):
    """A model that writes its search decides more subset sums than one that says the answer alone after as many steps
    of training, by the interval over the seeds.
    """
    sums = measured(records[records["problem"] == scratchpad.SUBSET_SUM], "answer")
    for steps, group in sums.groupby("steps"):
        table = group.pivot(index="seed", columns="form", values="answer")
        for form in table.columns.intersection(["typed", "echoed", "summed"]):  # in "told" a part is not its own
            interval = mean_interval((table[form] - table["answer"]).dropna())
            marked = (form, steps) == ("typed", 2400)
            yield reading(f"{form}, {steps} steps", interval, above(interval, 0), plausible=marked)


def _gains(records):
    """The share of right answers with the states written less that of direct ones: {(group, depth): by seed}."""
    words = measured(records[records["form"].isin(["direct", "written"])], "answer")
    gains = {}
    for (group, depth, _), part in words.groupby(["problem", "depth", "steps"], sort=False):
        table = part.pivot(index="seed", columns="form", values="answer")
        if {"direct", "written"} <= set(table):  # longer trainings were of one form only
            gains[group, depth] = (table["written"] - table["direct"]).dropna()
    return gains
