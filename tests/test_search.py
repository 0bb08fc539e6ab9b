"""Search: known tree sizes, and the map between traces and Dyck words."""

import numpy as np
import pytest
import torch

from howfar import dyck, search
from howfar.search import (
    FORMATS,
    Countdown,
    NQueens,
    SubsetSum,
    Sudoku4,
    breadth_first,
    depth_first,
    from_dyck,
    to_dyck,
    trace,
    trace_size,
)

PROBLEMS = [
    *(NQueens(n) for n in (1, 3, 4, 5, 6)),
    *(SubsetSum.random(7, 20, seed) for seed in range(8)),
    SubsetSum((2, 4, 6), 5),  # no solution
    *(Sudoku4.random(5, seed) for seed in range(5)),
    *(Countdown.random(3, 10, seed) for seed in range(5)),
    Countdown((1, 1, 1), 100),
]


def replay(problem, path):
    state = problem.start()
    for label in path:
        assert label in problem.choices(state)
        state = problem.choose(state, label)
    return state


@pytest.mark.parametrize(
    "n, nodes, solutions, pushes, pops",
    [(4, 17, 2, 8, 4), (5, 54, 10, 5, 0), (6, 153, 4, 31, 25), (7, 552, 40, 9, 2), (8, 2057, 92, 113, 105)],
)
def test_queens_have_the_known_trees(n, nodes, solutions, pushes, pops):
    whole, first = depth_first(NQueens(n), first_only=False), depth_first(NQueens(n))
    assert (whole.nodes, len(whole.solutions)) == (nodes, solutions)
    word = trace(first)
    assert (int((word < n).sum()), int((word >= n).sum())) == (pushes, pops)


def test_the_empty_sudoku_has_288_grids():
    search = breadth_first(Sudoku4(), first_only=False)
    levels = np.bincount([len(path) for path in search.addresses])[1:]
    assert levels.tolist()[:12] == [4, 12, 24, 24, 48, 48, 96, 96, 192, 384, 384, 288]
    assert (search.nodes, len(search.solutions)) == (2753, 288)


def test_subset_sums_by_brute_force():
    for seed in range(30):
        problem = SubsetSum.random(8, 15, seed)
        takes = [(bits >> np.arange(8)) & 1 for bits in range(256)]
        brute = {tuple((1 - t).tolist()) for t in takes if t @ problem.numbers == problem.target}
        found = depth_first(problem, first_only=False)
        assert set(found.solutions) == brute and brute


def test_countdown_solutions_are_arithmetic():
    problem = Countdown((3, 5, 2), 13)
    for path in depth_first(problem, first_only=False).solutions:
        assert replay(problem, path) == (13,)
    assert replay(problem, (2,)) == (15, 2)  # 5 * 3 of (5, 3, 2)
    assert problem.choices((4, 4)) == [0, 2, 3]  # a difference of 0 is no choice
    assert all(depth_first(Countdown.random(3, 10, seed)).solutions for seed in range(20))


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_an_exhausted_search_is_a_full_word(problem):
    search = depth_first(problem, first_only=False)
    assert search.exhausted
    for format in FORMATS:
        word = to_dyck(trace(search, format), problem.branching, format)
        assert dyck.is_word(word, problem.branching)
        assert len(word) == 2 * (search.nodes - 1)


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_a_search_that_stops_at_a_solution_leaves_its_path_open(problem):
    search = depth_first(problem)
    word = trace(search)
    assert dyck.is_prefix(word, problem.branching)
    if search.solutions:
        assert tuple(dyck.open_stack(word, problem.branching)) == search.solutions[0]
        assert problem.is_goal(replay(problem, search.solutions[0]))
        assert not search.exhausted or word.numel() == 0
    else:
        assert search.exhausted and dyck.is_word(word, problem.branching)


