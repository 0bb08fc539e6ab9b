"""Problems: what a searcher needs to know of one, and four of them."""

from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any, Protocol

import numpy as np

from howfar import checks
from howfar.search.searchers import depth_first


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
