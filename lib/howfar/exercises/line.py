"""The exercises of ``chapters/transport/line.ipynb``."""

import math

import numpy as np

from howfar.exercises.engine import Exercise, Option, Question, Wrong
from howfar.wasserstein import wasserstein_1d

# --- line/sorting -----------------------------------------------------------------------------------------------


def w1_sorted(u, v):
    return np.mean(np.abs(np.sort(u) - np.sort(v)))


def _sorting_cases(rng):
    small = [
        ([0.0], [2.0]),
        ([0.0, 1.0], [1.0, 0.0]),
        ([0.0, 2.0], [1.0, 1.0]),
        ([0.0, 0.0], [3.0, 1.0]),
        ([0.0, 0.0, 1.0], [0.0, 1.0, 1.0]),
        ([-5.0, 3.0, -1.0], [-2.0, -7.0, 4.0]),
    ]
    large = [(rng.normal(size=n), rng.normal(1, 2, size=n)) for n in (3, 4, 51, 1001)]
    large.append((1e6 + rng.normal(size=9), 1e6 + rng.normal(size=9)))  # far from 0: sums of squares lose their digits
    return [(np.array(u), np.array(v)) for u, v in small + large]


SORTING = Exercise(
    name="line/sorting",
    title="Sorting is enough",
    difficulty=1,
    minutes=5,
    reference=w1_sorted,
    cases=_sorting_cases,
    wrong=(
        Wrong(
            "pairs in the given order",
            lambda u, v: np.mean(np.abs(u - v)),
            "you pair the points in the order in which they come. A sample has no order: sort both first.",
        ),
        Wrong(
            "sorts one side only",
            lambda u, v: np.mean(np.abs(np.sort(u) - v)),
            "only one of the two samples is sorted. The smallest must meet the smallest: sort both.",
        ),
        Wrong(
            "sums instead of averaging",
            lambda u, v: np.sum(np.abs(np.sort(u) - np.sort(v))),
            "each point carries mass 1/n, so the distances are averaged, not summed.",
        ),
        Wrong(
            "root mean square",
            lambda u, v: np.sqrt(np.mean((np.sort(u) - np.sort(v)) ** 2)),
            "this is W2: the cost is the distance, not its square.",
        ),
        Wrong(
            "difference of the means",
            lambda u, v: abs(np.mean(u) - np.mean(v)),
            "take absolute values before the mean: [0, 2] and [1, 1] have the same mean, but they differ.",
        ),
        Wrong(
            "each point to each",
            lambda u, v: np.mean(np.abs(u[:, None] - v[None, :])),
            "this is the mean over all pairs, the cost of the independent plan. It isn't even 0 between a sample and "
            "itself.",
        ),
        Wrong(
            "drops repeated values",
            lambda u, v: np.mean(np.abs(np.unique(u) - np.unique(v))),
            "np.unique sorts, but it also drops repeated points, and each of them carries mass 1/n.",
        ),
        Wrong(
            "ranks instead of values",
            lambda u, v: np.mean(np.abs(np.argsort(u) - np.argsort(v))),
            "np.argsort gives places in the array, not values: use np.sort.",
        ),
        Wrong(
            "largest meets smallest",
            lambda u, v: np.mean(np.abs(np.sort(u) - np.sort(v)[::-1])),
            "one sample runs down while the other runs up: that is the most expensive pairing, not the cheapest.",
        ),
    ),
)

# --- line/cdf ---------------------------------------------------------------------------------------------------


def w1_cdf(x, p, q):
    gap = np.cumsum(p - q)
    return np.sum(np.abs(gap[:-1]) * np.diff(x))


def _cdf_cases(rng):
    small = [
        ([0, 1], [1, 0], [0, 1]),
        ([0, 3], [1, 0], [0, 1]),
        ([0, 1, 2], [1, 0, 0], [0, 0, 1]),
        ([0, 1, 2], [0.5, 0, 0.5], [0, 1, 0]),
        ([0, 1, 5], [0.25, 0.5, 0.25], [0.5, 0.25, 0.25]),
        ([-7, -3, -1, 90], [0, 0.5, 0.25, 0.25], [0.5, 0, 0, 0.5]),
        ([2], [1], [1]),
        ([-1, 0, 0, 4], [0.25, 0.25, 0.25, 0.25], [0, 0, 1, 0]),  # a point that is listed twice
    ]
    scales = ((4, 1), (7, 1000), (30, 1))
    large = [
        (np.sort(scale * rng.normal(size=n)), rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(n)))
        for n, scale in scales
    ]
    return [tuple(np.array(part, dtype=float) for part in case) for case in small + large]