@pytest.mark.parametrize("format", FORMATS)
def test_formats_hold_the_same_search(format):
    for problem in PROBLEMS:
        search = depth_first(problem)
        tokens = trace(search, format)
        assert tokens.numel() == 0 or int(tokens.max()) < trace_size(problem.branching, format)
        word = to_dyck(tokens, problem.branching, format)
        assert torch.equal(word, trace(search, "typed"))
        assert torch.equal(from_dyck(word, problem.branching, format), tokens)


@pytest.mark.parametrize("format", FORMATS)
def test_every_dyck_word_is_a_trace(format):
    for word in dyck.all_words(8, 2):
        assert torch.equal(to_dyck(from_dyck(word, 2, format), 2, format), word)


def test_a_small_trace_by_hand():
    search = depth_first(SubsetSum((2, 3), 3))  # take 2: neither 2 nor 5 is 3, back; leave 2, take 3
    assert search.addresses == [(0,), (), (1,), (1, 0)]
    assert trace(search, "typed").tolist() == [0, 2, 1, 0]
    assert trace(search, "untyped").tolist() == [0, 2, 1, 0]
    assert trace(search, "echoed").tolist() == [2, 0, 2, 2, 1, 2, 1, 0]
    search = depth_first(SubsetSum((1, 1, 3), 4), first_only=False)
    assert search.solutions == [(0, 1, 0), (1, 0, 0)]
    assert trace(search, "typed").tolist() == [0, 0, 2, 1, 0, 2, 3, 2, 1, 0, 0, 2, 2, 3]
    assert trace(search, "untyped").tolist() == [0, 0, 2, 1, 0, 2, 2, 2, 1, 0, 0, 2, 2, 2]


def test_both_searchers_see_the_same_tree():
    for problem in PROBLEMS:
        deep, broad = (searcher(problem, first_only=False) for searcher in (depth_first, breadth_first))
        assert deep.nodes == broad.nodes and set(deep.solutions) == set(broad.solutions)
        assert set(deep.addresses) | {()} == set(broad.addresses) | {()}
        lengths = [len(path) for path in broad.addresses]
        assert lengths == sorted(lengths)


def test_a_search_can_give_up():
    for searcher in (depth_first, breadth_first):
        search = searcher(NQueens(6), first_only=False, max_nodes=10)
        assert search.nodes == 10 and not search.exhausted
    assert depth_first(NQueens(4), first_only=False, max_nodes=17).exhausted


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: trace(breadth_first(NQueens(4)), "typed"), "must be 'echoed'"),
        (lambda: trace(depth_first(NQueens(4)), "shouted"), "format must be one of typed, untyped, echoed"),
        (lambda: to_dyck([0, 3], 2), "closes type 1 where type 0 is open"),
        (lambda: to_dyck([2], 2, "untyped"), "index 0 backtracks at the root"),
        (lambda: to_dyck([3], 2, "untyped"), "index 0 is 3"),
        (lambda: to_dyck([2, 0, 2, 1], 2, "echoed"), "move 1 goes from"),
        (lambda: to_dyck([0], 2, "echoed"), "must begin with 2"),
        (lambda: Sudoku4((1, 1) + (0,) * 14), "clash"),
        (lambda: SubsetSum((0, 1), 1), "numbers must be positive"),
        (lambda: Countdown((3,), 3), "at least two"),
        (lambda: NQueens(0), "n must be"),
        (lambda: depth_first(NQueens(4), max_nodes=0), "max_nodes"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: search.NQueens(2.5), "n must be"),
        (lambda: search.NQueens("a"), "n must be"),
        (lambda: search.SubsetSum((3, float("nan")), 3), "numbers must be"),
        (lambda: search.SubsetSum((3, 2), 2.5), "target must be"),
        (lambda: search.SubsetSum((3, 2), float("nan")), "target must be"),
        (lambda: search.Sudoku4((1.5,) + (0,) * 15), "cells must be"),
        (lambda: search.to_dyck([0.5, 1], 2), "tokens must be integers"),
        (lambda: search.from_dyck([0.9, 2.2], 2), "word must be integers"),
    ],
)
def test_what_is_no_whole_number_is_refused_not_rounded(make, name):
    with pytest.raises(ValueError, match=name):
        make()
