"""The exercises of ``chapters/extrapolation/fifty_four.ipynb``."""

import functools
import itertools

import numpy as np
from scipy.stats import rankdata

from howfar.exercises.engine import Exercise, Option, Question, Wrong, first_misjudged
from howfar.experiments.fifty_four import distances, domains

# --- fifty_four/mixture -----------------------------------------------------------------------------------------


def along_mixture(far, home, shares):
    return [abs(share - home) * far for share in shares]


def _mixture_cases(rng):
    small = [(1.0, 0.0, [0.0, 1.0]), (2.0, 0.0, [0.5]), (4.0, 0.5, [0.0, 0.5, 1.0]), (3.0, 1.0, [0.0, 0.25])]
    large = [(float(rng.uniform(1, 9)), float(rng.choice([0.25, 0.75])), rng.random(5).tolist()) for _ in range(4)]
    return [*small, *large]


MIXTURE = Exercise(
    name="fifty_four/mixture",
    title="How far is a mixture?",
    difficulty=1,
    minutes=6,
    reference=along_mixture,
    cases=_mixture_cases,
    wrong=(
        Wrong(
            "from the first law, whatever home is",
            lambda far, home, shares: [share * far for share in shares],
            "that is the distance from P, the law of share 0. Home is itself a mixture: what is common to both "
            "doesn't move.",
        ),
        Wrong(
            "forgets that distances aren't negative",
            lambda far, home, shares: [(share - home) * far for share in shares],
            "on one side of home your numbers are negative. A distance grows on both sides: a V.",
        ),
        Wrong(
            "squares the share",
            lambda far, home, shares: [(share - home) ** 2 * far for share in shares],
            "the masses that differ are the difference of the shares, once: W1 is linear in it.",
        ),
        Wrong(
            "adds the shares up",
            lambda far, home, shares: [(share + home) * far for share in shares],
            "you add the shares. At share = home the two laws are one, at distance 0.",
        ),
    ),
)

# --- fifty_four/ties --------------------------------------------------------------------------------------------


def tied_ranks(far, same):
    far = np.where(far <= np.max(same), -np.inf, far)
    return rankdata(far)


def _ties_cases(rng):
    small = [
        (np.array([5.0, 6.0]), np.array([1.0])),
        (np.array([0.5, 6.0, 0.2]), np.array([0.4, 0.9])),
        (np.array([0.9, 0.2, 7.0]), np.array([0.4, 0.9])),
        (np.array([0.1, 0.2, 0.3]), np.array([0.25, 0.5])),
    ]
    large = [(rng.exponential(2, size=n), rng.exponential(1, size=5)) for n in (5, 7, 8)]
    return [*small, *large, (np.array([3.0, 0.5, 3.0, 0.9, 0.7, 4.0]), np.array([0.1, 0.95, 0.3]))]


TIES = Exercise(
    name="fifty_four/ties",
    title="Ranks that know their noise",
    difficulty=2,
    minutes=8,
    reference=tied_ranks,
    cases=_ties_cases,
    wrong=(
        Wrong(
            "no ties",
            lambda far, same: rankdata(far),
            "you rank noise: distances that are no larger than between two samples of one law tell nothing apart.",
        ),
        Wrong(
            "the mean of the nulls",
            lambda far, same: rankdata(np.where(far <= np.mean(same), -np.inf, far)),
            "half of the same-law distances are above their mean. Take the largest.",
        ),
        Wrong(
            "strictly below the null",
            lambda far, same: rankdata(np.where(far < np.max(same), -np.inf, far)),
            "a distance that equals the largest same-law distance has been seen without any shift: a tie, too.",
        ),
        Wrong(
            "the lowest rank for ties",
            lambda far, same: rankdata(np.where(far <= np.max(same), -np.inf, far), method="min"),
            "tied levels share the mean of their ranks (two tied at the bottom: 1.5 each), so that all ranks add up to "
            "the same sum as without ties.",
        ),
    ),
)

# --- fifty_four/monotone ----------------------------------------------------------------------------------------


def monotone_pvalue(distance, risk):
    x, y = rankdata(distance), rankdata(risk)
    orders = itertools.permutations(range(len(x)))
    sums = np.array([x @ y[list(order)] for order in orders])
    return np.mean(sums >= x @ y - 1e-9)


def _pvalue(distance, risk, compare, transform=rankdata):
    x, y = transform(distance), transform(risk)
    sums = np.array([x @ y[list(order)] for order in itertools.permutations(range(len(x)))])
    return compare(sums, x @ y, x, y)


