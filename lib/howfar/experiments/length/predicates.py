"""The claims that lengths beyond training decide: see `howfar.experiments.judging`.

A cell is a task with an encoding and a kind of positions, at temperature 1, with the depth and the steps that most
cells have. It has learned its task if its exact match at the length of training is at least 0.9 on average over the
seeds; where it has not, there is nothing that could carry over to longer problems, and the reading isn't judged.
"Beyond" is one and a half times or twice that length.
"""

from howfar.experiments import length
from howfar.experiments.judging import (
    NOT_JUDGED,
    above,
    below,
    mean_interval,
    measured,
    predicate,
    reading,
)

BEYOND = (1.5, 2)
NOTHING = 0.05  # exact match of a model that doesn't extrapolate
HINTED = {"divided": "by division", "subtracted": "by subtraction"}
ABSOLUTE = ("learned", "sinusoidal")


@predicate(
    bar=("above", 0),
    written="before",
    plausible=(
        "copying with rotary positions, scaled by division, at one and a half times the length: a summary names "
        "copying, and to scale is to multiply"
    ),
)
def scale_hint_helps(records):
    """Beyond the length of training the exact match with a hint is higher than that of the same encoding with counted
    positions, the interval of the difference over the seeds above 0. Judged where the model with the hint has learned
    the task.
    """
    cells = _cells(records)
    for (task, encoding, positions), cell in cells.items():
        if positions in HINTED:
            for factor in BEYOND:
                marked = (task, encoding, positions, factor) == ("copy", "rotary", "divided", 1.5)
                name = f"{task}, {encoding}, {HINTED[positions]}"
                yield _difference(name, cell, cells[task, encoding, "counted"], factor, [cell], marked)


@predicate(
    bar=("above", 0),
    written="before",
    plausible=(
        "copying against rotary positions, both counted, at one and a half times the length: a summary names copying, "
        "and an embedding that learns its relations is offered in place of one that doesn't"
    ),
)
def learned_relation_helps(records):
    """Beyond the length of training the exact match of the learned relation is higher than that of another encoding
    with the same positions, the interval of the difference over the seeds above 0. Judged where the learned relation
    has learned the task.
    """
    cells = _cells(records)
    for (task, encoding, positions), cell in cells.items():
        if encoding == "learned relation":
            for other in ("rotary", "relative", "alibi", "sinusoidal"):
                if (task, other, positions) in cells:
                    for factor in BEYOND:
                        marked = (task, other, positions, factor) == ("copy", "rotary", "counted", 1.5)
                        name = f"{task}, {positions}, against {other}"
                        yield _difference(name, cell, cells[task, other, positions], factor, [cell], marked)


@predicate(
    bar=("above", 0.5),
    written="before",
    plausible="copying, the plainest of the tasks, at one and a half times the length",
)
def alibi_extrapolates_on_strings(records):
    """Beyond the length of training ALiBi with counted positions answers more than half of the problems without a
    mistake, the interval over the seeds above it. Judged where it has learned the task.
    """
    for name, cell, factor, marked in _alone(records, "alibi"):
        interval = mean_interval(cell[factor])
        yield reading(name, interval, above(interval, 0.5) if _learned(cell) else NOT_JUDGED, plausible=marked)


@predicate(
    bar=("below", NOTHING),
    written="before",
    plausible="copying, the plainest of the tasks, at one and a half times the length",
)
def learned_table_stops_on_strings(records):
    """Beyond the length of training a learned table answers fewer than one in twenty problems without a mistake, the
    interval over the seeds below it. Judged where it has learned the task; one answer in two is right by chance for
    parity at once, which is left out.
    """
    for name, cell, factor, marked in _alone(records, "learned"):
        interval = mean_interval(cell[factor])
        yield reading(name, interval, below(interval, NOTHING) if _learned(cell) else NOT_JUDGED, plausible=marked)


@predicate(
    bar=("above", 0),
    written="before",
    plausible="copying at twice the length, to which the source tests, with a quarter of the features turned, as there",
)
def no_encoding_leads(records):
    """Beyond the length of training the exact match without encoding is higher than that of the best of T5's, ALiBi,
    rotary and absolute encodings, the interval of the difference over the seeds above 0. Judged where the model without
    encoding has learned the task.
    """
    cells = _cells(records)
    for task in length.TASKS:
        cell = cells[task, "none", "counted"]
        for rotary in ("rotary 25 %", "rotary"):
            for factor in BEYOND:
                rivals = {name: cells[task, name, "counted"] for name in ("relative", "alibi", rotary, *ABSOLUTE)}
                best = max(rivals, key=lambda name: rivals[name][factor].mean())
                marked = (task, rotary, factor) == ("copy", "rotary 25 %", 2)
                name = f"{task}, with {rotary}, against {best}"
                yield _difference(name, cell, rivals[best], factor, [cell], marked)


@predicate(
    bar=("above", 0),
    written="before",
    plausible="copying at twice the length, to which the source tests, with a quarter of the features turned, as there",
)
def alibi_leads_rotary(records):
    """Beyond the length of training the exact match of ALiBi is higher than that of rotary positions, the interval of
    the difference over the seeds above 0. Judged where both have learned the task.
    """
    cells = _cells(records)
    for task in length.TASKS:
        for rotary in ("rotary 25 %", "rotary"):
            pair = [cells[task, name, "counted"] for name in ("alibi", rotary)]
            for factor in BEYOND:
                marked = (task, rotary, factor) == ("copy", "rotary 25 %", 2)
                yield _difference(f"{task}, {rotary}", *pair, factor, pair, marked)


def _cells(records):
    """{(task, encoding, positions): {factor: exact match by seed}} of the main runs."""
    usual = length.Config("copy", "none")
    main = measured(records, "exact_match").query(
        "temperature == 1 and steps == @usual.steps and depth == @usual.depth"
    )
    cells = {}
    for name, group in main.groupby(["task", "encoding", "positions"], sort=False):
        at = {factor: group[group["length"] == round(factor * usual.trained)] for factor in (1, *BEYOND)}
        cells[name] = {factor: rows.set_index("seed")["exact_match"].sort_index() for factor, rows in at.items()}
    return cells


def _learned(cell):
    return cell[1].mean() >= length.LEARNED


def _alone(records, encoding):
    """(name, cell, factor, whether it is the plausible one) of an encoding with counted positions."""
    cells = _cells(records)
    for task in length.TASKS:
        if task != "parity":
            for factor in BEYOND:
                marked = (task, factor) == ("copy", 1.5)
                yield f"{task}, {factor:g} times the length", cells[task, encoding, "counted"], factor, marked


def _difference(name, cell, other, factor, must_have_learned, marked):
    interval = mean_interval(cell[factor] - other[factor])
    status = above(interval, 0) if all(_learned(each) for each in must_have_learned) else NOT_JUDGED
    return reading(f"{name}, {factor:g} times the length", interval, status, plausible=marked)
