"""Search: known tree sizes, and the map between traces and Dyck words."""

import itertools

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
    *(SubsetSum.random(7, seed=seed) for seed in range(8)),
    SubsetSum((2, 4, 6), 5),  # no solution
    *(Sudoku4.random(5, seed=seed) for seed in range(5)),
    *(Countdown.random(seed=seed) for seed in range(5)),
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
        problem = SubsetSum.random(8, largest=15, seed=seed)
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
    assert all(depth_first(Countdown.random(seed=seed)).solutions for seed in range(20))


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_an_exhausted_search_is_a_full_word(problem):
    search = depth_first(problem, first_only=False)
    assert search.exhausted
    for format in FORMATS:
        word = to_dyck(trace(search, format=format), problem.branching, format=format)
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
        tokens = trace(search, format=format)
        assert tokens.numel() == 0 or int(tokens.max()) < trace_size(problem.branching, format=format)
        word = to_dyck(tokens, problem.branching, format=format)
        assert torch.equal(word, trace(search, format="typed"))
        assert torch.equal(from_dyck(word, problem.branching, format=format), tokens)


@pytest.mark.parametrize("format", FORMATS)
def test_every_dyck_word_is_a_trace(format):
    for word in dyck.all_words(8, 2):
        assert torch.equal(to_dyck(from_dyck(word, 2, format=format), 2, format=format), word)


