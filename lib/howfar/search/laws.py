"""Laws of problems: what a domain of subset sums may differ in, and what a search is summarised by."""

from dataclasses import dataclass

import numpy as np

from howfar import checks
from howfar.search.problems import SubsetSum

ORDERS = ("given", "largest first", "smallest first")


@dataclass(frozen=True)
class OrderedSum(SubsetSum):
    """Subset sum in which the first ``leave`` numbers are left before they are taken."""

    leave: int = 0

    def choices(self, state):
        labels = super().choices(state)
        return labels[::-1] if state[0] < self.leave else labels


@dataclass(frozen=True)
class SumLaw:
    """A law of subset sums, with at least one solution each.

    Attributes
    ----------
    sizes : tuple of int
        How many numbers a problem has, each as probable.
    largest : int
        Numbers are drawn from 1 to this.
    order : {"given", "largest first", "smallest first"}
        Of the numbers in the prompt, which is the order of the choices.
    leave : int
        So many numbers, the first ones, are left before they are taken; the others are taken first.

    Raises
    ------
    ValueError
        If there are no sizes, a number is no positive integer (``leave``: less than 0), or the order is unknown.

    Examples
    --------
    >>> SumLaw(sizes=(3,), order="largest first").problem(0)
    SubsetSum(numbers=(18, 13, 11), target=31)
    """

    sizes: tuple = (3, 4, 5)
    largest: int = 20
    order: str = "given"
    leave: int = 0

    def __post_init__(self):
        if not isinstance(self.sizes, tuple) or not self.sizes:
            raise ValueError(f"sizes must be a tuple of at least one number, got {self.sizes!r}")
        for size in self.sizes:
            checks.count("sizes", size)
        checks.count("largest", self.largest)
        checks.count("leave", self.leave, least=0)
        checks.choice("order", self.order, ORDERS)

    def problem(self, seed=None, *, n=None):
        """One problem.

        Parameters
        ----------
        seed : int, torch.Generator, numpy.random.Generator or None
        n : int, optional
            How many numbers it has; drawn from the sizes if left out.

        Returns
        -------
        SubsetSum
        """
        rng = checks.numpy_generator(seed)
        drawn = SubsetSum.random(int(rng.choice(self.sizes)) if n is None else n, largest=self.largest, seed=rng)
        numbers = drawn.numbers
        if self.order != "given":
            numbers = tuple(sorted(numbers, reverse=self.order == "largest first"))
        return OrderedSum(numbers, drawn.target, self.leave) if self.leave else SubsetSum(numbers, drawn.target)


def summary(addresses):
    """A search in four numbers, as papers summarise traces.

    Parameters
    ----------
    addresses : list of tuple
        Where it stood after each of its moves; at least one.

    Returns
    -------
    tuple of float
        Moves; retreats, moves to a smaller height; the greatest and the mean height.
    """
    heights = np.array([len(address) for address in addresses])
    return len(heights), int((np.diff(heights) < 0).sum()), int(heights.max()), float(heights.mean())
