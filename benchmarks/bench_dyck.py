"""Dyck words: seconds to draw and to read 10^5 of them, on one thread."""

import torch

from harness import Row, side_by_side
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
    times = side_by_side({"search": lambda: depth_first(NQueens(8), first_only=False)}, turns=3)
    yield Row("seconds, all solutions of 8 queens (2,057 nodes)", times["search"])
