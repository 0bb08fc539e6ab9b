"""W1 on a line, beside two bare sorts of the same data and SciPy."""

import numpy as np
import scipy.stats

from harness import Row, milliseconds, side_by_side
from howfar.wasserstein import wasserstein_1d


def rows():
    rng = np.random.default_rng(0)
    for n in (10_000, 100_000, 1_000_000):
        u, v = rng.normal(size=n), rng.normal(0.3, 1.2, size=n)
        u_weights, v_weights = (w / w.sum() for w in rng.random((2, n)))
        times = side_by_side(
            {
                "two sorts": lambda u=u, v=v: (np.sort(u), np.sort(v)),
                "ours": lambda u=u, v=v: wasserstein_1d(u, v),
                "SciPy": lambda u=u, v=v: scipy.stats.wasserstein_distance(u, v),
                "weighted": lambda u=u, v=v, a=u_weights, b=v_weights: wasserstein_1d(u, v, a, b),
            },
            turns=15 if n <= 100_000 else 5,
        )
        note = milliseconds(times)
        yield Row(f"equal weights / two np.sort, n={n:,}", times["ours"] / times["two sorts"], 1.5, "at most", note)
        yield Row(f"SciPy / equal weights, n={n:,}", times["SciPy"] / times["ours"], 8, "at least")
        bar = 5 if n == 10_000 else None
        yield Row(f"weighted / two np.sort, n={n:,}", times["weighted"] / times["two sorts"], bar)
