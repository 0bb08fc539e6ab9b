"""Combinatorial problems, tree search through them, and the search written down as tokens.

A problem is anything with the members of `Problem`. A choice is an integer label in ``0..branching-1``, so that a path
of choices names a node of the search tree, and a depth-first search is a Dyck word with ``branching`` bracket types:
choose = open the label's bracket, backtrack = close it.
"""

from collections import deque
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any, Protocol

import numpy as np
import torch

from howfar import checks
from howfar.dyck import END, check_words, word_array

FORMATS = ("typed", "untyped", "echoed")


# Problems ------------------------------------------------------------------------------------------------------------


class Problem(Protocol):
    """What a searcher needs to know.

    Attributes
    ----------
    branching : int
        Labels are in ``0..branching-1``.
    """

    branching: int

    def start(self) -> Any:
        """The state at the root; states are not changed in place."""

    def choices(self, state) -> list[int]:
        """The labels that may be chosen in a state, in the order in which a search tries them."""

    def choose(self, state, label: int) -> Any:
        """The state after a choice."""

    def is_goal(self, state) -> bool:
        """Is this state a solution?"""


@dataclass(frozen=True)
class SubsetSum:
    """Which of the numbers add up to the target? Label 0 takes the next number, label 1 leaves it.

    A choice is offered only if the sum can still reach the target and has not passed it. The depth of the tree is the
    number of numbers.

    Parameters
    ----------
    numbers : tuple of int
        Positive.
    target : int

    Raises
    ------
    ValueError
        If a number is no positive integer, or the target no integer of at least 0.
    """

    numbers: tuple
    target: int
    branching = 2

    def __post_init__(self):
        object.__setattr__(self, "numbers", _whole_numbers(self.numbers, "numbers"))
        object.__setattr__(self, "target", checks.count("target", self.target, least=0))

    @classmethod
    def random(cls, n=6, *, largest=20, seed=None):
        """n numbers in 1..largest and the sum of a random subset: at least one solution.

        ``seed`` is an int, a `torch.Generator`, a `numpy.random.Generator` or None, here and in the other problems.
        """
        n, rng = checks.count("n", n, least=0), checks.numpy_generator(seed)
        numbers = _random_numbers(rng, n, largest)
        return cls(numbers, sum(x for x, taken in zip(numbers, rng.random(n) < 0.5, strict=True) if taken))

    def start(self):
        return 0, 0  # how many numbers were decided, and their sum

    def choices(self, state):
        decided, total = state
        if decided == len(self.numbers):
            return []
        rest = sum(self.numbers[decided + 1 :])
        sums = (total + self.numbers[decided], total)
        return [label for label, s in enumerate(sums) if s <= self.target <= s + rest]

    def choose(self, state, label):
        decided, total = state
        return decided + 1, total + (self.numbers[decided] if label == 0 else 0)

    def is_goal(self, state):
        return state == (len(self.numbers), self.target)


@dataclass(frozen=True)
class NQueens:
    """n queens on an n x n board, no two in line: label c puts the next row's queen in column c.

    Parameters
    ----------
    n : int

    Raises
    ------
    ValueError
        If ``n`` is no positive integer.
    """

    n: int

    def __post_init__(self):
        object.__setattr__(self, "n", checks.count("n", self.n))

    @property
    def branching(self):
        return self.n

    def start(self):
        return ()  # the columns of the queens so far

    def choices(self, state):
        row = len(state)
        if row == self.n:
            return []
        return [
            column
            for column in range(self.n)
            if all(column != c and abs(column - c) != row - r for r, c in enumerate(state))
        ]

    def choose(self, state, label):
        return (*state, label)

    def is_goal(self, state):
        return len(state) == self.n


