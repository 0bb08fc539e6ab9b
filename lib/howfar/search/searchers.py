"""Searchers: depth first and breadth first, with every move noted."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from howfar import checks


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
