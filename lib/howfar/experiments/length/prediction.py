"""What the measures of `howfar.complexity` say of the cells of this experiment, to be held against what is measured."""

import pandas as pd

from howfar.complexity import bucketed, clipped, measures
from howfar.experiments import length
from howfar.experiments.length.cells import FACTORS, VARIANTS, Config, grid

OFFSETS = {
    "counted": "relative",
    "coupled": "coupled",
    "coupled, random start": "coupled",
    "subtracted": "by subtraction",
    "divided": "by division",
}
PLACES = {
    "counted": "absolute",
    "coupled": lambda pairs: (pairs.query_id, pairs.key_id),
}


def relation_of(encoding, positions):
    """The relation on which a cell's attention can depend, as far as it depends on positions.

    Parameters
    ----------
    encoding, positions : str
        As in `Config`.

    Returns
    -------
    str or callable, or None
        For `howfar.complexity`. None where positions are drawn, or an absolute code meets positions that are real or
        start anywhere: what is read then has no fixed label.

    Notes
    -----
    What a bias or a turn does at an offset is not asked: ALiBi and rotary positions have one label for each offset, as
    a learned bias without buckets would.
    """
    if encoding == "none":
        return "none"
    if positions == "random":
        return None
    name, options = VARIANTS[encoding]
    if name in ("sinusoidal", "learned", "wavelet", "legendre"):
        return PLACES.get(positions)
    offsets = OFFSETS[positions]
    if positions == "divided":
        return offsets
    if "clip" in options:
        return clipped(offsets, options["clip"])
    if name == "relative":
        return bucketed(offsets, bidirectional=options.get("bidirectional", False))
    return clipped(offsets, 16) if name == "learned_relation" else offsets  # its offsets end at twice its reach


def predictions(factor=FACTORS[-1]):
    """The measures of each task with each encoding and kind of positions of the full grid.

    Parameters
    ----------
    factor : float
        The length that is predicted, in lengths of training.

    Returns
    -------
    list of dict
        ``task, encoding, positions`` and what `howfar.complexity.measures` returns, for training at 1 to 16. Cells
        without a relation are left out.
    """
    lengths, n = range(1, Config.trained + 1), round(factor * Config.trained)
    rows = {}
    for config in grid("full"):
        relation = relation_of(config.encoding, config.positions)
        cell = {name: getattr(config, name) for name in ("task", "encoding", "positions")}
        if relation is not None and tuple(cell.values()) not in rows:
            rows[tuple(cell.values())] = cell | measures(config.task, relation, lengths, n)
    return list(rows.values())


def compared(records, factor=FACTORS[-1]):
    """What was predicted of each cell, beside what was measured.

    Parameters
    ----------
    records : pandas.DataFrame
        Of `howfar.runs`: some or all of this experiment's. Those at temperature 1 count, with the steps and the depth
        that most cells have.
    factor : float
        The length, in lengths of training.

    Returns
    -------
    pandas.DataFrame
        A row for each cell that is recorded and has a relation: `predictions`, and ``learned``, whether its exact match
        at the length of training is at least `howfar.experiments.length.LEARNED` on average; ``measured``, that at the
        length asked for; ``low`` and ``high``, over the seeds.
    """
    main = records.query("temperature == 1 and steps == @Config.steps and depth == @Config.depth")
    cells = dict(list(main.groupby(["task", "encoding", "positions"])))
    rows = []
    for row in predictions(factor):
        cell = cells.get((row["task"], row["encoding"], row["positions"]))
        if cell is not None:
            at = {f: cell[cell["length"] == round(f * Config.trained)]["exact_match"] for f in (1, factor)}
            learned, values = at[1].mean() >= length.LEARNED, at[factor]
            found = {"measured": values.mean(), "low": values.min(), "high": values.max()}
            rows.append(row | {"learned": bool(learned)} | found)
    return pd.DataFrame(rows)