@dataclass(frozen=True)
class Sudoku4:
    """A 4 x 4 Sudoku: label v writes v + 1 into the first empty cell, in reading order.

    Parameters
    ----------
    cells : tuple of int (16,)
        Row by row, 1..4, or 0 where a cell is empty.

    Raises
    ------
    ValueError
        If there are not 16 cells with 0..4, or two clues clash.
    """

    cells: tuple = (0,) * 16
    branching = 4

    def __post_init__(self):
        cells = _whole_numbers(self.cells, "cells", least=0, most=4)
        if len(cells) != 16:
            raise ValueError(f"cells must be 16 numbers in 0..4, got {len(cells)} numbers")
        for cell, value in enumerate(cells):
            if value and any(cells[other] == value for other in _SEEN[cell]):
                raise ValueError(
                    f"cells must not clash: {value} stands twice in a line or block, seen from cell {cell}"
                )
        object.__setattr__(self, "cells", cells)

    @classmethod
    def random(cls, clues=6, *, seed=None):
        """A random one of the 288 full grids with all but some random cells emptied; it may have further solutions."""
        clues, rng = checks.count("clues", clues, least=0, most=16), checks.numpy_generator(seed)
        grids = _all_grids()
        grid = np.array(grids[rng.integers(len(grids))]) + 1
        grid[rng.permutation(16)[clues:]] = 0
        return cls(tuple(grid.tolist()))

    def start(self):
        return self.cells

    def choices(self, state):
        if 0 not in state:
            return []
        seen = {state[other] for other in _SEEN[state.index(0)]}
        return [value - 1 for value in range(1, 5) if value not in seen]

    def choose(self, state, label):
        cell = state.index(0)
        return (*state[:cell], label + 1, *state[cell + 1 :])

    def is_goal(self, state):
        return 0 not in state