CDF = Exercise(
    name="line/cdf",
    title="The area between two staircases",
    difficulty=1,
    minutes=8,
    reference=w1_cdf,
    cases=_cdf_cases,
    wrong=(
        Wrong(
            "forgets the widths",
            lambda x, p, q: np.sum(np.abs(np.cumsum(p - q)[:-1])),
            "you add up the heights of the gaps. An area needs their widths, too: np.diff(x).",
        ),
        Wrong(
            "signed area",
            lambda x, p, q: abs(np.sum(np.cumsum(p - q)[:-1] * np.diff(x))),
            "areas where F is above G cancel those where it is below. Take absolute values before the sum.",
        ),
        Wrong(
            "compares densities",
            lambda x, p, q: np.sum(np.abs(p - q)[:-1] * np.diff(x)),
            "|p - q| compares the masses point by point. Mass that travels is seen by the *cumulative* sums.",
        ),
        Wrong(
            "total variation",
            lambda x, p, q: 0.5 * np.sum(np.abs(p - q)),
            "this is the total variation distance: it doesn't use x, so it can't know how far the mass goes.",
        ),
        Wrong(
            "trapezoids",
            lambda x, p, q: np.sum(np.diff(x) * (np.abs(np.cumsum(p - q))[1:] + np.abs(np.cumsum(p - q))[:-1]) / 2),
            "the gap is a staircase, not a line from point to point: use rectangles of width np.diff(x).",
        ),
        Wrong(
            "gap taken on the wrong side",
            lambda x, p, q: np.sum(np.abs(np.cumsum(p - q)[1:]) * np.diff(x)),
            "between x[i] and x[i+1] both staircases have the height that they reached at x[i]: use the first n - 1 "
            "gaps, not the last.",
        ),
    ),
)

# --- line/plan --------------------------------------------------------------------------------------------------


def monotone_plan(a, b):
    plan = np.zeros((len(a), len(b)))
    left_a, left_b = a.copy(), b.copy()
    i = j = 0
    while i < len(a) and j < len(b):
        mass = min(left_a[i], left_b[j])
        plan[i, j] += mass
        left_a[i] -= mass
        left_b[j] -= mass
        if left_a[i] <= left_b[j]:
            i += 1
        else:
            j += 1
    return plan


def _diagonal_plan(a, b):
    plan = np.zeros((len(a), len(b)))
    n = min(plan.shape)
    np.fill_diagonal(plan, np.minimum(a[:n], b[:n]))
    return plan


def _plan_without_subtracting(a, b):
    plan = np.zeros((len(a), len(b)))
    i = j = 0
    while i < len(a) and j < len(b):
        plan[i, j] = min(a[i], b[j])
        if a[i] <= b[j]:
            i += 1
        else:
            j += 1
    return plan


def _plan_cases(rng):
    small = [
        ([1.0], [1.0]),
        ([1.0], [0.5, 0.5]),
        ([0.25, 0.75], [0.75, 0.25]),
        ([0.5, 0.25, 0.25], [0.25, 0.75]),
        ([0.5, 0.0, 0.5], [0.0, 1.0]),
        ([0.0, 0.25, 0.75, 0.0], [0.25, 0.0, 0.75, 0.0, 0.0]),
        ([1 / 1024, 1023 / 1024], [1022 / 1024, 2 / 1024]),
        ([0.1, 0.2, 0.7], [0.3, 0.7]),  # 0.1 + 0.2 isn't 0.3: what is left over by rounding is no mass
        ([0.3, 0.7], [0.1, 0.2, 0.7]),
    ]
    large = [
        (rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))) for n, m in ((2, 3), (5, 5), (1, 4), (8, 6), (7, 1))
    ]
    return [(np.array(a), np.array(b)) for a, b in small + large]


