"""Laws of searches: subset sum as trained, and shifted in one respect each; samples of them as rows of tokens."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch

from howfar import checks, tasks
from howfar.search import STOP, SumLaw, breadth_first, depth_first, summary

LENGTH = 96  # tokens that a model reads; a longer row is cut
ALL = 99  # more numbers than a problem has


@dataclass(frozen=True)
class Domain(SumLaw):
    """A law of problems (see `howfar.search.SumLaw`), and how they are searched.

    Attributes
    ----------
    strategy : {"depth-first", "breadth-first"}
    """

    strategy: str = "depth-first"


HOME = Domain()


def domains(home=HOME):
    """The same law again, and ten that differ from it in one respect each.

    Parameters
    ----------
    home : Domain

    Returns
    -------
    dict
        Of `Domain`, by name.
    """
    return {
        "same law": home,
        "2 numbers": replace(home, sizes=(2,)),
        "6 numbers": replace(home, sizes=(6,)),
        "8 numbers": replace(home, sizes=(8,)),
        "numbers up to 5": replace(home, largest=5),
        "numbers up to 40": replace(home, largest=40),
        "numbers up to 80": replace(home, largest=80),
        "largest first": replace(home, order="largest first"),
        "smallest first": replace(home, order="smallest first"),
        "leave first": replace(home, leave=ALL),
        "breadth first": replace(home, strategy="breadth-first"),
    }


class Sample(NamedTuple):
    """Searches of one law.

    Attributes
    ----------
    problems : set of (numbers, target)
    searches : list of howfar.search.Search
    batch : howfar.tasks.Batch
        (n, 96), see `howfar.tasks.search_traces`.
    """

    problems: set
    searches: list
    batch: tasks.Batch


def draw(domain, n, *, seed, avoid=()):
    """A sample of a law.

    Parameters
    ----------
    domain : Domain
    n : int
    seed : int, torch.Generator, numpy.random.Generator or None
    avoid : set of (numbers, target)
        Problems that must not be drawn: the ``problems`` of training.

    Returns
    -------
    Sample
    """
    rng, problems = checks.numpy_generator(seed), []
    while len(problems) < n:
        problem = domain.problem(rng)
        if (problem.numbers, problem.target) not in avoid:
            problems.append(problem)
    search = breadth_first if domain.strategy == "breadth-first" else depth_first
    batch = tasks.search_traces(problems, strategy=domain.strategy, length=LENGTH)
    return Sample({(p.numbers, p.target) for p in problems}, [search(p) for p in problems], batch)


def words(batch):
    """The rows of a batch as words: prompt, trace, STOP, filled up with further STOPs.

    Parameters
    ----------
    batch : howfar.tasks.Batch
        Of `howfar.tasks.search_traces`, (n, T).

    Returns
    -------
    LongTensor (n, T + 1)
    """
    rows = torch.cat([batch.inputs[:, :1], batch.targets], 1)
    return rows.masked_fill(torch.arange(rows.shape[1]) >= sizes(batch)[:, None], STOP)


def sizes(batch):
    """How many tokens each row has, STOP included: LongTensor (n,)."""
    places = torch.arange(1, batch.mask.shape[1] + 1)
    return (batch.mask * places).amax(1) + 1


def features(sample):
    """A search in five numbers, as papers summarise traces: tokens, moves, retreats, greatest and mean height.

    Parameters
    ----------
    sample : Sample

    Returns
    -------
    float64 array (n, 5)
    """
    rows = []
    for search, tokens in zip(sample.searches, sizes(sample.batch).tolist(), strict=True):
        rows.append([tokens, *summary(search.addresses)])
    return np.array(rows, dtype=float)
