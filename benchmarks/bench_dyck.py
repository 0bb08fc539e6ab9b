"""Dyck words: seconds to draw and to read 10^5 of them, on one thread; one long word against a walk as long."""

import torch

from harness import Row, milliseconds, side_by_side
from howfar import dyck
from howfar.search import NQueens, depth_first

N, T = 100_000, 64


def rows():
    torch.set_num_threads(1)
    words = dyck.sample_words(N, T, 2, seed=0)
    automaton = dyck.Automaton(2, 5)
    times = side_by_side(
        {
            "sample_words": lambda: dyck.sample_words(N, T, 2, seed=0),
            "sample_words, max_depth=5": lambda: dyck.sample_words(N, T, 2, 5, seed=0),
            "Walk.sample": lambda: dyck.Walk(T, 2, 0.6).sample(N, seed=0),
            "Automaton(2, 5).sample": lambda: automaton.sample(N, seed=0),
            "is_word": lambda: dyck.is_word(words, 2),
            "partners": lambda: dyck.partners(words, 2),
            "legal_tokens": lambda: dyck.legal_tokens(words, 2),
        },
        turns=3,
    )
    for name, seconds in times.items():
        bar = 1.0 if name.startswith("sample_words") else None
        yield Row(f"seconds, {name}, {N:,} words of {T} tokens", seconds, bar)
    # A uniform word has to weigh the ways to finish, a walk's word has not: weighing shall cost next to nothing.
    long = {
        "sample_words": lambda: dyck.sample_words(1, 2000, 2, seed=0),
        "sample_words, max_depth=100": lambda: dyck.sample_words(1, 2000, 2, 100, seed=0),
        "Walk": lambda: dyck.Walk(2000, 2).sample(1, seed=0),
    }
    times = side_by_side(long)
    for name in list(long)[:2]:
        pair = {other: times[other] for other in (name, "Walk")}
        yield Row(
            f"{name} / Walk.sample, 1 word of 2000 tokens", times[name] / times["Walk"], 1.3, note=milliseconds(pair)
        )
    times = side_by_side({"search": lambda: depth_first(NQueens(8), first_only=False)}, turns=3)
    yield Row("seconds, all solutions of 8 queens (2,057 nodes)", times["search"])