PLAN = Exercise(
    name="line/plan",
    title="Fill the plan from its corner",
    difficulty=2,
    minutes=12,
    reference=monotone_plan,
    cases=_plan_cases,
    wrong=(
        Wrong(
            "independent coupling",
            lambda a, b: np.outer(a, b),
            "the product plan has the right marginals, but it sends every point everywhere: feasible, not optimal.",
        ),
        Wrong(
            "transposed",
            lambda a, b: monotone_plan(a, b).T,
            "rows belong to a and columns to b: plan[i, j] is the mass that leaves i for j. Yours is transposed.",
        ),
        Wrong(
            "diagonal only",
            _diagonal_plan,
            "you pair each point with the one of the same rank and stop. What is left at i must move on to j + 1.",
        ),
        Wrong(
            "starts at the wrong corner",
            lambda a, b: monotone_plan(a, b[::-1])[:, ::-1],
            "the leftmost mass goes to the rightmost place. Start both i and j at 0.",
        ),
        Wrong(
            "never subtracts",
            _plan_without_subtracting,
            "mass that has left i, or arrived at j, is gone: subtract it from what is left there.",
        ),
        Wrong(
            "rows don't add up to a",
            lambda a, b: monotone_plan(a, b) / a[:, None],
            "each row is divided by its mass. A plan's rows add up to a, not to 1.",
        ),
    ),
)

# --- line/bias --------------------------------------------------------------------------------------------------

# For each pair on the page, the length of the line on which both distribution functions stand at one half.
_SHARED = {"a": 2, "b": 0, "c": 1, "d": 4}


def largest_bias():
    return "d"


def _bias_of_choice(answer, n):
    """The bias of the chosen pair: a wrong choice is told from its own number, without the right letter."""
    letter = answer()
    if not (isinstance(letter, str) and letter in _SHARED):
        return letter
    # E|A - B| = n C(2n, n) / 4^n for two counts of n tosses of a fair coin; elsewhere on the line nothing is biased.
    return _SHARED[letter] * (math.comb(2 * n, n) / 4**n)


BIAS = Exercise(
    name="line/bias",
    title="Which estimate is furthest off?",
    difficulty=1,
    minutes=6,
    reference=largest_bias,
    cases=lambda rng: [(100,), (400,)],
    run=_bias_of_choice,
    wrong=(
        Wrong(
            "two samples of one law",
            lambda: "a",
            "two samples of one law are biased wherever 0 < F < 1, but so are two laws wherever F = G. Another pair "
            "agrees on a longer stretch. (Expected and got are the biases at n draws.)",
        ),
        Wrong(
            "far and one-sided",
            lambda: "b",
            "here F lies above G on all of the line, and so do the samples' staircases: W1 is a difference of means, "
            "and means have no bias.",
        ),
        Wrong(
            "far and touching",
            lambda: "c",
            "the distance doesn't count: where F and G differ that much nothing is biased. On how long a stretch is "
            "F = G = 1/2? (Expected and got are the biases at n draws.)",
        ),
    ),
)

# --- line/p-value -----------------------------------------------------------------------------------------------


def permutation_p_value(u, v, shuffles):
    pool = np.concatenate([u, v])
    observed = wasserstein_1d(u, v)
    shuffled = pool[shuffles].T
    null = wasserstein_1d(shuffled[: len(u)], shuffled[len(u) :])
    return (1 + np.sum(null >= observed - 1e-12)) / (1 + len(shuffles))


def _p_value(u, v, shuffles, *, reaches=lambda null, observed: null >= observed - 1e-12, above=1, below=1, first=None):
    """The p-value with one of its parts replaced."""
    shuffled = np.concatenate([u, v])[shuffles].T
    first = len(u) if first is None else first(len(u) + len(v))
    null = wasserstein_1d(shuffled[:first], shuffled[first:])
    return (above + np.sum(reaches(null, wasserstein_1d(u, v)))) / (below + len(shuffles))


