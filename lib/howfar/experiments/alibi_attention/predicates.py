"""The claim that the attention of trained ALiBi models decides: see `howfar.experiments.judging`."""

from howfar.experiments.judging import above, all_of, below, mean_interval, measured, predicate, reading

LONG = 400
STEEP = (2**-3, 2**-1)


@predicate(
    bar=("above", 0.9),
    written="after",
    plausible="bidirectional and the sum, the source's model and task; the slope 1/8, the less steep of the two",
)
def steep_alibi_looks_near(records):
    """With the slopes 1/8 and 1/2, at the end of sequences of length 400, more than 90 % of the attention in each layer
    goes to the 25 nearest tokens and less than 1 % beyond 100, by intervals over the seeds. Shown is the share of the
    25 nearest. (Of one setting, two models had been looked at before the rule was written.)
    """
    steep = records[records["slope"].isin(STEEP) & (records["length"] == LONG)]
    for (slope, causal, target), group in steep.groupby(["slope", "causal", "target"], sort=False):
        near, far = (mean_interval(measured(group, column)[column]) for column in ("near", "far"))
        mask = "causal" if causal else "bidirectional"
        marked = (slope, causal, target) == (2**-3, False, "sum")
        status = all_of(above(near, 0.9), below(far, 0.01))
        yield reading(f"{mask}, {target}, slope 1/{1 / slope:g}", near, status, plausible=marked)
