"""The claims that questions with and without a short program decide: see `howfar.experiments.judging`.

A cell is a question with an encoding, at 300 steps. It has learned its question if the share of words without a mistake
is at least 0.9 at the length of training, the mean over the seeds; where it has not, the reading isn't judged. "Beyond"
is one and a half, two or three times that length. One or two other seeds of some cells were seen before: without
encoding majority stayed above 0.7 at three times the length and latest fell to 0.25.
"""

from howfar.complexity import QUESTIONS
from howfar.experiments import complexity
from howfar.experiments.judging import NOT_JUDGED, above, below, mean_interval, measured, predicate, reading

HALF = 0.5  # of all words, every answer right
BEYOND = (1.5, 2, 3)


@predicate(
    bar=("above", HALF),
    written="before",
    plausible="majority without encoding at twice the length: the question with the shortest program",
)
def short_programs_carry_over(records):
    """Beyond the length of training more than half of the words have no mistake, the interval over the seeds above it,
    for each question that has a program in C-RASP or RASP-L, with each encoding. Judged where it was learned.
    """
    for (question, encoding), cell in _cells(records):
        if QUESTIONS[question].language:
            for factor in BEYOND:
                marked = (question, encoding, factor) == ("majority", "none", 2)
                yield _reading(f"{question}, {encoding}", cell, factor, above, marked)


@predicate(
    bar=("above", HALF),
    written="before",
    plausible="majority at three times the length: the question with the shortest program, and all lengths are meant",
)
def counting_carries_over(records):
    """Without encoding, beyond the length of training more than half of the words have no mistake, the interval over
    the seeds above it, for each question that has a program in C-RASP. Judged where it was learned.
    """
    for (question, encoding), cell in _cells(records):
        if encoding == "none" and QUESTIONS[question].language == "C-RASP":
            for factor in BEYOND:
                yield _reading(question, cell, factor, above, (question, factor) == ("majority", 3))


@predicate(
    bar=("below", HALF),
    written="before",
    plausible="the latest letter at three times the length: it is easily learned in range, and all lengths are meant",
)
def without_counting_it_stops(records):
    """Without encoding, beyond the length of training fewer than half of the words have no mistake, the interval over
    the seeds below it, for each question that has no program in C-RASP. Judged where it was learned.
    """
    for (question, encoding), cell in _cells(records):
        if encoding == "none" and QUESTIONS[question].language != "C-RASP":
            for factor in BEYOND:
                yield _reading(question, cell, factor, below, (question, factor) == ("latest", 3))


def _cells(records):
    main = measured(records, "exact_match").query("steps == @complexity.Config.steps")
    return main.groupby(["question", "encoding"], sort=False)


def _reading(name, cell, factor, rule, marked):
    by_length = {f: cell[cell["length"] == (f * cell["trained"]).round()]["exact_match"] for f in (1, factor)}
    interval = mean_interval(by_length[factor])
    status = rule(interval, HALF) if by_length[1].mean() >= complexity.LEARNED else NOT_JUDGED
    return reading(f"{name}, {factor:g} times the length", interval, status, plausible=marked)
