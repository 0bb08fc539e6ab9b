"""W1 on trees: beside the linear programme with its matrix, a bare sort of the same records, and recomputing."""

import subprocess
import sys

import numpy as np
import torch

from harness import Row, milliseconds, side_by_side
from howfar import dyck
from howfar.wasserstein import (
    Tree,
    bootstrap,
    dist,
    emd2,
    stack_wasserstein,
    tree_embedding,
    trie_wasserstein,
)

T = 64
GIB = 2**30

MEASURE_PEAK = """
import resource, sys
import torch
torch.set_num_threads(1)
from howfar import dyck
from howfar.wasserstein import stack_wasserstein, trie_wasserstein
X_a, X_b = (dyck.Walk(64, 2, p).sample(int(sys.argv[2]), seed) for seed, p in enumerate((0.5, 0.6)))
trie_wasserstein(X_a, X_b) if sys.argv[1] == "trie" else stack_wasserstein(X_a, X_b, 2)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def words(n):
    return dyck.Walk(T, 2, 0.5).sample(n, 0), dyck.Walk(T, 2, 0.6).sample(n, 1)


def numbers(n):
    """As many 64-bit integers as there are records to sort."""
    return np.random.default_rng(0).integers(0, 2**62, n)


def rows():
    torch.set_num_threads(1)
    yield from trie_rows()
    yield from stack_rows()
    yield from tree_rows()
    yield from bootstrap_rows()
    yield from memory_rows()


def trie_rows():
    for n, bar in ((1000, 50), (4000, 600)):
        X_a, X_b = words(n)
        times = side_by_side(
            {
                "trie": lambda X_a=X_a, X_b=X_b: trie_wasserstein(X_a, X_b),
                "emd2 with its matrix": lambda X_a=X_a, X_b=X_b: emd2(None, None, dist(X_a, X_b)),
            },
            turns=5 if n == 1000 else 3,
        )
        ratio = times["emd2 with its matrix"] / times["trie"]
        yield Row(f"emd2 with its matrix / trie, n={n:,} a side", ratio, bar, "at least", milliseconds(times))
    for n, turns in ((10_000, 15), (100_000, 7), (1_000_000, 3)):
        X_a, X_b = words(n)
        keys = numbers(2 * n)
        times = side_by_side(
            {
                "sort": lambda keys=keys: np.sort(keys),
                "trie": lambda X_a=X_a, X_b=X_b: trie_wasserstein(X_a, X_b),
            },
            turns,
        )
        note = f"{milliseconds(times)}, {1e9 * times['trie'] / (2 * n * T):.2f} ns per token"
        yield Row(f"trie / np.sort of 2n int64, n={n:,} a side", times["trie"] / times["sort"], 60, note=note)


def stack_rows():
    geometric = 0.7 ** np.arange(T)
    for n, turns in ((1000, 15), (10_000, 7), (100_000, 3)):
        X_a, X_b = words(n)
        keys = numbers(2 * n * T)
        times = side_by_side(
            {
                "sort": lambda keys=keys: np.sort(keys),
                "stack": lambda X_a=X_a, X_b=X_b: stack_wasserstein(X_a, X_b, 2),
                "with edge lengths": lambda X_a=X_a, X_b=X_b: stack_wasserstein(X_a, X_b, 2, length=geometric),
            },
            turns,
        )
        ratio, note = times["stack"] / times["sort"], milliseconds(times)
        yield Row(f"stack / np.sort of 2nT int64, n={n:,} a side", ratio, 20, note=note)
    n = 10_000
    X_a, X_b = (dyck.Walk(128, 32, p).sample(n, i) for i, p in enumerate((0.5, 0.6)))
    keys = numbers(2 * n * 128)
    times = side_by_side({"sort": lambda: np.sort(keys), "stack": lambda: stack_wasserstein(X_a, X_b, 32)}, 5)
    what = f"stack, hashed keys (k=32, T=128) / np.sort of 2nT int64, n={n:,} a side"
    yield Row(what, times["stack"] / times["sort"], 20, note=milliseconds(times))


def tree_rows():
    rng = np.random.default_rng(0)
    for n, turns in ((1000, 15), (100_000, 15), (1_000_000, 5)):
        parents = np.array([0, *(rng.random(n - 1) * np.arange(1, n)).astype(np.int64)])
        tree = Tree(parents, rng.random(n))
        u, v = (w / w.sum() for w in rng.random((2, n)))
        candidates = {"sort": lambda u=u: np.sort(u), "tree": lambda tree=tree, u=u, v=v: tree.wasserstein(u, v)}
        if n == 1000:
            matrix = tree.distances()
            candidates["emd2"] = lambda u=u, v=v, M=matrix: emd2(u, v, M)
        times = side_by_side(candidates, turns)
        bar = 4 if n > 1000 else None  # at a thousand nodes a sort takes 3 us: what counts is the overhead of calls
        yield Row(f"tree / np.sort, {n:,} nodes", times["tree"] / times["sort"], bar, note=milliseconds(times))
        if n == 1000:
            yield Row("emd2 / tree, 1,000 nodes", times["emd2"] / times["tree"], 300, "at least")


def bootstrap_rows():
    n, replicates = 5000, 50
    X_a, X_b = words(n)
    phi = tree_embedding(torch.cat([X_a, X_b]), metric="stack", k=2)
    rng = np.random.default_rng(0)

    def recompute():
        X, Y = X_a[rng.integers(0, n, n)], X_b[rng.integers(0, n, n)]
        return stack_wasserstein(X, Y, 2)

    times = side_by_side(
        {
            "bootstrap": lambda: bootstrap(phi[:n], phi[n:], replicates=replicates, seed=0),
            "recompute once": recompute,
        },
        turns=3,
    )
    ratio = replicates * times["recompute once"] / times["bootstrap"]
    yield Row(f"recomputing / bootstrap of {replicates}, n={n:,} a side", ratio, None, note=milliseconds(times))


def memory_rows():
    n = 1_000_000
    for what in ("trie", "stack"):
        call = [sys.executable, "-c", MEASURE_PEAK, what, str(n)]
        peak = int(subprocess.run(call, capture_output=True, text=True, check=True).stdout)
        note = f"whole process, drawing included; the tokens alone take {2 * n * T * 8 / GIB:.2f} GiB"
        yield Row(f"peak memory of {what} in GiB, {n:,} words of {T} tokens a side", peak / GIB, 8, note=note)
