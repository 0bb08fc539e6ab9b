"""The exercises of ``chapters/transport/duality.ipynb``."""

import numpy as np

from howfar.exercises.engine import Exercise, Wrong

# --- duality/critic ---------------------------------------------------------------------------------------------


def shown(f_a, f_b, a, b):
    return np.sum(a * f_a) - np.sum(b * f_b)


def _critic_cases(rng):
    small = [
        ([2.0], [0.5], [1.0], [1.0]),
        ([0.0], [3.0], [1.0], [1.0]),
        ([0.0, 4.0], [1.0], [0.75, 0.25], [1.0]),
        ([1.0, 2.0], [0.0, 4.0], [0.5, 0.5], [0.75, 0.25]),
        ([5.0, -1.0, 2.0], [-8.0, 0.5], [0.0, 0.5, 0.5], [1.0, 0.0]),
    ]
    large = [
        (scale * rng.normal(size=n), scale * rng.normal(size=m), rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m)))
        for n, m, scale in ((3, 5, 1), (8, 8, 1), (6, 4, 1000))
    ]
    return [tuple(np.array(part) for part in case) for case in small + large]


CRITIC = Exercise(
    name="duality/critic",
    title="What does a critic show?",
    difficulty=1,
    minutes=5,
    reference=shown,
    cases=_critic_cases,
    wrong=(
        Wrong(
            "plain means",
            lambda f_a, f_b, a, b: np.mean(f_a) - np.mean(f_b),
            "points have masses: weigh each score with its mass.",
        ),
        Wrong(
            "absolute value",
            lambda f_a, f_b, a, b: abs(np.sum(a * f_a) - np.sum(b * f_b)),
            "what a critic shows may be negative; it is the maximum over critics that isn't.",
        ),
        Wrong(
            "second minus first",
            lambda f_a, f_b, a, b: np.sum(b * f_b) - np.sum(a * f_a),
            "the first sample counts positive, the second negative.",
        ),
        Wrong(
            "weighs twice",
            lambda f_a, f_b, a, b: np.mean(a * f_a) - np.mean(b * f_b),
            "the masses already add up to 1: sum, don't average again.",
        ),
    ),
)

# --- duality/line -----------------------------------------------------------------------------------------------


def best_critic_on_line(x, p, q):
    gap = np.cumsum(q - p)[:-1]
    gap[np.abs(gap) < 1e-12] = 0  # rounding is not a crossing
    return np.concatenate([[0.0], np.cumsum(np.sign(gap) * np.diff(x))])


def _line_scores(x, p, q, *, flip=1, widths=True, of=np.cumsum, drop_first=False, level=1e-12):
    gap = of(q - p)
    gap = gap[1:] if drop_first else gap[:-1]
    gap = np.where(np.abs(gap) < level, 0, gap)
    return np.concatenate([[0.0], np.cumsum(flip * np.sign(gap) * (np.diff(x) if widths else 1.0))])


def _with_ties(rng):
    """Points and counts of ten, of which two neighbours or more have swapped theirs: between the pairs F = G."""
    x, p = np.sort(rng.normal(size=8)), rng.multinomial(10, np.ones(8) / 8)
    q = p.reshape(4, 2)[:, ::-1].ravel()
    return x, p, np.where(np.arange(8) < 2 * rng.integers(1, 4), p, q)


def _line_cases(rng):
    small = [
        ([0, 1], [1, 0], [0, 1]),
        ([0, 3], [0, 1], [1, 0]),
        ([0, 1, 2], [0.5, 0, 0.5], [0, 1, 0]),
        ([0, 1, 4], [0.25, 0.75, 0], [0.25, 0.25, 0.5]),
        ([0, 1, 3, 4], [0.1, 0.2, 0.3, 0.4], [0.3, 0, 0.3, 0.4]),  # 0.1 + 0.2 isn't 0.3
        ([0, 1, 3, 4, 6], [0.3, 0, 0.3, 0.2, 0.2], [0.1, 0.2, 0.3, 0.4, 0]),
        ([-5, -3, 2], [0.5, 0.5, 0], [0.5 - 2**-10, 0.5, 2**-10]),  # a small gap is no tie
        ([7], [1], [1]),
    ]
    tenths = [(x, p / 10, q / 10) for x, p, q in (_with_ties(rng) for _ in range(3))]
    scales = ((4, 1), (7, 100), (15, 1))
    large = tenths + [
        (np.sort(scale * rng.normal(size=n)), rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(n)))
        for n, scale in scales
    ]
    return [tuple(np.array(part, dtype=float) for part in case) for case in small + large]


LINE = Exercise(
    name="duality/line",
    title="The best critic on a line",
    difficulty=2,
    minutes=10,
    reference=best_critic_on_line,
    cases=_line_cases,
    wrong=(
        Wrong(
            "upside down",
            lambda x, p, q: _line_scores(x, p, q, flip=-1),
            "this critic prefers q: it shows minus W1. Where q has more mass to the left, scores must rise.",
        ),
        Wrong(
            "forgets the widths",
            lambda x, p, q: _line_scores(x, p, q, widths=False),
            "a slope of 1 means one unit of score for one unit of x: multiply by np.diff(x).",
        ),
        Wrong(
            "slope from the masses",
            lambda x, p, q: _line_scores(x, p, q, of=lambda d: d),
            "the slope depends on which distribution function is larger, not on which mass is: cumulate first.",
        ),
        Wrong(
            "the coordinate itself",
            lambda x, p, q: x - x[0],
            "the coordinate only shows the difference of the means. It must turn where the staircases cross.",
        ),
        Wrong(
            "off by one",
            lambda x, p, q: _line_scores(x, p, q, drop_first=True),
            "between x[i] and x[i+1] the gap is the one reached at x[i].",
        ),
        Wrong(
            "takes rounding for a crossing",
            lambda x, p, q: _line_scores(x, p, q, level=0),
            "where the distribution functions agree, their computed difference may be 1e-17 and has a sign: treat what "
            "is below 1e-12 as 0.",
        ),
    ),
)

