"""What two finite samples say about the W1 of their laws: brackets, intervals, tests.

All work on rows of one `howfar.wasserstein.tree_embedding`, where W1 is an L1 norm. The unit that is resampled is the
word, never the token: tokens of a word are not independent.
"""

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import norm

from howfar.wasserstein.duality import check_finite, mean_difference

BLOCK_NUMBERS = 2**22  # float64 numbers of resampled means held at a time


@dataclass(frozen=True)
class Bracket:
    """Bounds for W_1 between two laws.

    Attributes
    ----------
    dual : float
        What a witness fitted on one half of the words shows on the other; its expectation is at most W_1.
    standard_error : float
        Of ``dual``.
    lower : float
        Lower confidence limit for W_1 at ``level``, at least 0.
    upper : float
        The plug-in value between the samples, whose expectation is at least W_1.
    level : float
        One-sided, for ``lower``.
    """

    dual: float
    standard_error: float
    lower: float
    upper: float
    level: float


def bracket(phi_a, phi_b, level=0.95, seed=None):
    """A cross-fitted lower bound and the plug-in upper value for W_1 between two laws.

    Parameters
    ----------
    phi_a, phi_b : sparse (n, nodes), (m, nodes)
        Rows of one `tree_embedding`, independent draws from the two laws; n, m >= 4.
    level : float
        Of the one-sided lower limit.
    seed : int or numpy.random.Generator, optional
        For the split into halves.

    Returns
    -------
    Bracket

    Raises
    ------
    ValueError
        If there are fewer than 4 words in a sample, the columns differ, or ``level`` is not between 0.5 and 1.

    Notes
    -----
    Any 1-Lipschitz function shows at most W_1. One that was chosen on other words has a mean on these with an ordinary
    central limit theorem; the two halves change roles and are averaged. In expectation, ``dual <= W_1 <= upper``
    (Kantorovich duality; joint convexity of W_1). On one draw ``upper`` can be below W_1. With a small ``lower`` the
    bracket says that the samples do not tell.
    """
    _check_level(level, 0.5)
    check_finite(phi_a, "phi_a")
    check_finite(phi_b, "phi_b")
    n, m = phi_a.shape[0], phi_b.shape[0]
    if min(n, m) < 4:
        raise ValueError(f"a bracket needs at least 4 words in each sample, got {n} and {m}")
    rng = np.random.default_rng(seed)
    halves_a, halves_b = (np.array_split(rng.permutation(size), 2) for size in (n, m))
    shown, variances = [], []
    for fit, test in ((0, 1), (1, 0)):
        signs = np.sign(mean_difference(phi_a[halves_a[fit]], phi_b[halves_b[fit]]))
        f_a, f_b = phi_a[halves_a[test]] @ signs, phi_b[halves_b[test]] @ signs
        shown.append(f_a.mean() - f_b.mean())
        variances.append(f_a.var(ddof=1) / len(f_a) + f_b.var(ddof=1) / len(f_b))
    dual, error = float(np.mean(shown)), math.sqrt(sum(variances)) / 2
    lower = max(0.0, dual - float(norm.ppf(level)) * error)
    return Bracket(dual, error, lower, plug_in(phi_a, phi_b), level)


def plug_in(phi_a, phi_b):
    """W_1 between the two samples: the L1 norm of the difference of their mean embeddings."""
    return float(np.abs(mean_difference(phi_a, phi_b)).sum())


@dataclass(frozen=True)
class Interval:
    """A two-sided bootstrap interval.

    Attributes
    ----------
    low, high : float
    value : float
        The plug-in value between the samples.
    replicates : float64 array (replicates,)
        The plug-in values of the resampled words.
    """

    low: float
    high: float
    value: float
    replicates: np.ndarray