def _means_p_value(u, v, shuffles):
    shuffled = np.concatenate([u, v])[shuffles].T
    null = np.abs(shuffled[: len(u)].mean(0) - shuffled[len(u) :].mean(0))
    return (1 + np.sum(null >= abs(u.mean() - v.mean()) - 1e-12)) / (1 + len(shuffles))


def _rows_p_value(u, v, shuffles):
    rows = np.concatenate([u, v])[shuffles]
    null = wasserstein_1d(rows[: len(u)], rows[len(u) :])  # ValueError when there are too few rows to split
    return (1 + np.sum(null >= wasserstein_1d(u, v) - 1e-12)) / (1 + len(shuffles))


def _tied_by_rounding(rng, n, m, unit):
    """A case where splits of equal distance come out a last digit apart, so that without a tolerance p is too small."""
    while True:
        u, v = unit * rng.integers(0, 6, n), unit * rng.integers(0, 8, m)
        shuffles = np.array([rng.permutation(n + m) for _ in range(40)])
        exact = _p_value(u, v, shuffles)
        if _p_value(u, v, shuffles, reaches=lambda null, observed: null >= observed) < exact < 1:
            return u, v, shuffles


def _p_value_cases(rng):
    def case(u, v, count):
        shuffles = np.array([rng.permutation(len(u) + len(v)) for _ in range(count)])
        return np.array(u, dtype=float), np.array(v, dtype=float), shuffles

    swaps = np.array([[0, 1], [1, 0], [1, 0]])
    small = [
        (np.array([0.0]), np.array([1.0]), swaps),
        (np.array([0.0]), np.array([4.0, 1.0]), np.array([[0, 1, 2], [1, 0, 2], [2, 0, 1], [2, 1, 0]])),
        (np.array([0.0, 0.0]), np.array([1.0, 2.0]), np.array([[0, 1, 2, 3], [0, 2, 1, 3], [1, 3, 0, 2]])),
        (np.array([0.0, 4.0]), np.array([2.0, 2.0]), np.array([[0, 1, 2, 3], [0, 2, 1, 3], [2, 1, 0, 3]])),
        case([0, 1], [0, 1], 6),
        case([3, 1, 1], [0, 2], 1),
        case([0, 0, 1, 1], [5, 6, 7, 5, 6, 6, 8, 9], 9),
    ]
    ties = [_tied_by_rounding(rng, n, m, unit) for n, m, unit in ((3, 4, 0.1), (6, 5, 0.1), (7, 7, 0.1), (5, 3, 1e-4))]
    outlier = case([1000, *rng.integers(0, 6, 5)], rng.integers(0, 6, 5), 40)  # all distances are nearly equal
    large = [
        case(rng.integers(0, 4, 16), rng.integers(0, 5, 8), 50),
        case(rng.normal(size=7), rng.normal(1, 1, 10), 40),
    ]
    return [*small, *ties, outlier, *large]