# --- duality/witness --------------------------------------------------------------------------------------------


def one_critic(M_xb, v):
    return np.min(M_xb - v[None, :], axis=1)


def _witness_cases(rng):
    small = [
        (np.array([[2.0]]), np.array([0.5])),
        (np.array([[1.0, 3.0]]), np.array([0.0, 1.0])),
        (np.array([[0.0, 2.0], [2.0, 0.0]]), np.array([-3.0, 1.0])),
        (np.array([[5.0, 5.0, 0.0]]), np.array([3.0, 3.0, -4.0])),
        (np.array([[1.0], [0.0], [7.0]]), np.array([2.0])),
    ]
    large = []
    for n, m in ((4, 4), (3, 6), (9, 2)):
        X, Y = rng.normal(size=(n, 2)), rng.normal(size=(m, 2))
        large.append((np.linalg.norm(X[:, None] - Y, axis=-1), rng.normal(size=m)))
    return small + large


WITNESS = Exercise(
    name="duality/witness",
    title="Make it one function",
    difficulty=2,
    minutes=8,
    reference=one_critic,
    cases=_witness_cases,
    wrong=(
        Wrong(
            "maximum",
            lambda M, v: np.max(M - v[None, :], axis=1),
            "the constraint d(x, y_j) - v_j must hold for every j: take the smallest, not the largest.",
        ),
        Wrong(
            "plus v",
            lambda M, v: np.min(M + v[None, :], axis=1),
            "v enters with a minus: f(x) + v_j must not exceed the distance.",
        ),
        Wrong(
            "nearest point only",
            lambda M, v: M.min(axis=1) - v[M.argmin(axis=1)],
            "you use the nearest y alone. A farther one with a larger v may bind.",
        ),
        Wrong(
            "distance without potentials",
            lambda M, v: np.min(M, axis=1),
            "this is the distance to the second sample: a critic, but not the one that v describes.",
        ),
        Wrong(
            "per point of the second sample",
            lambda M, v: np.min(M - v[None, :], axis=0),
            "one score for each x: take the minimum over the columns (axis=1).",
        ),
    ),
)

# --- duality/steepest -------------------------------------------------------------------------------------------


def steepest(l_a, l_b, M):
    change = np.abs(l_a[:, None] - l_b[None, :])
    counts = (M > 0) | (change > 0)
    with np.errstate(divide="ignore"):
        return np.max(change[counts] / M[counts])


def _signed(l_a, l_b, M):
    change = l_a[:, None] - l_b[None, :]
    counts = (M > 0) | (change != 0)
    return np.max(change[counts] / M[counts])


def _steepest_cases(rng):
    small = [
        ([0.0], [1.0], [[2.0]]),
        ([3.0], [0.0, 2.0], [[1.0, 4.0]]),
        ([1.0, 0.0], [1.0], [[0.0], [2.0]]),
        ([1.0], [2.0, 0.0], [[0.0, 1.0]]),
        ([2.0, 2.0], [2.0, 2.0], [[0.0, 1.0], [3.0, 0.0]]),
        ([-4.0, 1.0], [3.0], [[2.0], [8.0]]),
        ([5.0, 1.0], [1.0], [[4.0], [0.0]]),
    ]
    large = []
    for n, m, scale in ((3, 4, 1), (10, 8, 1), (5, 7, 1000)):
        x, y = rng.normal(size=n), rng.normal(size=m)
        large.append((scale * np.sin(3 * x), scale * np.sin(3 * y), np.abs(x[:, None] - y)))
    x = rng.integers(0, 4, 9)  # points that coincide, some with equal losses
    large.append((np.sqrt(x[:4]), np.sqrt(x[4:]), 1.0 * np.abs(x[:4, None] - x[4:])))
    return [tuple(np.array(part) for part in case) for case in small + large]


STEEPEST = Exercise(
    name="duality/steepest",
    title="The steepest pair",
    difficulty=1,
    minutes=8,
    reference=steepest,
    cases=_steepest_cases,
    wrong=(
        Wrong(
            "forgets the absolute value",
            _signed,
            "a fall is as steep as a rise: take absolute values.",
        ),
        Wrong(
            "pairs of equal rank only",
            lambda l_a, l_b, M: max(
                abs(l_a[i] - l_b[i]) / M[i, i] if M[i, i] > 0 else (np.inf if l_a[i] != l_b[i] else 0.0)
                for i in range(min(M.shape))
            ),
            "you compare the i-th with the i-th point only. All pairs of the two samples count.",
        ),
        Wrong(
            "skips all pairs at distance zero",
            lambda l_a, l_b, M: np.max(np.abs(l_a[:, None] - l_b)[M > 0] / M[M > 0]),
            "two different losses at distance zero make the constant infinite: don't skip that pair.",
        ),
        Wrong(
            "mean ratio",
            lambda l_a, l_b, M: np.mean(np.abs(l_a[:, None] - l_b)[M > 0] / M[M > 0]),
            "a Lipschitz constant is a maximum, not a mean.",
        ),
        Wrong(
            "zero by zero",
            lambda l_a, l_b, M: np.max(np.abs(l_a[:, None] - l_b) / M),
            "0 / 0 is NaN and spoils the maximum: leave out pairs at distance 0 with equal losses.",
        ),
    ),
)

EXERCISES = [CRITIC, LINE, WITNESS, STEEPEST]