def _two_sided(sums, found, x, y):
    middle = len(x) * x.mean() * y.mean()
    return np.mean(abs(sums - middle) >= abs(found - middle) - 1e-9)


def _monotone_cases(rng):
    small = [([1, 2, 3], [1, 2, 3]), ([1, 2, 3], [3, 2, 1]), ([1, 2, 3], [1, 3, 2]), ([0, 0, 1, 2], [1, 5, 6, 7])]
    small = [tuple(np.array(part, float) for part in case) for case in small]
    bent = [([1.0, 2, 3, 4], [1.0, 2, 30, 4]), ([1.0, 2, 3, 50], [2.0, 1, 3, 4])]
    bent = [tuple(np.array(part) for part in case) for case in bent]
    large = [(rng.normal(size=k), rng.normal(size=k)) for k in (5, 5, 6)]
    return [*small, *bent, *large]


MONOTONE = Exercise(
    name="fifty_four/monotone",
    title="An exact test",
    difficulty=2,
    minutes=12,
    reference=monotone_pvalue,
    cases=_monotone_cases,
    wrong=(
        Wrong(
            "strictly larger",
            lambda x, y: _pvalue(x, y, lambda sums, found, *_: np.mean(sums > found + 1e-9)),
            "you leave out the orders that do as well as the observed one, itself among them: a p-value is never 0.",
        ),
        Wrong(
            "two-sided",
            lambda x, y: _pvalue(x, y, _two_sided),
            "you count orders that run the other way, too. The claim has a direction: the risk *grows*.",
        ),
        Wrong(
            "the other side",
            lambda x, y: _pvalue(x, y, lambda sums, found, *_: np.mean(sums <= found + 1e-9)),
            "you count the orders in which the risk follows the distance less well. Count those that do it at least as "
            "well.",
        ),
        Wrong(
            "values for ranks",
            lambda x, y: _pvalue(
                x, y, lambda sums, found, *_: np.mean(sums >= found - 1e-9), lambda v: np.asarray(v, float)
            ),
            "one far level decides nearly all of such a sum. Monotone is a statement about order: use ranks.",
        ),
        Wrong(
            "ties broken by place",
            lambda x, y: _pvalue(
                x,
                y,
                lambda sums, found, *_: np.mean(sums >= found - 1e-9),
                lambda v: rankdata(v, method="ordinal"),
            ),
            "equal values get different ranks, by the place where they stand. Ties share the mean of their ranks.",
        ),
    ),
)

# --- fifty_four/sentences ---------------------------------------------------------------------------------------


def follows():
    return "be"


SENTENCES = Exercise(
    name="fifty_four/sentences",
    title="What follows?",
    difficulty=2,
    minutes=8,
    reference=follows,
    cases=lambda rng: [()],
    run=first_misjudged(6, "be"),
    wrong=(
        Wrong(
            "nine levels of one mixture as nine facts",
            lambda: "abe",
            "both lines are straight by arithmetic: two numbers decide all nine levels.",
        ),
        Wrong(
            "forgets that three levels are too few",
            lambda: "e",
            "three levels have six orders, and the best of them has probability 1/6 by chance.",
        ),
        Wrong(
            "a pooled correlation as a law for each axis",
            lambda: "bce",
            "a few far domains of one axis can carry a pooled correlation while another axis runs flat.",
        ),
        Wrong(
            "zero distance as zero harm",
            lambda: "bde",
            "the traces are the same and the positions aren't: look at the learned models at an offset.",
        ),
        Wrong(
            "leaves the ties out",
            lambda: "b",
            "among distances that two samples of one law show, the order is noise.",
        ),
        Wrong(
            "correlation as cause",
            lambda: "bef",
            "the distance and the risk may both follow a third thing, such as the length.",
        ),
    ),
)

# --- fifty_four/own ---------------------------------------------------------------------------------------------


def moves_gap(a, b):
    return abs(np.mean([len(s) for s in a.stops]) - np.mean([len(s) for s in b.stops]))


@functools.cache
def _samples():
    """Four small samples of searches: two of one law, one of other sizes, one of another order."""
    there = domains.axes()
    chosen = [*there["home"][:2], there["n"][3], there["order"][5]]
    return [domains.sample(domain, 1.0, 24) for domain in chosen]


