"""The domains: where a model of search is trained, and where it is asked.

A domain is a law of problems, of the searches that solve them, and of the position at which a row begins. Along an axis
one of these changes and the others stay.
"""

import functools
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import torch

from howfar import checks, search
from howfar.tasks import Batch

LENGTH = 80  # tokens of a row, in training and in tests: no position is read in a test that training hasn't had
POOL = 6_000  # problems that training draws from
SAMPLE, TEST = 500, 80  # searches of a domain: for the distances, and (the first ones) for risk and solve rate
HOMES = 19  # further draws of the training law: what two samples of one law show
TRIED = 150  # nodes of a search: more than fit into a row

SIZES, LARGEST, LEAVE, OFFSETS = (2, 3, 4, 5, 6, 7, 8), (5, 10, 15, 20, 30, 40, 60, 80), (1, 2, 3, 4), (1, 2, 4, 8, 16)
FAR = (32, 64)
ALL = 99  # more numbers than a problem has
DIGITS = {"subset sum": (3, 2), "countdown": (5, 2)}  # of the target, of a number


@dataclass(frozen=True)
class Domain(search.SumLaw):
    """One law of rows: of problems (see `howfar.search.SumLaw`), of searches, of positions.

    Attributes
    ----------
    axis : str
        What differs from the law of training: ``"home"`` (nothing), ``"n"``, ``"size"``, ``"order"``, ``"offset"`` or
        ``"strategy"``.
    level : str
    offset : int
        The position of the first token.
    share : float, optional
        How much of it is depth-first; the rest is breadth-first. Left out: as in training.
    draw : int
        Another number, another sample of the same law.
    task : {"subset sum", "countdown"}
    """

    axis: str = "home"
    level: str = "0"
    offset: int = 0
    share: float | None = None
    draw: int = 0
    task: str = "subset sum"

    @property
    def name(self):
        return f"{self.axis} {self.level}"


def axes(task="subset sum"):
    """The domains of each axis, a dict of lists; the level at which nothing has changed is on each.

    Parameters
    ----------
    task : {"subset sum", "countdown"}
        Countdown has one axis, the size of the numbers.
    """
    checks.choice("task", task, tuple(DIGITS))
    if task == "countdown":
        home = Domain(sizes=(3,), largest=10, task=task)
        sizes = [replace(home, axis="size", level=str(k), largest=k) for k in (4, 6, 8, 10, 12, 16, 20, 30)]
        return {"home": _draws(home), "size": sizes, "strategy": _strategies(home)}
    home = Domain()
    orders = {"given": {}, **{f"leave {j}": {"leave": j} for j in LEAVE}, "leave all": {"leave": ALL}}
    orders |= {order: {"order": order} for order in ("largest first", "smallest first")}
    return {
        "home": _draws(home),
        "n": [replace(home, axis="n", level=str(n), sizes=(n,)) for n in SIZES],
        "size": [replace(home, axis="size", level=str(k), largest=k) for k in LARGEST],
        "order": [replace(home, axis="order", level=level, **changes) for level, changes in orders.items()],
        "offset": [replace(home, axis="offset", level=str(s), offset=s) for s in (0, *OFFSETS, *FAR)],
        "strategy": _strategies(home),
    }


def _draws(home):
    return [replace(home, level=str(draw), draw=draw) for draw in range(HOMES + 1)]


def _strategies(home):
    levels = {"breadth-first": 0.0, "half": 0.5, "depth-first": 1.0}
    return [replace(home, axis="strategy", level=level, share=share) for level, share in levels.items()]


@dataclass(frozen=True)
class Rows:
    """A sample of a domain.

    Attributes
    ----------
    problems : list
    batch : Batch
        Tokens (rows, LENGTH), the next ones, the mask of those that count, positions.
    stops : list of list of tuple
        Where each search stood after each of its moves that fit into the row.
    """

    problems: list
    batch: Batch
    stops: list

    @functools.cached_property
    def words(self):
        """What is to be predicted, int64 (rows, LENGTH): the trace and the token after it, then -1."""
        targets = self.batch.targets.numpy()
        mask = self.batch.mask.numpy()
        order = np.argsort(~mask, axis=1, kind="stable")  # the tokens that count first, in their order
        return np.take_along_axis(np.where(mask, targets, -1), order, axis=1)

    def first(self, rows):
        """The first rows."""
        return Rows(self.problems[:rows], Batch(*(part[:rows] for part in self.batch)), self.stops[:rows])


@functools.cache
def pool(task="subset sum", size=POOL):
    """The problems of training, a list; a test meets none of them."""
    home = axes(task)["home"][0]
    rng = np.random.default_rng(7)
    return [_problem(home, home.sizes[i % len(home.sizes)], rng) for i in range(size)]