def bootstrap(phi_a, phi_b, replicates=200, level=0.95, method="basic", seed=None):
    """An interval for W_1 from resampling words with replacement.

    Parameters
    ----------
    phi_a, phi_b : sparse (n, nodes), (m, nodes)
        Rows of one `tree_embedding`.
    replicates : int
    level : float
        Two-sided.
    method : str
        ``"basic"``: the quantiles of the replicates, reflected at the plug-in value, cut off at 0. ``"percentile"``:
        these quantiles themselves; resampling adds the upward bias of the plug-in value a second time, so that they
        sit too high.
    seed : int or numpy.random.Generator, optional

    Returns
    -------
    Interval

    Raises
    ------
    ValueError
        If ``method`` is unknown, ``replicates`` < 1, ``level`` is not between 0 and 1, or the columns differ.

    Notes
    -----
    Neither is valid if the two laws are equal, for W_1 is not smooth there (Sommerfeld and Munk, 2018, on finite
    spaces): to ask whether they differ at all, use `permutation_test`. Use ``"basic"`` when the plug-in value is well
    above that of two samples of one law.
    """
    _check_level(level, 0.0)
    if method not in ("basic", "percentile"):
        raise ValueError(f"method must be 'basic' or 'percentile', got {method!r}")
    if replicates < 1:
        raise ValueError(f"replicates must be at least 1, got {replicates}")
    rng = np.random.default_rng(seed)
    value = plug_in(phi_a, phi_b)
    values = np.empty(replicates)
    step = _rows_at_a_time(phi_a.shape[0] + phi_b.shape[0] + phi_a.shape[1])
    for first in range(0, replicates, step):
        size = min(step, replicates - first)
        means = []
        for phi in (phi_a, phi_b):
            n = phi.shape[0]
            counts = rng.multinomial(n, np.full(n, 1.0 / n), size=size)
            means.append((phi.T @ (counts.T / n)).T)
        values[first : first + size] = np.abs(means[0] - means[1]).sum(axis=1)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    if method == "basic":
        low, high = max(0.0, 2 * value - high), max(0.0, 2 * value - low)
    return Interval(float(low), float(high), value, values)


@dataclass(frozen=True)
class PermutationTest:
    """The result of a two-sample permutation test.

    Attributes
    ----------
    pvalue : float
    value : float
        W_1 between the samples.
    null : float64 array
        W_1 for every other division of the pooled words that was tried.
    every_division : bool
        True: all divisions were tried. False: random ones.
    """

    pvalue: float
    value: float
    null: np.ndarray
    every_division: bool


def permutation_test(phi_a, phi_b, permutations=999, seed=None):
    """Could the two samples come from one law? An exact test with W_1 as the statistic.

    Parameters
    ----------
    phi_a, phi_b : sparse (n, nodes), (m, nodes)
        Rows of one `tree_embedding`.
    permutations : int
        If there are at most so many other divisions of the pooled words into n and m, all are tried; else so many
        random ones.
    seed : int or numpy.random.Generator, optional

    Returns
    -------
    PermutationTest

    Raises
    ------
    ValueError
        If ``permutations`` < 1 or the columns differ.

    Notes
    -----
    The p-value counts the observed division too: ``(1 + #{null >= value}) / (1 + #null)``. If all words are independent
    draws from one law, it is at most q with probability at most q, for every q and every sample size. It is never
    smaller than ``1 / (1 + permutations)``.
    """
    if permutations < 1:
        raise ValueError(f"permutations must be at least 1, got {permutations}")
    value = plug_in(phi_a, phi_b)
    n, m = phi_a.shape[0], phi_b.shape[0]
    every = math.comb(n + m, n) - 1 <= permutations
    if every:
        divisions = iter(combinations(range(n + m), n))
        next(divisions)  # the first is the observed one
        divisions = np.array(list(divisions), dtype=np.int64).reshape(-1, n)
    else:
        rng = np.random.default_rng(seed)
        divisions = (rng.permutation(n + m)[:n] for _ in range(permutations))
    null = _divided(phi_a, phi_b, divisions)
    at_least = int((null >= value * (1 - 1e-12)).sum())  # equal divisions differ by rounding
    return PermutationTest((1 + at_least) / (1 + len(null)), value, null, every)


def _divided(phi_a, phi_b, divisions):
    """W_1 for each division: ``a_i = 1/n`` for the words in the first part, ``b_j = 1/m`` for the rest."""
    n, m = phi_a.shape[0], phi_b.shape[0]
    step = _rows_at_a_time(n + m + phi_a.shape[1])
    out, divisions = [], iter(divisions)
    while True:
        chosen = [d for d, _ in zip(divisions, range(step), strict=False)]
        if not chosen:
            return np.concatenate(out) if out else np.zeros(0)
        signed = np.full((n + m, len(chosen)), -1.0 / m)
        np.put_along_axis(signed, np.stack(chosen, axis=1), 1.0 / n, axis=0)
        out.append(np.abs(phi_a.T @ signed[:n] + phi_b.T @ signed[n:]).sum(axis=0))


def _rows_at_a_time(numbers):
    return max(1, BLOCK_NUMBERS // max(numbers, 1))


def _check_level(level, least):
    if not least < level < 1:
        raise ValueError(f"level must lie between {least:g} and 1, got {level}")