P_VALUE = Exercise(
    name="line/p-value",
    title="A test that is exact",
    difficulty=2,
    minutes=12,
    reference=permutation_p_value,
    cases=_p_value_cases,
    wrong=(
        Wrong(
            "p-value of zero",
            lambda u, v, s: _p_value(u, v, s, above=0, below=0),
            "the observed split is one of the possible splits: count it, too, above and below. "
            "Otherwise p can be 0 and the test rejects too often.",
        ),
        Wrong(
            "drops the ties",
            lambda u, v, s: _p_value(u, v, s, reaches=lambda null, observed: null > observed + 1e-12),
            "a shuffle that does exactly as well as the observed split counts against it: >=, not >.",
        ),
        Wrong(
            "no room for rounding",
            lambda u, v, s: _p_value(u, v, s, reaches=lambda null, observed: null >= observed),
            "two splits of equal distance may differ in the last digit, and then a tie is lost: >= observed - 1e-12.",
        ),
        Wrong(
            "too much room",
            lambda u, v, s: _p_value(u, v, s, reaches=lambda null, observed: null >= observed - 0.05),
            "you count shuffles that fall short of the observed distance by more than rounding: 1e-12 is enough.",
        ),
        Wrong(
            "wrong tail",
            lambda u, v, s: _p_value(u, v, s, reaches=lambda null, observed: null <= observed + 1e-12),
            "a large distance speaks against equality: count the shuffles that are at least as far, not as near.",
        ),
        Wrong(
            "shuffles within each sample",
            lambda u, v, s: 1.0,
            "every shuffle gives the observed distance again. Put both samples into one pool, then split the pool.",
        ),
        Wrong(
            "adds one only above",
            lambda u, v, s: _p_value(u, v, s, below=0),
            "with the observed split there are B + 1 splits, so divide by B + 1: as it stands p can exceed 1.",
        ),
        Wrong(
            "splits in halves",
            lambda u, v, s: _p_value(u, v, s, first=lambda size: size // 2),
            "the new heaps must be as large as the old ones: the first len(u) of each shuffle, not the first half.",
        ),
        Wrong(
            "difference of the means",
            _means_p_value,
            "you compare means. The statistic is W1, which sees more than the mean.",
        ),
        Wrong(
            "shuffles along the wrong axis",
            _rows_p_value,
            "one shuffle is a row of `shuffles`, but wasserstein_1d wants one a column: transpose.",
        ),
    ),
)

EXERCISES = [SORTING, CDF, PLAN, BIAS, P_VALUE]

QUIZ = (
    Question(
        "Predict: two samples of n points each come from one law. How many points must each have for half the W₁?",
        (
            Option("About 2n", "The rate is 1 / √n: with twice the points W₁ falls by a factor √2 only."),
            Option("About 4n", "The distance between two samples of one law falls like 1 / √n.", True),
            Option("Any number will do: it is 0.", "The laws are at distance 0. Two samples of them are not."),
        ),
    ),
    Question(
        "Which sentence is false?",
        (
            Option(
                "W₁ is at least the difference of the means.",
                "This is true: the mean of the absolute differences is at least the absolute value of their mean.",
            ),
            Option(
                "Two plans can both be the cheapest.",
                "This is true: moving everything by one and letting half of it jump by two can cost the same.",
            ),
            Option(
                "If W₁ between the depths of two packages is 0, their words have the same distribution.",
                "Depth is a summary: `[]()` and `()` have the same depth. A small W₁ of a summary never says near.",
                True,
            ),
            Option(
                "Between two blocks that don't overlap, total variation is the same at any distance.",
                "This is true: all of the mass has to move, and total variation doesn't ask how far.",
            ),
        ),
    ),
    Question(
        "Predict: every point of one law lies to the left of every point of another. What is the bias of their "
        "estimated W₁?",
        (
            Option(
                "About that of two samples of one law.",
                "That bias comes from places where both distribution functions stand at one height between 0 and 1. "
                "Here there is none.",
            ),
            Option(
                "0, at every sample size.",
                "All mass moves one way in every sample, so W₁ is a difference of means, and means have no bias.",
                True,
            ),
            Option(
                "It grows with the distance.", "How far the mass goes adds to W₁ itself. It adds nothing to its bias."
            ),
        ),
    ),
    Question(
        "Predict: you shuffle 999 times, and no shuffle reaches the observed W₁. What is the p-value?",
        (
            Option("0", "The observed split is one of the possible splits, so p is never 0."),
            Option("1 / 999", "The observed split counts above and below: there are 1000 splits in all."),
            Option("1 / 1000", "The observed split is the only one of the 1000 that gets that far.", True),
        ),
    ),
    Question(
        "A difference of two distances: its percentile interval holds 0, its basic interval doesn't, both are labelled "
        "95%, and there are five files. What may you write?",
        (
            Option(
                "The difference is significant: one of the two intervals excludes 0.",
                "Two recipes give two chances to exclude 0. To choose after looking is to choose the verdict.",
            ),
            Option(
                "There is no difference: one of the two intervals holds 0.",
                "An interval that holds 0 holds other values, too. It shows that little is known, not that the "
                "difference is 0.",
            ),
            Option(
                "The measured difference, the number of files, and that these intervals can't be trusted at five.",
                "In the measurement on this page both intervals missed the truth far more often than 5% of the time.",
                True,
            ),
            Option(
                "The difference is significant once the bootstrap has a million replicates.",
                "Replicates tell the interval more exactly. They are drawn from the same five files.",
            ),
        ),
    ),
)