@functools.cache
def training(mixture, task="subset sum"):
    """The rows that training draws from, with a share ``mixture`` of depth-first searches: `Rows`."""
    return _rows(pool(task), mixture, 0)


@functools.cache
def sample(domain, mixture, size=SAMPLE):
    """Fresh searches of a domain, none of a problem of training.

    Parameters
    ----------
    domain : Domain
    mixture : float
        The share of depth-first searches in training; that of the domain, unless it has its own.
    size : int

    Returns
    -------
    Rows
    """
    share = mixture if domain.share is None else domain.share
    return _rows(problems(domain, size)[0], share, domain.offset)


@functools.cache
def problems(domain, size=SAMPLE):
    """Problems of a domain that training hasn't: a list; and how many draws were thrown away for that."""
    met = {(p.numbers, p.target) for p in pool(domain.task)}
    # Where only the order, the position or the strategy changes, the problems are the same at every level.
    same = domain.axis in ("order", "offset", "strategy")
    rng = np.random.default_rng([domain.draw, *map(ord, domain.axis if same else domain.name)])
    found, refused = [], 0
    while len(found) < size:
        drawn = _problem(domain, domain.sizes[len(found) % len(domain.sizes)], rng)
        if (drawn.numbers, drawn.target) in met:
            refused += 1
        else:
            found.append(drawn)
    return found, refused


def digits_of(problem):
    """Of a target and of a number, in the prompt of such a problem."""
    return DIGITS["countdown" if isinstance(problem, search.Countdown) else "subset sum"]


def solutions_in(rows):
    """How many rows hold their whole search."""
    return int((rows.words == search.STOP).any(1).sum())


def solves(problem, said):
    """Whether a trace that a model has written ends, and ends in a solution.

    Parameters
    ----------
    problem : SubsetSum or Countdown
    said : array (tokens,)
        What the model wrote after the prompt; -1 after STOP.

    Returns
    -------
    bool
        True if STOP was said and the last move leads to a goal through choices that the problem offers.
    """
    text = [int(t) for t in said if t >= 0]
    if not text or text[-1] != search.STOP or search.FIRST + problem.branching not in text:
        return False
    marks = [i for i, t in enumerate(text) if t == search.FIRST + problem.branching]
    return is_solution(problem, [t - search.FIRST for t in text[marks[-1] + 1 : -1]])


def is_solution(problem, path):
    """Whether a path of labels leads to a goal."""
    state = problem.start()
    for label in path:
        if label not in problem.choices(state):
            return False
        state = problem.choose(state, label)
    return problem.is_goal(state)


def constant_rate(domain, rows):
    """The share of problems that the best constant answer solves: one path for each n, the most frequent solution.

    It is chosen on all of a domain's sample but the problems that it is then asked.
    """
    everything = problems(domain)[0]
    solved = []
    for n in domain.sizes:
        counts = Counter(path for p in everything[len(rows) :] if len(p.numbers) == n for path in _all_solutions(p))
        best = counts.most_common(1)[0][0] if counts else ()
        solved += [is_solution(p, best) for p in rows if len(p.numbers) == n]
    return float(np.mean(solved))


@functools.cache
def _all_solutions(problem):
    return search.depth_first(problem, first_only=False).solutions


def _problem(domain, n, rng):
    if domain.task == "countdown":
        return search.Countdown.random(n, largest=domain.largest, seed=rng)
    return domain.problem(rng, n=n)


def _rows(found, share, offset):
    """Searches as rows: of row i depth-first, if the shares up to i say so."""
    inputs, targets = (torch.zeros(len(found), LENGTH, dtype=torch.long) for _ in range(2))
    mask, stops = torch.zeros(len(found), LENGTH, dtype=torch.bool), []
    for i, problem in enumerate(found):
        # In blocks of one of each n, so that both strategies meet every n.
        deep = int((i // 3 + 1) * share) > int(i // 3 * share)
        run = (search.depth_first if deep else search.breadth_first)(problem, max_nodes=TRIED)
        row = search.write_search(problem, run, digits=digits_of(problem))
        first, end = int((row == search.SEPARATOR).nonzero()[0]), min(len(row) - 1, LENGTH)
        inputs[i, :end], targets[i, :end], mask[i, first:end] = row[:end], row[1 : end + 1], True
        ends = first + np.cumsum([1 + len(path) for path in run.addresses])
        stops.append([path for path, last in zip(run.addresses, ends, strict=True) if last <= LENGTH])
    return Rows(found, Batch(inputs, targets, mask, torch.arange(LENGTH) + offset), stops)
