"""The claim that alternating blocks with a layer too few decide: see `howfar.experiments.judging`."""

from howfar.experiments.judging import CONTRADICTED, HOLDS, UNDECIDED, exactly, measured, predicate, reading

SOLVED = 0.98  # of the words


@predicate(
    bar=("below", SOLVED),
    written="after",
    plausible="five blocks at three times the length of training: the theorems are about all lengths at once",
)
def width_does_not_replace_a_layer(records):
    """With a layer too few, shown is the largest share of words without a mistake over all widths from 8 to 256, rates
    and seeds. If it is at least 0.98, width has replaced the layer at these lengths. That none of our nets gets there
    does not show that none can: with two layers such a reading is undecided. One layer without positions cannot tell
    0011 from 0101 at any width, of which one has four blocks: there the reading holds below 0.98. (That proof came to
    mind when the first runs had been read; without it, which they don't bear on, those readings would be undecided.)
    """
    missing = records[records["depth"] < records["blocks"] - 2]
    chosen = measured(missing[missing["range"] != "twice"], "exact_match")
    for (blocks, name), group in chosen.groupby(["blocks", "range"], sort=False):
        top, layers = group["exact_match"].max(), group["depth"].iloc[0]
        status = CONTRADICTED if top >= SOLVED else (HOLDS if layers == 1 else UNDECIDED)
        setting = f"{blocks} blocks, {layers} layer{'s' if layers > 1 else ''}, {name}"
        yield reading(setting, exactly(top), status, plausible=(blocks, name) == (5, "three times"))
