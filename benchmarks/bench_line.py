"""W1 on a line, beside two bare sorts of the same data, SciPy, and a loop over the columns of a batch."""

import numpy as np
import scipy.stats

from harness import Row, milliseconds, side_by_side
from howfar.wasserstein import wasserstein_1d


def rows():
    rng = np.random.default_rng(0)
    for n in (10, 100, 1000):
        yield from small_rows(n, rng)
    for n in (10_000, 100_000, 1_000_000):
        yield from large_rows(n, rng)
    for n, columns in ((1000, 100), (10_000, 100), (100_000, 10)):
        yield from batch_rows(n, columns, rng)


def samples(n, rng, columns=()):
    """Two samples, the first eight tenths of the second, and weights for the two."""
    u, v = rng.normal(size=(n, *columns)), rng.normal(0.3, 1.2, size=(n, *columns))
    u_weights, v_weights = (w / w.sum(axis=0) for w in rng.random((2, n, *columns)))
    return u, v, v[: 8 * n // 10].copy(), u_weights, v_weights


def small_rows(n, rng):
    u, v, short, a, b = samples(n, rng)
    cases = {"equal sizes": (u, v), "n != m": (u, short), "weighted": (u, v, a, b)}
    for name, arguments in cases.items():
        times = side_by_side(
            {
                "ours": lambda x=arguments: wasserstein_1d(*x),
                "SciPy": lambda x=arguments: scipy.stats.wasserstein_distance(*x),
            }
        )
        bar = 1.5 if n == 1000 else None  # below, calls and checks are what takes the time
        ratio = times["SciPy"] / times["ours"]
        yield Row(f"SciPy / {name}, n={n:,}", ratio, bar, "at least", milliseconds(times))


def large_rows(n, rng):
    u, v, short, a, b = samples(n, rng)
    times = side_by_side(
        {
            "two sorts": lambda: (np.sort(u), np.sort(v)),
            "ours": lambda: wasserstein_1d(u, v),
            "SciPy": lambda: scipy.stats.wasserstein_distance(u, v),
            "n != m": lambda: wasserstein_1d(u, short),
            "weighted": lambda: wasserstein_1d(u, v, a, b),
        },
        turns=15 if n <= 100_000 else 5,
    )
    sorts, note = times["two sorts"], milliseconds(times)
    yield Row(f"equal weights / two np.sort, n={n:,}", times["ours"] / sorts, 1.5, "at most", note)
    yield Row(f"SciPy / equal weights, n={n:,}", times["SciPy"] / times["ours"], 8, "at least")
    yield Row(f"n != m / two np.sort, n={n:,}", times["n != m"] / sorts, 5 if n == 10_000 else None)
    yield Row(f"weighted / two np.sort, n={n:,}", times["weighted"] / sorts, 5 if n == 10_000 else None)


def batch_rows(n, columns, rng):
    u, v, short, a, b = samples(n, rng, (columns,))
    cases = {"equal sizes": (u, v), "n != m": (u, short), "weighted": (u, v, a, b)}
    for name, arguments in cases.items():
        times = side_by_side(
            {
                "batch": lambda x=arguments: wasserstein_1d(*x),
                "loop": lambda x=arguments: [wasserstein_1d(*(y[:, i] for y in x)) for i in range(columns)],
            },
            turns=5,
        )
        what = f"batch / loop over its columns, {name}, n={n:,}, {columns} columns"
        bar = 1.1  # never slower: the tenth is noise
        yield Row(what, times["batch"] / times["loop"], bar, "at most", milliseconds(times))