def _marks(distance, wanted=None):
    """What is asked of any distance, and whether it holds: nothing is compared with one right answer."""
    rows = _samples()
    first = distance(rows[0], rows[1])
    if first is None or first is ...:
        return first  # not attempted yet
    values = {(i, j): float(distance(rows[i], rows[j])) for i in range(4) for j in range(4)}
    if not all(np.isfinite(v) for v in values.values()):
        return "a value is not finite"
    if min(values.values()) < -1e-9:
        return "a value is negative"
    if max(values[i, i] for i in range(4)) > 1e-6:
        return "a sample is not at distance 0 from itself"
    if max(abs(values[i, j] - values[j, i]) for i, j in values) > 1e-6:
        return "it is not symmetric"
    if max(values.values()) <= 1e-9:
        return "all samples are at distance 0"
    if any(values[i, k] > values[i, j] + values[j, k] + 1e-6 for i, j, k in itertools.product(range(4), repeat=3)):
        return "a detour is shorter"
    return "a distance"


OWN = Exercise(
    name="fifty_four/own",
    title="Bring your own distance",
    difficulty=3,
    minutes=20,
    reference=moves_gap,
    cases=lambda rng: [()],
    run=_marks,
    wrong=(
        Wrong(
            "signed",
            lambda a, b: np.mean([len(s) for s in a.stops]) - np.mean([len(s) for s in b.stops]),
            "a distance isn't negative: take the absolute value.",
        ),
        Wrong(
            "relative to the first sample",
            lambda a, b: abs(1 - np.mean([len(s) for s in b.stops]) / np.mean([len(s) for s in a.stops])),
            "what you divide by belongs to one of the two samples: swapped, they give another number.",
        ),
        Wrong(
            "pairs row by row",
            lambda a, b: float(np.mean([x != y for x, y in zip(a.stops, b.stops[::-1], strict=True)])),
            "you compare the i-th search of one sample with one search of the other: even a sample and itself differ. "
            "Compare what the samples have as wholes.",
        ),
        Wrong(
            "constant",
            lambda a, b: 0.0,
            "a distance that is 0 for all samples says nothing.",
        ),
        Wrong(
            "squared",
            lambda a, b: distances.length_gap(a, b) ** 2,
            "a squared gap breaks the triangle inequality: going by a third sample would be shorter.",
        ),
    ),
)

EXERCISES = [MIXTURE, TIES, MONOTONE, SENTENCES, OWN]

QUIZ = (
    Question(
        "A paper trains on half depth-first and half breadth-first searches, tests on nine mixtures of the two, and "
        "plots risk against W1. What must the plot look like?",
        (
            Option(
                "A rising line: all nine levels in order.",
                "That is the plot from a pure training law. From the middle, two mixtures have the same distance.",
            ),
            Option(
                "It depends on the metric.",
                "The metric sets the unit only: W1 between mixtures is the difference of the shares times W1 of the "
                "ends.",
            ),
            Option(
                "Two branches that start at home: one of them falls, or both are flat.",
                "Risk is a straight line in the share and the distance a V, so one end is below home if the other is "
                "above.",
                right=True,
            ),
        ),
    ),
    Question(
        "One of these sentences is false. Which?",
        (
            Option(
                "W1 of traces can be 0 while the risk of a model goes up.",
                "This is true: move the positions of the same rows, for a model with learned ones.",
            ),
            Option(
                "An exact test with three levels can't reach 5 %.",
                "This is true: six orders, one of them the best.",
            ),
            Option(
                "A distance of 0.2 moves shows a shift if the samples are large.",
                "It shows one if it is above what two samples of one law of that size show. That has to be said, too.",
                right=True,
            ),
            Option(
                "A W1 of hidden states is read from the model whose risk it is to predict.",
                "This is true, and why it is no property of the shift alone.",
            ),
        ),
    ),
    Question(
        "On the axis of n a model's risk rises with the stack distance, rank by rank. On the same axis the mean length "
        "of the traces grows with n, too. What may you say?",
        (
            Option(
                "Along this axis risk, distance and length rise together.",
                "That is what was seen. Pairs of domains in which they disagree say more.",
                right=True,
            ),
            Option(
                "The distance explains the risk.",
                "The length would explain it as well, and n would. One axis can't tell them apart.",
            ),
            Option(
                "Nothing, as the levels are not independent.",
                "An order of seven levels is a finding. What it means is the question.",
            ),
        ),
    ),
    Question(
        "Learned positions fail at an offset of 1, and after training at random offsets they don't. What was at fault?",
        (
            Option(
                "The code and what it was trained at, together: nothing in training tied one position to the next.",
                "A rotary model gets it for nothing; a learned one has to be shown.",
                right=True,
            ),
            Option(
                "That the encoding is absolute: absolute codes can't be shifted.",
                "The same absolute encoding, trained at other positions, stays where it is.",
            ),
            Option(
                "The rows of the table beyond the training length, which nobody trained.",
                "At offset 1 nearly all rows are trained, and the loss is there already.",
            ),
        ),
    ),
)