def test_a_small_trace_by_hand():
    search = depth_first(SubsetSum((2, 3), 3))  # take 2: neither 2 nor 5 is 3, back; leave 2, take 3
    assert search.addresses == [(0,), (), (1,), (1, 0)]
    assert trace(search, format="typed").tolist() == [0, 2, 1, 0]
    assert trace(search, format="untyped").tolist() == [0, 2, 1, 0]
    assert trace(search, format="echoed").tolist() == [2, 0, 2, 2, 1, 2, 1, 0]
    search = depth_first(SubsetSum((1, 1, 3), 4), first_only=False)
    assert search.solutions == [(0, 1, 0), (1, 0, 0)]
    assert trace(search, format="typed").tolist() == [0, 0, 2, 1, 0, 2, 3, 2, 1, 0, 0, 2, 2, 3]
    assert trace(search, format="untyped").tolist() == [0, 0, 2, 1, 0, 2, 2, 2, 1, 0, 0, 2, 2, 2]


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
        (lambda: trace(breadth_first(NQueens(4)), format="typed"), "must be 'echoed'"),
        (
            lambda: trace(depth_first(NQueens(4)), format="shouted"),
            "format must be one of 'typed', 'untyped', 'echoed'",
        ),
        (lambda: to_dyck([0, 3], 2), "closes type 1 where type 0 is open"),
        (lambda: to_dyck([2], 2, format="untyped"), "index 0 backtracks at the root"),
        (lambda: to_dyck([3], 2, format="untyped"), "index 0 is 3"),
        (lambda: to_dyck([2, 0, 2, 1], 2, format="echoed"), "move 1 goes from"),
        (lambda: to_dyck([0], 2, format="echoed"), "must begin with 2"),
        (lambda: Sudoku4((1, 1) + (0,) * 14), "clash"),
        (lambda: SubsetSum((0, 1), 1), r"numbers\[0\] must be a positive integer"),
        (lambda: Countdown((3,), 3), "at least two"),
        (lambda: NQueens(0), "n must be"),
        (lambda: depth_first(NQueens(4), max_nodes=0), "max_nodes"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


class Broken:
    """A reader's problem with a mistake."""

    branching = 2

    def __init__(self, labels):
        self.labels = labels

    def start(self):
        return 0

    def choices(self, state):
        return self.labels if state < 3 else []

    def choose(self, state, label):
        return state + 1

    def is_goal(self, state):
        return False


def test_choices_may_be_any_iterable():
    assert depth_first(Broken(range(2))).nodes == depth_first(Broken(np.arange(2))).nodes == 15
    broken = Broken(None)
    broken.choices = lambda state: (label for label in range(2) if state < 3)
    assert depth_first(broken).nodes == 15


def test_padding_is_no_move():
    for format, tokens in (("typed", [0, 1]), ("untyped", [0, 1]), ("echoed", [2, 0, 2, 0, 1])):
        assert from_dyck([0, 1, -1, -1], 2, format=format).tolist() == tokens
        assert to_dyck([*tokens, -1], 2, format=format).tolist() == [0, 1]


def reachable(numbers, least):
    """All results of combining all numbers when only numbers of at least ``least`` may arise."""
    if len(numbers) == 1:
        return set(numbers)
    found = set()
    for i, j in itertools.combinations(range(len(numbers)), 2):
        low, high = sorted((numbers[i], numbers[j]))
        rest = [x for place, x in enumerate(numbers) if place not in (i, j)]
        results = [high + low, high - low, high * low] + ([high // low] if low and high % low == 0 else [])
        found |= set().union(*(reachable([*rest, x], least) for x in results if x >= least))
    return found


def test_what_zero_adds_to_the_game():
    """The docstring's comparison with Stream of Search, where 0 goes on as a number."""
    numbers = (98, 68, 98, 27)
    assert 68 in reachable(numbers, 0) and 68 not in reachable(numbers, 1)
    for target in range(60, 80):
        assert bool(depth_first(Countdown(numbers, target)).solutions) == (target in reachable(numbers, 1))


@pytest.mark.parametrize("whole", [int, np.int64, np.uint8, torch.tensor])
def test_integers_of_every_kind(whole):
    assert SubsetSum((whole(2), whole(3)), whole(3)) == SubsetSum((2, 3), 3)
    assert NQueens(whole(4)) == NQueens(4) and type(NQueens(whole(4)).n) is int
    assert Countdown((whole(2), whole(3)), whole(6)) == Countdown((2, 3), 6)
    assert Sudoku4((whole(1),) + (0,) * 15) == Sudoku4((1,) + (0,) * 15)
    for problem in (SubsetSum, Countdown, Sudoku4):
        assert problem.random(whole(4), seed=whole(1)) == problem.random(4, seed=1)
    assert depth_first(NQueens(6), max_nodes=whole(3)).nodes == 3
    assert to_dyck([0, 2], whole(2)).tolist() == [0, 2] and trace_size(whole(3)) == 6


def test_a_seed_gives_the_problem_that_it_always_gave():
    """Recorded numbers depend on them."""
    assert SubsetSum.random(seed=0) == SubsetSum((18, 13, 11, 6, 7, 1), 18)
    assert Countdown.random(seed=0) == Countdown((9, 7, 6), 69)
    assert Countdown.random(4, largest=20, seed=3) == Countdown((17, 2, 4, 5), 7)
    assert Sudoku4.random(seed=0).cells == (4, 0, 1, 3, 1, 0, 0, 0, 0, 0, 2, 4, 0, 0, 0, 0)


@pytest.mark.parametrize("problem", [SubsetSum, Countdown, Sudoku4])
def test_every_kind_of_seed(problem):
    for kind in (torch.Generator().manual_seed, np.random.default_rng, int):
        assert problem.random(4, seed=kind(3)) == problem.random(4, seed=kind(3))
    source = torch.Generator().manual_seed(3)
    assert len({problem.random(4, seed=source) for _ in range(10)}) > 5  # its state moves on
    with pytest.raises(ValueError, match=r"^seed must be"):
        problem.random(4, seed="a")


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: search.NQueens(2.5), "n must be"),
        (lambda: search.NQueens("a"), "n must be"),
        (lambda: search.SubsetSum((3, float("nan")), 3), r"numbers\[1\] must be"),
        (lambda: search.SubsetSum((3, 2), 2.5), "target must be"),
        (lambda: search.SubsetSum((3, 2), float("nan")), "target must be"),
        (lambda: search.Sudoku4((1.5,) + (0,) * 15), r"cells\[0\] must be"),
        (lambda: search.to_dyck([0.5, 1], 2), "tokens must hold integers"),
        (lambda: search.from_dyck([0.9, 2.2], 2), "word must hold integers"),
        (lambda: search.to_dyck([[0, 2], [0]], 2), "tokens must be one word"),
        (lambda: search.to_dyck([0, -1, 2], 2), "tokens may hold -1 only after"),
        (lambda: search.to_dyck(None, 2), "tokens must be a tensor, an array or a list"),
        (lambda: search.to_dyck([0], None), "k must be"),
        (lambda: search.from_dyck([0], 2.0, format="untyped"), "k must be"),
        (lambda: search.trace_size(2.5), "branching must be"),
        (lambda: search.trace_size(2, format=["typed"]), "format must be one of"),
        (lambda: search.trace(None), "search must be what depth_first or breadth_first returned"),
        (lambda: search.NQueens(True), "n must be"),
        (lambda: search.Countdown((3, 2), None), "target must be"),
        (lambda: search.Countdown((3, 2), 2.5), "target must be"),
        (lambda: search.Countdown(None, 2), "numbers must be a sequence"),
        (lambda: search.SubsetSum(3, 2), "numbers must be a sequence"),
        (lambda: search.SubsetSum([[1]], 3), r"numbers\[0\] must be"),
        (lambda: search.SubsetSum((3, -1), 3), r"numbers\[1\] must be"),
        (lambda: search.Sudoku4(None), "cells must be a sequence"),
        (lambda: search.Sudoku4((5,) + (0,) * 15), r"cells\[0\] must be an integer from 0 to 4"),
        (lambda: search.Sudoku4((1,)), "cells must be 16 numbers"),
        (lambda: search.SubsetSum.random(2.5), "n must be"),
        (lambda: search.SubsetSum.random(2, largest=0), "largest must be"),
        (lambda: search.Countdown.random(1), "n must be an integer of at least 2"),
        (lambda: search.Countdown.random("a"), "n must be"),
        (lambda: search.Sudoku4.random(17), "clues must be an integer from 0 to 16"),
        (lambda: search.depth_first(None), "problem must have .* lacks branching, start"),
        (lambda: search.breadth_first(NQueens), "problem must have|problem.branching must be"),
        (lambda: search.depth_first(NQueens(4), max_nodes=2.5), "max_nodes must be"),
        (lambda: search.breadth_first(NQueens(4), first_only=None), "first_only must be"),
        (lambda: search.depth_first(Broken(None)), "choices must return a list of labels"),
        (lambda: search.depth_first(Broken([0, 2])), r"choices must be labels in 0..1, .* offers 2"),
        (lambda: search.breadth_first(Broken([0.5])), r"choices must be labels in 0..1, .* offers 0.5"),
    ],
)
def test_what_is_no_whole_number_is_refused_not_rounded(make, name):
    with pytest.raises(ValueError, match=f"^({name})"):
        make()