def _seen_from(cell):
    row, column = divmod(cell, 4)
    return tuple(
        other
        for other in range(16)
        if other != cell
        and (other // 4 == row or other % 4 == column or (other // 8 == cell // 8 and other % 4 // 2 == column // 2))
    )


_SEEN = tuple(_seen_from(cell) for cell in range(16))


@cache
def _all_grids():
    return depth_first(Sudoku4(), first_only=False).solutions


@dataclass(frozen=True)
class Countdown:
    """Combine all numbers by + - * / to reach the target; a choice replaces two numbers by the result.

    Label ``4 p + o`` takes the p-th pair of the numbers, sorted from the largest, in the order of
    ``itertools.combinations``, and the operation ``"+-*/"[o]``. Differences are taken from the larger number and must
    be positive; quotients must be whole.

    Parameters
    ----------
    numbers : tuple of int
        Positive, at least two.
    target : int

    Raises
    ------
    ValueError
        If there are fewer than two numbers, one is no positive integer, or the target no integer of at least 0.

    Notes
    -----
    Not quite the game of Stream of Search (Gandhi et al., 2024, arXiv:2404.03683), where the difference of two equal
    numbers is 0 and 0 goes on as a number: 68 is reached from (98, 68, 98, 27) there, by 98 - 98 = 0, 27 * 0 = 0 and
    68 + 0 = 68, and cannot be reached here. A problem that is solvable there need not be solvable here.
    """

    numbers: tuple
    target: int

    def __post_init__(self):
        numbers = _whole_numbers(self.numbers, "numbers")
        if len(numbers) < 2:
            raise ValueError(f"numbers must be at least two, got {numbers}")
        object.__setattr__(self, "numbers", numbers)
        object.__setattr__(self, "target", checks.count("target", self.target, least=0))

    @classmethod
    def random(cls, n=3, *, largest=10, seed=None):
        """n numbers in 1..largest and a target that random operations reach: at least one solution."""
        n, rng = checks.count("n", n, least=2), checks.numpy_generator(seed)
        numbers = _random_numbers(rng, n, largest)
        problem = cls(numbers, 0)
        state = problem.start()
        while len(state) > 1:
            state = problem.choose(state, int(rng.choice(problem.choices(state))))
        return cls(numbers, state[0])

    @property
    def branching(self):
        n = len(self.numbers)
        return 4 * (n * (n - 1) // 2)

    def start(self):
        return tuple(sorted(self.numbers, reverse=True))

    def choices(self, state):
        labels = []
        for pair, (x, y) in enumerate(combinations(state, 2)):  # x >= y > 0
            allowed = (True, x > y, True, x % y == 0)
            labels += [4 * pair + operation for operation in range(4) if allowed[operation]]
        return labels

    def choose(self, state, label):
        pair, operation = divmod(label, 4)
        i, j = list(combinations(range(len(state)), 2))[pair]
        x, y = state[i], state[j]
        result = (x + y, x - y, x * y, x // y)[operation]
        rest = [v for place, v in enumerate(state) if place not in (i, j)]
        return tuple(sorted([*rest, result], reverse=True))

    def is_goal(self, state):
        return state == (self.target,)


def _whole_numbers(numbers, name, least=1, most=None):
    try:
        numbers = tuple(numbers)
    except TypeError:
        raise ValueError(f"{name} must be a sequence of integers, got {numbers!r}") from None
    return tuple(checks.count(f"{name}[{i}]", x, least=least, most=most) for i, x in enumerate(numbers))


def _random_numbers(rng, n, largest):
    largest = checks.count("largest", largest, most=2**62)
    return tuple(rng.integers(1, largest, size=n, endpoint=True).tolist())


# Search --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Search:
    """What a search did.

    Attributes
    ----------
    strategy : str
        ``"depth-first"`` or ``"breadth-first"``.
    branching : int
    addresses : list of tuple of int
        Where the search stood after each move: the path of labels from the root. Depth-first moves go one step down or
        up; breadth-first moves jump from node to node.
    solutions : list of tuple of int
        The paths to the solutions found, in the order found.
    nodes : int
        Nodes visited, the root included.
    exhausted : bool
        True if the whole tree was searched.
    """

    strategy: str
    branching: int
    addresses: list
    solutions: list
    nodes: int
    exhausted: bool


def depth_first(problem, *, first_only=True, max_nodes=None):
    """Search the tree depth first, labels in the order that the problem gives.

    Parameters
    ----------
    problem : Problem
    first_only : bool
        True: stop at the first solution. False: search the whole tree.
    max_nodes : int, optional
        Give up when this many nodes were visited and another would follow.

    Returns
    -------
    Search

    Raises
    ------
    ValueError
        If ``problem`` lacks a member of `Problem` or offers a label that is not in ``0..branching-1``, or if
        ``first_only`` is no bool or ``max_nodes`` no positive integer.
    """
    first_only, max_nodes = _checked(problem, first_only, max_nodes)
    root = problem.start()
    addresses, solutions, nodes = [], [], 1
    path, frames = (), [(root, iter(_labels(problem, root)))]
    stop = problem.is_goal(root)
    if stop:
        solutions.append(())
    stop = stop and first_only
    while frames and not stop:
        state, rest = frames[-1]
        label = next(rest, None)
        if label is None:
            frames.pop()
            if frames:
                path = path[:-1]
                addresses.append(path)
            continue
        if max_nodes is not None and nodes == max_nodes:
            break
        state, path, nodes = problem.choose(state, label), (*path, label), nodes + 1
        addresses.append(path)
        frames.append((state, iter(_labels(problem, state))))
        if problem.is_goal(state):
            solutions.append(path)
            stop = first_only
    return Search("depth-first", problem.branching, addresses, solutions, nodes, not frames)


def breadth_first(problem, *, first_only=True, max_nodes=None):
    """Search the tree level by level; parameters, result and errors are those of `depth_first`."""
    first_only, max_nodes = _checked(problem, first_only, max_nodes)
    queue = deque([((), problem.start())])
    addresses, solutions, nodes = [], [], 0
    while queue:
        if max_nodes is not None and nodes == max_nodes:
            break
        path, state = queue.popleft()
        nodes += 1
        if path:
            addresses.append(path)
        if problem.is_goal(state):
            solutions.append(path)
            if first_only:
                return Search("breadth-first", problem.branching, addresses, solutions, nodes, False)
        queue.extend(((*path, label), problem.choose(state, label)) for label in _labels(problem, state))
    return Search("breadth-first", problem.branching, addresses, solutions, nodes, not queue)


def _labels(problem, state):
    labels = problem.choices(state)
    if labels is None:
        raise ValueError(f"choices must return a list of labels, {problem} returns None in state {state!r}")
    labels = list(labels)
    for label in labels:
        if not isinstance(label, (int, np.integer)) or not 0 <= label < problem.branching:
            raise ValueError(f"choices must be labels in 0..{problem.branching - 1}, {problem} offers {label!r}")
    return labels


def _checked(problem, first_only, max_nodes):
    """The options of a search; raises where the problem is none."""
    lacking = [name for name in ("branching", "start", "choices", "choose", "is_goal") if not hasattr(problem, name)]
    if lacking:
        raise ValueError(
            f"problem must have the members of howfar.search.Problem; {problem!r} lacks {', '.join(lacking)}"
        )
    checks.count("problem.branching", problem.branching)
    return checks.flag("first_only", first_only), None if max_nodes is None else checks.count("max_nodes", max_nodes)


# Traces --------------------------------------------------------------------------------------------------------------


def trace(search, *, format="typed"):
    """A search as the tokens that a model is trained on.

    Parameters
    ----------
    search : Search
    format : str
        With k the branching: ``"typed"``: label s when it is chosen, ``k + s`` when it is given up; 2k tokens.
        ``"untyped"``: s when it is chosen, k whatever is given up; k + 1 tokens. ``"echoed"``: after each move k, then
        the whole path of labels; k + 1 tokens, and the stack stands in the text. A breadth-first search jumps, so it
        can only be echoed.

    Returns
    -------
    LongTensor (length,)

    Raises
    ------
    ValueError
        If ``search`` is none, or ``format`` is unknown or does not fit the strategy.
    """
    if not isinstance(search, Search):
        raise ValueError(f"search must be what depth_first or breadth_first returned, got {search!r}")
    checks.choice("format", format, FORMATS)
    k = search.branching
    if format == "echoed":
        return torch.tensor([token for path in search.addresses for token in (k, *path)], dtype=torch.long)
    if search.strategy != "depth-first":
        raise ValueError(f"a {search.strategy} search does not backtrack step by step: its format must be 'echoed'")
    return from_dyck(_walk(search.addresses, k), k, format=format)


def trace_size(branching, *, format="typed"):
    """How many different tokens a format has: ``2 k`` for ``"typed"``, ``k + 1`` for the others."""
    branching = checks.count("branching", branching)
    checks.choice("format", format, FORMATS)
    return 2 * branching if format == "typed" else branching + 1


def to_dyck(tokens, k, *, format="typed"):
    """The Dyck word of a depth-first trace.

    Parameters
    ----------
    tokens : sequence of int (length,)
        A trace, or the beginning of one (an echoed trace cut at the end of a move); -1 after its end is left out.
    k : int
        Branching.
    format : str
        As in `trace`.

    Returns
    -------
    LongTensor (moves,)
        A full Dyck-k word if the search came back to the root; else a viable prefix, whose open brackets
        (`howfar.dyck.open_stack`) are the path where the search stands: the solution, if it stopped at one.

    Raises
    ------
    ValueError
        If the tokens are no such trace; the message names the index or the move.
    """
    k = checks.count("k", k)
    size = trace_size(k, format=format)
    tokens = _unpadded(tokens, "tokens")
    outside = [i for i, token in enumerate(tokens) if token >= size]
    if outside:
        i = outside[0]
        raise ValueError(f"tokens must be in 0..{size - 1} in format {format!r}, index {i} is {tokens[i]}")
    if format == "typed":
        word = torch.tensor(tokens, dtype=torch.long)
        check_words(word[None], k, full=False, name="tokens")
        return word
    if format == "echoed":
        return _walk(_addresses(tokens, k), k)
    word, path = [], []
    for i, token in enumerate(tokens):
        if token < k:
            path.append(token)
            word.append(token)
        elif path:
            word.append(k + path.pop())
        else:
            raise ValueError(f"tokens: index {i} backtracks at the root")
    return torch.tensor(word, dtype=torch.long)


def from_dyck(word, k, *, format="typed"):
    """The depth-first trace of a Dyck word: the inverse of `to_dyck`.

    Parameters
    ----------
    word : sequence of int (length,)
        A Dyck-k word or a viable prefix; -1 after its end is left out.
    k : int
    format : str
        As in `trace`.

    Returns
    -------
    LongTensor (length,)

    Raises
    ------
    ValueError
        If ``word`` is no viable prefix.
    """
    k = checks.count("k", k)
    checks.choice("format", format, FORMATS)
    word = _unpadded(word, "word")
    check_words(word, k, full=False, name="word")
    if format == "typed":
        return torch.tensor(word, dtype=torch.long)
    if format == "untyped":
        return torch.tensor(word, dtype=torch.long).clamp(max=k)
    tokens, path = [], []
    for token in word:
        path = [*path, token] if token < k else path[:-1]
        tokens += [k, *path]
    return torch.tensor(tokens, dtype=torch.long)


def _unpadded(word, name):
    """The tokens of one word as a list, without the -1 after its end."""
    array = word_array(word, name=name, kind="word")
    return array[array != END].tolist()


def _addresses(tokens, k):
    if tokens and tokens[0] != k:
        raise ValueError(f"tokens must begin with {k}, which starts every move in format 'echoed', got {tokens[0]}")
    paths = []
    for token in tokens:
        if token == k:
            paths.append(())
        else:
            paths[-1] = (*paths[-1], token)
    return paths


def _walk(addresses, k):
    """The Dyck tokens of steps from the root through neighbouring addresses."""
    word, here = [], ()
    for move, path in enumerate(addresses):
        if path[:-1] == here and path:
            word.append(path[-1])
        elif here and here[:-1] == path:
            word.append(k + here[-1])
        else:
            raise ValueError(f"move {move} goes from {here} to {path}, which is neither a child nor the parent")
        here = path
    return torch.tensor(word, dtype=torch.long)
