"""The claim that alternating blocks with a layer too few decide: see `howfar.experiments.judging`."""

from howfar.experiments.judging import CONTRADICTED, UNDECIDED, exactly, measured, predicate, reading

SOLVED = 0.98  # of the words


@predicate(
    bar=("below", SOLVED),
    written="before",
    plausible="five blocks at three times the length of training: the theorems are about all lengths at once, and four "
    "blocks leave a single layer no choice",
)
def width_does_not_replace_a_layer(records):
    """With a layer too few, shown is the largest share of words without a mistake over all widths from 8 to 256, rates
    and seeds. If it is at least 0.98, width has replaced the layer at these lengths. That none of our nets gets there
    does not show that none can: such a reading is undecided.
    """
    missing = records[records["depth"] < records["blocks"] - 2]
    chosen = measured(missing[missing["range"] != "twice"], "exact_match")
    for (blocks, name), group in chosen.groupby(["blocks", "range"], sort=False):
        top = group["exact_match"].max()
        status = CONTRADICTED if top >= SOLVED else UNDECIDED
        layers = group["depth"].iloc[0]
        setting = f"{blocks} blocks, {layers} layer{'s' if layers > 1 else ''}, {name}"
        yield reading(setting, exactly(top), status, plausible=(blocks, name) == (5, "three times"))