@pytest.mark.parametrize("problem", [search.SubsetSum((7, 12), 19), search.Countdown((2, 3, 10), 16)])
@pytest.mark.parametrize("format", search.FORMATS)
def test_a_written_search_can_be_read_back(problem, format):
    found = search.depth_first(problem)
    row = search.write_search(problem, found, format=format).tolist()
    end = row.index(search.SEPARATOR)
    assert row[0] == search.START and row[-1] == search.STOP
    digits = "".join(map(str, row[1:end]))
    assert (int(digits[:3]), *(int(digits[i : i + 2]) for i in range(3, len(digits), 2))) == (
        problem.target, *problem.numbers,
    )  # fmt: skip
    tokens = [token - search.FIRST for token in row[end + 1 : -1]]
    word = search.to_dyck(tokens, problem.branching, format=format)
    assert tuple(dyck.open_stack(word, problem.branching)) == found.solutions[0]
    assert max(row) < search.text_size(problem.branching, format=format)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((search.NQueens(4),), "problem must have numbers and a target"),
        ((search.SubsetSum((100,), 0),), r"numbers\[0\] must have at most 2 digits, got 100"),
        ((search.SubsetSum((1,), 1), 3), "digits must be a pair"),
        ((search.SubsetSum((1,), 1), (0, 2)), r"digits\[0\]"),
    ],
)
def test_a_prompt_refuses_what_it_cannot_write(arguments, message):
    problem, *digits = arguments
    with pytest.raises(ValueError, match=message):
        search.write_prompt(problem, **({"digits": digits[0]} if digits else {}))


# --- laws -----------------------------------------------------------------------------------------------------------


def test_a_law_draws_what_it_says():
    rng = np.random.default_rng(0)
    drawn = [search.SumLaw(sizes=(2, 5), largest=7, order="largest first").problem(rng) for _ in range(40)]
    assert {len(p.numbers) for p in drawn} == {2, 5} and {max(p.numbers) for p in drawn} <= set(range(1, 8))
    assert all(p.numbers == tuple(sorted(p.numbers, reverse=True)) for p in drawn)
    plain, left = (search.SumLaw(leave=leave).problem(5, n=4) for leave in (0, 2))
    assert (plain.numbers, plain.target) == (left.numbers, left.target) and len(plain.numbers) == 4
    free = search.OrderedSum((1, 1, 1), 2, leave=1)
    assert free.choices((0, 0)) == [1, 0] and search.SubsetSum((1, 1, 1), 2).choices((0, 0)) == [0, 1]
    assert free.choices((1, 1)) == [0, 1]


@pytest.mark.parametrize("bad", [{"sizes": ()}, {"sizes": (0,)}, {"largest": 0}, {"order": "sorted"}, {"leave": -1}])
def test_a_law_that_is_none_is_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        search.SumLaw(**bad)


def test_a_summary_counts_moves_retreats_and_heights():
    assert search.summary([(0,), (0, 1), (1,), (1, 0), (1, 0, 0)]) == (5, 1, 3, 1.8)
